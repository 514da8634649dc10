// The songs to come after the one being played, as the player or its page ordered them.
// Not their prefetching: the engine decides what of them is fetched, and when.
// Invariant: every song in the queue is open here, the engine was told of the order as it stands, and of two good orders given at once the later stays.

import { toEvaError } from '@evastream/core/errors'
import type { SongId } from '@evastream/core/ids'
import type { Manifest } from '@evastream/core/manifest'
import { asUnavailable } from './service-trouble.ts'

export interface PlayQueueDeps {
  readonly library: { openSong(songId: SongId): Promise<Manifest> }
  readonly coordinator: { setQueue(songIds: readonly SongId[]): void }
}

/** Songs opened at a time: each may be two calls of the metadata service and a look at the disk. */
const OPENINGS_MAX = 8

export class PlayQueueDesk {
  readonly #deps: PlayQueueDeps
  #songIds: readonly SongId[] = []
  #orderCount = 0
  /** The latest order that became the queue. */
  #latestGood = 0
  #lastStarted: SongId | undefined

  constructor(deps: PlayQueueDeps) {
    this.#deps = deps
  }

  get songIds(): readonly SongId[] {
    return this.#songIds
  }

  /**
   * Opens the songs and makes them the queue, unless a later order did so meanwhile. A song may stand in it more than once.
   * @returns the queue as it stands then
   * @throws EvaError `EVA_SONG_NOT_FOUND` naming the first such song, `EVA_NOT_READY`, or the storage's; the queue is then as it was
   */
  async order(songIds: readonly SongId[]): Promise<readonly SongId[]> {
    const order = ++this.#orderCount
    await this.#openAll([...new Set(songIds)])
    if (order > this.#latestGood) {
      this.#latestGood = order
      this.#become(songIds)
    }
    return this.#songIds
  }

  /** A song has begun to be played: it leaves the queue, with those before it, which were passed over. */
  playStarted(songId: SongId): void {
    const index = this.#songIds.indexOf(songId)
    // A player that seeks may look like one that begins anew; the same song further on in the queue is not meant then.
    const isMeant = index === 0 || (index > 0 && songId !== this.#lastStarted)
    this.#lastStarted = songId
    if (isMeant) this.#become(this.#songIds.slice(index + 1))
  }

  async #openAll(songIds: readonly SongId[]): Promise<void> {
    for (let at = 0; at < songIds.length; at += OPENINGS_MAX) {
      const outcomes = await Promise.allSettled(songIds.slice(at, at + OPENINGS_MAX).map(songId => this.#deps.library.openSong(songId)))
      const failed = outcomes.find(outcome => outcome.status === 'rejected')
      if (failed !== undefined) throw asUnavailable(toEvaError(failed.reason))
    }
  }

  #become(songIds: readonly SongId[]): void {
    this.#songIds = Object.freeze([...songIds])
    this.#deps.coordinator.setQueue(this.#songIds)
  }
}
