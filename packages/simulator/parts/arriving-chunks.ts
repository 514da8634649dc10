// The chunks of one peer that are still on their way in, as those see them who are handed verified blocks before the chunk is whole.
// Not the coming of blocks (simulated-downloads.ts) and not who waits for which (simulated-uploads.ts).
// Invariant: a chunk is told as arriving with its first verified block, and again as more come; whoever watches one hears of its end once.

import type { ArrivingChunk as ArrivingChunkNews } from '@evastream/core/arriving-chunk'
import type { ChunkId, SongId } from '@evastream/core/ids'
import type { BufferedBlock, ChunkBuffer } from './chunk-buffer.ts'

export interface ArrivalWatcher {
  /** More blocks are there. */
  arrived(): void
  /** The chunk is stored; or it was given up, and nothing more of it comes. */
  ended(isStored: boolean): void
}

export class ArrivingChunk {
  readonly songId: SongId
  readonly chunkId: ChunkId
  isTold = false
  readonly #buffer: ChunkBuffer
  readonly #watchers = new Set<ArrivalWatcher>()

  constructor(buffer: ChunkBuffer) {
    this.songId = buffer.songId
    this.chunkId = buffer.chunkId
    this.#buffer = buffer
  }

  verifiedBlock(block: number): BufferedBlock | undefined {
    return this.#buffer.verifiedBlock(block)
  }

  /** As it is told: what can be had of it by now. */
  toldAs(): ArrivingChunkNews {
    return { chunkId: this.chunkId, blocks: this.#buffer.verifiedBlocks() }
  }

  watch(watcher: ArrivalWatcher): void {
    this.#watchers.add(watcher)
  }

  unwatch(watcher: ArrivalWatcher): void {
    this.#watchers.delete(watcher)
  }

  grown(): void {
    for (const watcher of [...this.#watchers]) watcher.arrived()
  }

  ended(isStored: boolean): void {
    const watchers = [...this.#watchers]
    this.#watchers.clear()
    for (const watcher of watchers) watcher.ended(isStored)
  }
}

export interface ArrivalTeller {
  /** More blocks of it can be had; the first ones, or some more. */
  arriving(arrival: ArrivingChunk): void
  /** It will not be stored after all. */
  arrivalEnded(songId: SongId, chunkId: ChunkId): void
}

export class ArrivingChunks {
  readonly #teller: ArrivalTeller
  readonly #songs = new Map<SongId, Map<ChunkId, ArrivingChunk>>()

  constructor(deps: { readonly teller: ArrivalTeller }) {
    this.#teller = deps.teller
  }

  arrivalOf(songId: SongId, chunkId: ChunkId): ArrivingChunk | undefined {
    return this.#songs.get(songId)?.get(chunkId)
  }

  /** Those that were told to be arriving. */
  toldOf(songId: SongId): ArrivingChunkNews[] {
    return [...(this.#songs.get(songId)?.values() ?? [])].flatMap(arrival => (arrival.isTold ? [arrival.toldAs()] : []))
  }

  /** Something of it was asked for. */
  begun(buffer: ChunkBuffer): void {
    const song = this.#songs.get(buffer.songId) ?? new Map<ChunkId, ArrivingChunk>()
    this.#songs.set(buffer.songId, song.set(buffer.chunkId, new ArrivingChunk(buffer)))
  }

  /** A block of it verified. */
  grown(songId: SongId, chunkId: ChunkId, isWhole: boolean): void {
    const arrival = this.arrivalOf(songId, chunkId)
    if (arrival === undefined) return
    // What is whole is told as held in a moment.
    if (!isWhole) {
      this.#teller.arriving(arrival)
      arrival.isTold = true
    }
    arrival.grown()
  }

  ended(songId: SongId, chunkId: ChunkId, isStored: boolean): void {
    const arrival = this.arrivalOf(songId, chunkId)
    if (arrival === undefined) return
    this.#songs.get(songId)?.delete(chunkId)
    if (!isStored) this.#teller.arrivalEnded(songId, chunkId)
    arrival.ended(isStored)
  }
}
