// The songs to come after those being played, as each listener ordered them: a page, or the one who names no listener.
// Not their prefetching: the engine decides what of them is fetched, and when.
// Invariant: every song in a queue is open here, nobody's order changes another listener's queue, the engine was told of all of them as
// they stand, and of two good orders of one listener given at once the later stays.

import { toEvaError } from '@evastream/core/errors'
import type { SongId } from '@evastream/core/ids'
import type { Manifest } from '@evastream/core/manifest'
import { MINUTE_MS, type Millis } from '@evastream/core/units'
import { asUnavailable } from '../page/service-trouble.ts'
import type { Clock } from '../ports.ts'

export interface PlayQueueDeps {
  readonly clock: Clock
  readonly library: { openSong(songId: SongId): Promise<Manifest> }
  readonly coordinator: { setQueue(songIds: readonly SongId[]): void }
}

interface ListenersQueue {
  readonly songIds: readonly SongId[]
  readonly orderedAt: Millis
  /** The number of the order that it became by. */
  readonly order: number
}

/** Songs opened at a time: each may be two calls of the metadata service and a look at the disk. */
const OPENINGS_MAX = 8
/** Who orders nothing for so long has gone away without a word: pages order anew with each song. */
const KEPT_MS = 120 * MINUTE_MS
const LISTENERS_MAX = 64
/** Who names no listener: a program of this machine. */
const UNNAMED = ''

export class PlayQueueDesk {
  readonly #deps: PlayQueueDeps
  /** By listener, the one that ordered last at the end. */
  readonly #queues = new Map<string, ListenersQueue>()
  #orderCount = 0
  #lastStarted: SongId | undefined

  constructor(deps: PlayQueueDeps) {
    this.#deps = deps
  }

  /** Of all listeners: the next song of each, who ordered last first, then the one after it of each. */
  get songIds(): readonly SongId[] {
    return inTurns([...this.#queues.values()].reverse().map(({ songIds }) => songIds))
  }

  songIdsOf(listener = UNNAMED): readonly SongId[] {
    return this.#queues.get(listener)?.songIds ?? []
  }

  /**
   * Opens the songs and makes them the listener's queue, unless a later order did so meanwhile. A song may stand in it more than once.
   * @returns the queue as it stands then
   * @throws EvaError `EVA_SONG_NOT_FOUND` naming the first such song, `EVA_NOT_READY`, or the storage's; the queue is then as it was
   */
  async order(songIds: readonly SongId[], listener = UNNAMED): Promise<readonly SongId[]> {
    const order = ++this.#orderCount
    await this.#openAll([...new Set(songIds)])
    if (order > (this.#queues.get(listener)?.order ?? 0)) this.#become(listener, { songIds, order })
    return this.songIdsOf(listener)
  }

  /**
   * A song has begun to be played: it leaves the unnamed queue, with those before it, which were passed over. A named listener says by
   * an order of its own what comes next: who plays the song just now, nobody says.
   */
  playStarted(songId: SongId): void {
    const queue = this.#queues.get(UNNAMED)
    const index = queue?.songIds.indexOf(songId) ?? -1
    // A player that seeks may look like one that begins anew; the same song further on in the queue is not meant then.
    const isMeant = index === 0 || (index > 0 && songId !== this.#lastStarted)
    this.#lastStarted = songId
    if (queue !== undefined && isMeant) this.#become(UNNAMED, { songIds: queue.songIds.slice(index + 1), order: queue.order })
  }

  async #openAll(songIds: readonly SongId[]): Promise<void> {
    for (let at = 0; at < songIds.length; at += OPENINGS_MAX) {
      const outcomes = await Promise.allSettled(songIds.slice(at, at + OPENINGS_MAX).map(songId => this.#deps.library.openSong(songId)))
      const failed = outcomes.find(outcome => outcome.status === 'rejected')
      if (failed !== undefined) throw asUnavailable(toEvaError(failed.reason))
    }
  }

  #become(listener: string, { songIds, order }: Pick<ListenersQueue, 'songIds' | 'order'>): void {
    const now = this.#deps.clock.now()
    this.#queues.delete(listener)
    this.#queues.set(listener, { songIds: Object.freeze([...songIds]), orderedAt: now, order })
    for (const [name, { orderedAt }] of this.#queues)
      if (now - orderedAt > KEPT_MS || this.#queues.size > LISTENERS_MAX) this.#queues.delete(name)
    this.#deps.coordinator.setQueue(this.songIds)
  }
}

function inTurns(queues: readonly (readonly SongId[])[]): SongId[] {
  const longest = Math.max(0, ...queues.map(({ length }) => length))
  return Array.from({ length: longest }, (_, at) => queues.flatMap(queue => queue[at] ?? [])).flat()
}
