// News of chunks for connected peers, those on their way and those stored: the first at once, what follows close behind it together.
// Not how a peer is told (upload-session.ts), and not the tracker's news (chunk-announcer.ts). It has no timer: `dueAt` says when to `take`.
// Invariant: what was noted is told by `dueAt`, of each chunk the last word only.

import type { ChunkId, SongId } from '@evastream/core/ids'
import type { Millis } from '@evastream/core/units'

export type ChunkNewsKind = 'have' | 'arriving'

export interface SongNews {
  readonly songId: SongId
  readonly held: readonly ChunkId[]
  /** For the first time or again, with more blocks. */
  readonly arriving: readonly ChunkId[]
}

/**
 * A frame costs each neighbour a wake-up and a decision, and a link of 20 Mbit/s brings a block every few milliseconds; what is gathered
 * comes so much later, half of it on average, which a peer with other things to send does not notice (docs/decisions/0025).
 */
export const GATHER_MS = 100

const NEVER = Number.POSITIVE_INFINITY

export class GatheredNews {
  readonly #untold = new Map<SongId, Map<ChunkId, ChunkNewsKind>>()
  #toldAt: Millis = Number.NEGATIVE_INFINITY

  /** `arriving`: its first block is here, or another one. */
  note(kind: ChunkNewsKind, songId: SongId, chunkIds: readonly ChunkId[]): void {
    // A song that is opened with nothing held is no news: what comes next need not wait for it.
    if (chunkIds.length === 0) return
    const untold = this.#untold.get(songId) ?? new Map<ChunkId, ChunkNewsKind>()
    this.#untold.set(songId, untold)
    for (const chunkId of chunkIds) untold.set(chunkId, kind)
  }

  /** When what was noted is to be told; never if there is nothing. */
  get dueAt(): Millis {
    return this.#untold.size === 0 ? NEVER : this.#toldAt + GATHER_MS
  }

  /** Everything that was noted, to be told now. */
  take(at: Millis): readonly SongNews[] {
    const news: SongNews[] = []
    for (const [songId, untold] of this.#untold) {
      const [held, arriving]: [ChunkId[], ChunkId[]] = [[], []]
      for (const [chunkId, kind] of untold) (kind === 'have' ? held : arriving).push(chunkId)
      news.push({ songId, held, arriving })
    }
    if (news.length > 0) this.#toldAt = at
    this.#untold.clear()
    return news
  }
}
