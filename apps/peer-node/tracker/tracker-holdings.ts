// What the tracker is told that this node holds: everything, or nothing while this node uploads nothing.
// Not the telling (chunk-announcer.ts), and not the connected peers, who hear it from the upload server.
// Invariant: while withdrawn nothing is announced as held, and a come-back announces all that is held then.

import type { ChunkId, SongId } from '@evastream/core/ids'

export interface TrackerHoldingsDeps {
  readonly announcer: {
    acquired(songId: SongId, chunkIds: readonly ChunkId[]): void
    released(songId: SongId, chunkIds: readonly ChunkId[]): void
    announceAgain(held: Iterable<readonly [SongId, readonly ChunkId[]]>): void
  }
  held(): Iterable<readonly [SongId, readonly ChunkId[]]>
}

export class TrackerHoldings {
  readonly #deps: TrackerHoldingsDeps
  #isWithdrawn = false

  constructor(deps: TrackerHoldingsDeps) {
    this.#deps = deps
  }

  acquired(songId: SongId, chunkIds: readonly ChunkId[]): void {
    if (!this.#isWithdrawn) this.#deps.announcer.acquired(songId, chunkIds)
  }

  released(songId: SongId, chunkIds: readonly ChunkId[]): void {
    this.#deps.announcer.released(songId, chunkIds)
  }

  /** After each registration. */
  announceAgain(): void {
    this.#deps.announcer.announceAgain(this.#isWithdrawn ? [] : this.#deps.held())
  }

  /** Whether this node uploads. */
  setUploading(isUploading: boolean): void {
    if (isUploading !== this.#isWithdrawn) return
    this.#isWithdrawn = !isUploading
    const { announcer, held } = this.#deps
    for (const [songId, chunkIds] of held()) {
      if (isUploading) announcer.acquired(songId, chunkIds)
      else announcer.released(songId, chunkIds)
    }
  }
}
