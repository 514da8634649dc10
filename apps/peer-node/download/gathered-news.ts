// News of chunks for the connected peers, those on their way and those stored: the first at once, what follows close behind it together.
// Not how a peer is told (upload-session.ts), and not the tracker's news (chunk-announcer.ts).
// Invariant: what was noted is told within GATHER_MS, of each chunk the last word only, and before anything else is told (`flush`).

import type { ChunkId, SongId } from '@evastream/core/ids'
import type { Millis } from '@evastream/core/units'
import type { Clock, Timers } from '@evastream/service-kit/system-clock'

export type ChunkNewsKind = 'have' | 'arriving'

/**
 * On a link that brings a chunk every few milliseconds a frame for each costs everybody more than its news are worth; a slow one brings
 * so few that each is told at once.
 */
const GATHER_MS = 20

export interface GatheredNewsDeps {
  readonly clock: Clock
  readonly timers: Pick<Timers, 'after'>
  tell(kind: ChunkNewsKind, songId: SongId, chunkIds: readonly ChunkId[]): void
}

export class GatheredNews {
  readonly #deps: GatheredNewsDeps
  readonly #untold = new Map<SongId, Map<ChunkId, ChunkNewsKind>>()
  #toldAt: Millis = Number.NEGATIVE_INFINITY
  #cancelTimer: (() => void) | undefined

  constructor(deps: GatheredNewsDeps) {
    this.#deps = deps
  }

  note(kind: ChunkNewsKind, songId: SongId, chunkIds: readonly ChunkId[]): void {
    const untold = this.#untold.get(songId) ?? new Map<ChunkId, ChunkNewsKind>()
    this.#untold.set(songId, untold)
    for (const chunkId of chunkIds) untold.set(chunkId, kind)
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
    for (const [songId, untold] of news)
      for (const kind of ['have', 'arriving'] as const) {
        const chunkIds = [...untold].filter(([, what]) => what === kind).map(([chunkId]) => chunkId)
        if (chunkIds.length > 0) this.#deps.tell(kind, songId, chunkIds)
      }
  }
}
