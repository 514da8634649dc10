// Looks for a song's peers, and dials them, while its manifest is still on the way: three round trips fewer before the first sound.
// Not the coordinator's own searches, which are answered from here while they are fresh; a forward look that fails costs nothing.
// Invariant: a song is looked for ahead once at a time, and what was found ahead is handed out at most once.

import { toEvaError } from '@evastream/core/errors'
import type { SongId } from '@evastream/core/ids'
import { type Millis, SECOND_MS } from '@evastream/core/units'
import type { Clock, ListedPeer, NodeLog, TrackerPort } from '../ports.ts'

export interface PeerScoutDeps {
  readonly tracker: Pick<TrackerPort, 'getPeers'>
  readonly clock: Clock
  readonly log: Pick<NodeLog, 'debug'>
  /** Learns the peer's address, and dials it if there is room. */
  introduce(peer: ListedPeer): void
}

interface Search {
  readonly begunAt: Millis
  readonly found: Promise<readonly ListedPeer[]>
}

/** An answer this old is not handed out any more: the manifest took long, and peers come and go. */
const FRESH_MS = 2 * SECOND_MS

export class PeerScout {
  readonly #deps: PeerScoutDeps
  readonly #searches = new Map<SongId, Search>()
  readonly #abort = new AbortController()

  constructor(deps: PeerScoutDeps) {
    this.#deps = deps
  }

  lookAhead(songId: SongId): void {
    if (this.#abort.signal.aborted || this.#freshSearch(songId) !== undefined) return
    const { tracker, clock } = this.#deps
    const search = { begunAt: clock.now(), found: tracker.getPeers(songId, this.#abort.signal) }
    this.#searches.set(songId, search)
    void this.#introduceAll(songId, search)
  }

  /** As the tracker's own, or what was found ahead. */
  async getPeers(songId: SongId, signal: AbortSignal): Promise<readonly ListedPeer[]> {
    const search = this.#freshSearch(songId)
    this.#searches.delete(songId)
    const ahead = await search?.found.catch(toEvaError)
    return Array.isArray(ahead) ? ahead : this.#deps.tracker.getPeers(songId, signal)
  }

  stop(): void {
    this.#abort.abort()
    this.#searches.clear()
  }

  async #introduceAll(songId: SongId, search: Search): Promise<void> {
    const found = await search.found.catch(toEvaError)
    if (Array.isArray(found)) for (const peer of found) this.#deps.introduce(peer)
    else {
      if (this.#searches.get(songId) === search) this.#searches.delete(songId)
      this.#deps.log.debug({ songId, err: found }, 'Nobody could be looked for ahead.')
    }
  }

  #freshSearch(songId: SongId): Search | undefined {
    const search = this.#searches.get(songId)
    return search !== undefined && this.#deps.clock.now() - search.begunAt <= FRESH_MS ? search : undefined
  }
}
