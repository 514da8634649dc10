// Looks for a song's peers, and dials them, while its manifest is on the way; the Scheduler's own search is then answered from here.
// Not the tracker session, which it asks. It is what the peer node's scout is.
// Invariant: what was found ahead is handed out at most once, and only while it is fresh.

import type { ErrorCode } from '@evastream/core/errors'
import type { PeerId, SongId } from '@evastream/core/ids'
import { type Millis, SECOND_MS } from '@evastream/core/units'
import type { VirtualClock } from '../virtual-clock.ts'
import type { Listing } from './simulated-tracker.ts'
import type { SimulatedTrackerSession } from './simulated-tracker-session.ts'

export interface ScoutDeps {
  readonly clock: VirtualClock
  readonly session: Pick<SimulatedTrackerSession, 'find'>
  introduce(peerId: PeerId): void
}

interface Asker {
  found(listings: readonly Listing[]): void
  failed(code: ErrorCode): void
}

interface Search {
  readonly begunAt: Millis
  listings: readonly Listing[] | undefined
  /** Who asked before the answer was here. */
  asker: Asker | undefined
}

const FRESH_MS = 2 * SECOND_MS

export class SimulatedScout {
  readonly #deps: ScoutDeps
  readonly #searches = new Map<SongId, Search>()

  constructor(deps: ScoutDeps) {
    this.#deps = deps
  }

  lookAhead(songId: SongId): void {
    if (this.#fresh(songId) !== undefined) return
    const { clock, session, introduce } = this.#deps
    const search: Search = { begunAt: clock.now(), listings: undefined, asker: undefined }
    this.#searches.set(songId, search)
    session.find(
      songId,
      listings => {
        search.listings = listings
        for (const { peerId } of listings) introduce(peerId)
        search.asker?.found(listings)
      },
      () => {
        if (this.#searches.get(songId) === search) this.#searches.delete(songId)
        if (search.asker !== undefined) this.find(songId, search.asker)
      },
    )
  }

  find(songId: SongId, asker: Asker): void {
    const { clock, session } = this.#deps
    const search = this.#fresh(songId)
    this.#searches.delete(songId)
    if (search === undefined) session.find(songId, asker.found, asker.failed)
    else if (search.listings === undefined) search.asker = asker
    else {
      const { listings } = search
      clock.after(0, () => asker.found(listings))
    }
  }

  #fresh(songId: SongId): Search | undefined {
    const search = this.#searches.get(songId)
    return search !== undefined && this.#deps.clock.now() - search.begunAt <= FRESH_MS ? search : undefined
  }
}
