// A chunk on its way to a peer, as that peer tells it: which blocks it has by now.
// Not the frame that carries it (protocol) and not what is made of it (engine).
// Invariant: block numbers count from the chunk's beginning and ascend.

import type { ChunkId } from './ids.ts'

export interface ArrivingChunk {
  readonly chunkId: ChunkId
  /** Verified there, and handed on when asked for; at least one. */
  readonly blocks: readonly number[]
}
