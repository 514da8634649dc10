// Chunks that are still on their way in, as those see them who hand on verified blocks before the chunk is whole.
// Not the coming of blocks (chunk-assembly.ts), and not who waits for which (upload-relay.ts).
// Invariant: only bytes that matched a hash are ever given out, and a watcher is told of the end once, and of nothing after it.

import type { ArrivingChunk } from '@evastream/core/arriving-chunk'
import type { ChunkId, SongId } from '@evastream/core/ids'

export interface ArrivalWatcher {
  /** More bytes can be had. */
  arrived(): void
  /** The chunk is in the store now; or it was given up, and nothing more of it comes. */
  ended(isStored: boolean): void
}

export interface ChunkArrival {
  /** Of the whole chunk. */
  readonly lengthBytes: number
  /** Verified bytes from an offset in the chunk on, without a gap, `lengthMaxBytes` at most; they never change. None are an empty answer. */
  verifiedBytes(offsetBytes: number, lengthMaxBytes: number): Uint8Array
  watch(watcher: ArrivalWatcher): void
  unwatch(watcher: ArrivalWatcher): void
}

export interface ChunkArrivals {
  /** Those that were told to be arriving and are not stored yet, with all of their blocks that are here now. */
  arrivingChunks(songId: SongId): readonly ArrivingChunk[]
  /** The blocks that are here of a chunk to which more are to come; none of one that is whole, stored or given up. */
  arrivingBlocks(songId: SongId, chunkId: ChunkId): readonly number[]
  /** Also of one whose first block is not here yet; undefined when none of it can be had before all of it is here. */
  arrivalOf(songId: SongId, chunkId: ChunkId): ChunkArrival | undefined
}

/** For who hands on stored chunks only. */
export const noArrivals: ChunkArrivals = Object.freeze({ arrivingChunks: () => [], arrivingBlocks: () => [], arrivalOf: () => undefined })
