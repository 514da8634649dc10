// News of stored chunks for the connected peers: the first at once, and those that follow close behind it together.
// Not how a peer is told (upload-session.ts), and not the tracker's news (chunk-announcer.ts).
// Invariant: what was noted is told within GATHER_MS, in order, and before anything else is told of the song's chunks (`flush`).

import type { ChunkId, SongId } from '@evastream/core/ids'
import type { Millis } from '@evastream/core/units'
import type { Clock, Timers } from '@evastream/service-kit/system-clock'

/** On a link that brings a chunk every few milliseconds a frame for each costs everybody more than its news are worth. */
const GATHER_MS = 20

export interface GatheredHavesDeps {
  readonly clock: Clock
  readonly timers: Pick<Timers, 'after'>
  tell(songId: SongId, chunkIds: readonly ChunkId[]): void
}

export class GatheredHaves {
  readonly #deps: GatheredHavesDeps
  readonly #untold = new Map<SongId, ChunkId[]>()
  #toldAt: Millis = Number.NEGATIVE_INFINITY
  #cancelTimer: (() => void) | undefined

  constructor(deps: GatheredHavesDeps) {
    this.#deps = deps
  }

  note(songId: SongId, chunkIds: readonly ChunkId[]): void {
    const untold = this.#untold.get(songId)
    if (untold === undefined) this.#untold.set(songId, [...chunkIds])
    else untold.push(...chunkIds)
    const waitMs = this.#toldAt + GATHER_MS - this.#deps.clock.now()
    if (waitMs <= 0) this.flush()
    else this.#cancelTimer ??= this.#deps.timers.after(waitMs, () => this.flush())
  }

  /** Tells what was noted now. */
  flush(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    if (this.#untold.size === 0) return
    this.#toldAt = this.#deps.clock.now()
    const news = [...this.#untold]
    this.#untold.clear()
    for (const [songId, chunkIds] of news) this.#deps.tell(songId, chunkIds)
  }
}
