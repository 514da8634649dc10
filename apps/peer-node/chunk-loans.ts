// Chunks lent to uploads: the last few that were loaded stay in memory, because a chunk is asked for in several runs of blocks
// and, when many listen together, by several peers at once.
// Not the chunk store and not its verification: what is lent came from `loadChunk`, so it matched its hash.
// Invariant: a chunk is loaded once however many ask at the same time, and at most LENT_MAX_BYTES are kept.

import type { ChunkId, SongId } from '@evastream/core/ids'
import { MIB } from '@evastream/core/units'
import { LRUCache } from 'lru-cache'
import type { ChunkStorePort } from './ports.ts'

/** The part of the chunk store that uploading needs. */
export type ChunkReader = Pick<ChunkStorePort, 'heldChunks' | 'hasChunk' | 'loadChunk'>

/** Two chunks of the largest size, 32 of the usual one. */
const LENT_MAX_BYTES = 8 * MIB

interface ChunkName {
  readonly songId: SongId
  readonly chunkId: ChunkId
}

export class ChunkLoans implements ChunkReader {
  readonly #store: ChunkReader
  readonly #lent: LRUCache<string, Uint8Array, ChunkName>

  constructor(deps: { readonly store: ChunkReader }) {
    this.#store = deps.store
    this.#lent = new LRUCache({
      maxSize: LENT_MAX_BYTES,
      sizeCalculation: bytes => bytes.length,
      fetchMethod: (_key, _stale, { context }) => this.#store.loadChunk(context.songId, context.chunkId),
    })
  }

  heldChunks(songId: SongId): ChunkId[] {
    return this.#store.heldChunks(songId)
  }

  hasChunk(songId: SongId, chunkId: ChunkId): boolean {
    return this.#store.hasChunk(songId, chunkId)
  }

  /** As the store's. The bytes are shared: they are read, never written. */
  loadChunk(songId: SongId, chunkId: ChunkId): Promise<Uint8Array> {
    return this.#lent.forceFetch(`${songId}/${chunkId}`, { context: { songId, chunkId } })
  }
}
