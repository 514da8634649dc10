// The extents of one song: which of them are on the disk, who uses them right now, and the room they take.
// Not their bytes and not the chunks in them (stored-song.ts), and not the choice of what goes (the engine's cache-eviction.ts).
// Invariant: an extent takes its room before its file is made and gives it back after the file is gone, and none goes while in use.

import type { ChunkId } from '@evastream/core/ids'
import { chunkLengthBytes, type SongShape } from '@evastream/core/manifest'
import { KeyedTurns } from '../keyed-turns.ts'
import type { ExtentFiles } from './extent-files.ts'
import { EXTENT_SIZE_BYTES, extentLengthBytes, type SongPaths } from './store-layout.ts'

/** The room for files, over all songs. */
export interface StorageRoom {
  /** Makes room if it can. @throws EvaError `EVA_CACHE_FULL` */
  take(sizeBytes: number): Promise<void>
  /** Files that were there already. */
  found(sizeBytes: number): void
  give(sizeBytes: number): void
}

export interface SongExtentsDeps {
  readonly files: Pick<ExtentFiles, 'remove'>
  readonly room: Pick<StorageRoom, 'take' | 'give'>
}

export interface SongExtentsOptions {
  readonly shape: SongShape
  readonly paths: SongPaths
  /** Those that are on the disk; their room is taken already. */
  readonly present: Iterable<number>
}

export class SongExtents {
  readonly #deps: SongExtentsDeps
  readonly #options: SongExtentsOptions
  readonly #present: Set<number>
  readonly #userCounts = new Map<number, number>()
  readonly #turns = new KeyedTurns<number>()

  constructor(deps: SongExtentsDeps, options: SongExtentsOptions) {
    this.#deps = deps
    this.#options = options
    this.#present = new Set(options.present)
  }

  /** In ascending order, without those in use. */
  removable(): number[] {
    return [...this.#present].filter(extent => !this.#userCounts.has(extent)).sort((left, right) => left - right)
  }

  /** Runs work that reads or writes the chunk: meanwhile none of its extents goes. */
  async use<T>(chunkId: ChunkId, work: () => Promise<T>): Promise<T> {
    const extents = this.#extentsOf(chunkId)
    for (const extent of extents) this.#userCounts.set(extent, (this.#userCounts.get(extent) ?? 0) + 1)
    try {
      return await work()
    } finally {
      for (const extent of extents) this.#release(extent)
    }
  }

  /** Room for the chunk's extents, for a user of the chunk who is going to write. @throws EvaError `EVA_CACHE_FULL` */
  async makeRoomFor(chunkId: ChunkId): Promise<void> {
    for (const extent of this.#extentsOf(chunkId))
      await this.#turns.take(extent, async () => {
        if (this.#present.has(extent)) return
        await this.#deps.room.take(this.#lengthOf(extent))
        this.#present.add(extent)
      })
  }

  /** From this call on the extent counts as gone; `first` is done before its file is removed. The extent is removable. */
  remove(extent: number, first: () => Promise<void>): Promise<void> {
    this.#present.delete(extent)
    return this.#turns.take(extent, async () => {
      await first()
      try {
        await this.#deps.files.remove(this.#options.paths.extent(extent))
      } catch (error) {
        this.#present.add(extent)
        throw error
      }
      this.#deps.room.give(this.#lengthOf(extent))
    })
  }

  /** Resolves when no extent is being made or removed. */
  idle(): Promise<void> {
    return this.#turns.idle()
  }

  #release(extent: number): void {
    const left = (this.#userCounts.get(extent) ?? 0) - 1
    if (left > 0) this.#userCounts.set(extent, left)
    else this.#userCounts.delete(extent)
  }

  #extentsOf(chunkId: ChunkId): number[] {
    const { shape } = this.#options
    const startBytes = chunkId * shape.chunkSize
    const first = Math.floor(startBytes / EXTENT_SIZE_BYTES)
    const last = Math.floor((startBytes + chunkLengthBytes(shape, chunkId) - 1) / EXTENT_SIZE_BYTES)
    return Array.from({ length: last - first + 1 }, (_, index) => first + index)
  }

  #lengthOf(extent: number): number {
    return extentLengthBytes(this.#options.shape.fileSize, extent)
  }
}
