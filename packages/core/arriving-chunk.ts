// A chunk on its way to a peer, in the words that the protocol and the engine share.
// Not how it is told (packages/protocol), and not what is made of it (packages/engine).
// Invariant: at least one block, in ascending order, each once.

import type { ChunkId } from './ids.ts'

/** A chunk on its way to a peer, and which of its blocks it has by now. */
export interface ArrivingChunk {
  readonly chunkId: ChunkId
  /** Verified there, and handed on when asked for; in ascending order. */
  readonly blocks: readonly number[]
}
