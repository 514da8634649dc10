// One song in the chunk store: its audio on disk, and which of its chunks are held and which of those are proven.
// Not the store: who opens songs, and who is told of rot and eviction, is chunk-store.ts.
// Invariant: `proven` is a part of `held`, and a chunk becomes proven only when its bytes matched its hash in this process.

import { hash } from 'node:crypto'
import { Bitfield } from '@evastream/core/bitfield'
import { EvaError } from '@evastream/core/errors'
import type { ChunkId } from '@evastream/core/ids'
import { chunkLengthBytes, isChunkOf, type Manifest } from '@evastream/core/manifest'
import type { CachedExtent } from '@evastream/engine/chunks/cache-eviction'
import { KeyedTurns } from '../keyed-turns.ts'
import type { ChunkRecord } from './chunk-record.ts'
import type { ExtentFiles, ExtentPlace } from './extent-files.ts'
import { SongExtents, type StorageRoom } from './song-extents.ts'
import { isPassingFault, lossless, toStorageError } from './storage-fault.ts'
import { chunksInExtent, type ExtentSlice, extentLengthBytes, extentSlices, type SongPaths } from './store-layout.ts'

/** Makes a buffer of this length; its contents are anything. */
export type Allocate = (lengthBytes: number) => Uint8Array

export interface StoredSongDeps {
  readonly files: ExtentFiles
  readonly record: ChunkRecord
  readonly room: Pick<StorageRoom, 'take' | 'give'>
  readonly onRotten: (chunkId: ChunkId, reason: string) => void
  readonly onEvicted: (chunkIds: readonly ChunkId[]) => void
}

export interface StoredSongOptions {
  readonly manifest: Manifest
  readonly contentKey: string
  readonly paths: SongPaths
  /** The chunks that the record names: held, and not yet proven. */
  readonly recorded: Bitfield
  /** The extents on the disk. */
  readonly extents: Iterable<number>
}

export class StoredSong {
  readonly manifest: Manifest
  readonly contentKey: string
  readonly #deps: StoredSongDeps
  readonly #paths: SongPaths
  readonly #held: Bitfield
  readonly #proven: Bitfield
  readonly #extents: SongExtents
  readonly #turns = new KeyedTurns<ChunkId>()

  constructor(deps: StoredSongDeps, options: StoredSongOptions) {
    this.manifest = options.manifest
    this.contentKey = options.contentKey
    this.#deps = deps
    this.#paths = options.paths
    this.#held = options.recorded
    this.#proven = new Bitfield(options.manifest.chunkCount)
    const { manifest: shape, paths, extents: present } = options
    this.#extents = new SongExtents({ files: deps.files, room: deps.room }, { shape, paths, present })
  }

  has(chunkId: ChunkId): boolean {
    return this.#held.has(chunkId)
  }

  get heldCount(): number {
    return this.#held.count
  }

  held(): ChunkId[] {
    return [...this.#held.members()]
  }

  /** `isVerified`: the bytes have been compared with the chunk's hash. */
  save(chunkId: ChunkId, bytes: Uint8Array, isVerified: boolean): Promise<void> {
    return this.#turns.take(chunkId, async () => {
      if (!isChunkOf(this.manifest, chunkId)) throw notFound(this.manifest.id, chunkId)
      if (!isVerified && !this.#fits(chunkId, bytes)) throw new EvaError('EVA_CHUNK_HASH_MISMATCH')
      if (this.#proven.has(chunkId)) return
      await this.#extents.use(chunkId, async () => {
        await this.#write(chunkId, bytes).catch(error => {
          throw toStorageError(error)
        })
        this.#held.add(chunkId)
        this.#proven.add(chunkId)
      })
    })
  }

  async load(chunkId: ChunkId, allocate: Allocate = Buffer.allocUnsafeSlow): Promise<Uint8Array> {
    if (this.#proven.has(chunkId)) return this.#readInUse(chunkId, 0, allocate(chunkLengthBytes(this.manifest, chunkId)))
    return this.#turns.take(chunkId, () => this.#extents.use(chunkId, () => this.#loadAndProve(chunkId, allocate)))
  }

  /** Part of one chunk. */
  async loadPart(chunkId: ChunkId, offsetBytes: number, lengthBytes: number): Promise<Uint8Array> {
    if (this.#proven.has(chunkId)) return this.#readInUse(chunkId, offsetBytes, Buffer.allocUnsafeSlow(lengthBytes))
    return (await this.load(chunkId)).subarray(offsetBytes, offsetBytes + lengthBytes)
  }

  unproven(): ChunkId[] {
    return this.held().filter(chunkId => !this.#proven.has(chunkId))
  }

  /** The extents that may be evicted just now, in ascending order. */
  evictable(): CachedExtent[] {
    const { fileSize, chunkSize } = this.manifest
    return this.#extents.removable().map(extent => {
      const endByte = Math.min(fileSize, (chunksInExtent(this.manifest, extent).last + 1) * chunkSize)
      return { extent, heldChunkIds: this.#heldIn(extent), endByte }
    })
  }

  /**
   * Gives up an extent with all chunks in it: from this call on they are not held, then that is noted, then the file goes.
   * @returns false when it is in use or gone. @throws EvaError `EVA_STORAGE_FAILED` when the file cannot be removed
   */
  async evict(extent: number): Promise<boolean> {
    if (!this.#extents.removable().includes(extent)) return false
    const chunkIds = this.#heldIn(extent)
    for (const chunkId of chunkIds) {
      this.#held.delete(chunkId)
      this.#proven.delete(chunkId)
    }
    // Should the note not reach the disk, the missing file says the same at the next start.
    const noted = chunkIds.length === 0 ? Promise.resolve() : this.#deps.record.appendLost(chunkIds).catch(lossless)
    const removed = this.#extents.remove(extent, () => noted)
    if (chunkIds.length > 0) this.#deps.onEvicted(chunkIds)
    await removed.catch(error => {
      throw toStorageError(error)
    })
    return true
  }

  async close(): Promise<void> {
    await this.#turns.idle()
    await this.#extents.idle()
  }

  #heldIn(extent: number): ChunkId[] {
    const { first, last } = chunksInExtent(this.manifest, extent)
    const chunkIds: ChunkId[] = []
    for (let chunkId = first; chunkId <= last; chunkId++) if (this.#held.has(chunkId)) chunkIds.push(chunkId)
    return chunkIds
  }

  async #write(chunkId: ChunkId, bytes: Uint8Array): Promise<void> {
    await this.#extents.makeRoomFor(chunkId)
    for (const slice of extentSlices(chunkId * this.manifest.chunkSize, bytes.length))
      await this.#deps.files.write(this.#placeOf(slice), bytes.subarray(slice.offsetBytes, slice.offsetBytes + slice.lengthBytes))
    await this.#deps.record.appendKept(chunkId)
  }

  async #loadAndProve(chunkId: ChunkId, allocate: Allocate): Promise<Uint8Array> {
    const bytes = await this.#read(chunkId, 0, allocate(chunkLengthBytes(this.manifest, chunkId)))
    if (!this.#fits(chunkId, bytes)) throw this.#giveUp(chunkId, 'its hash does not fit')
    this.#proven.add(chunkId)
    return bytes
  }

  #readInUse(chunkId: ChunkId, offsetBytes: number, bytes: Uint8Array): Promise<Uint8Array> {
    return this.#extents.use(chunkId, () => this.#read(chunkId, offsetBytes, bytes))
  }

  /** Fills the bytes, and returns them. */
  async #read(chunkId: ChunkId, offsetBytes: number, bytes: Uint8Array): Promise<Uint8Array> {
    if (!this.#held.has(chunkId)) throw notFound(this.manifest.id, chunkId)
    for (const slice of extentSlices(chunkId * this.manifest.chunkSize + offsetBytes, bytes.length)) {
      const part = bytes.subarray(slice.offsetBytes, slice.offsetBytes + slice.lengthBytes)
      const readBytes = await this.#deps.files.read(this.#placeOf(slice), part).catch(error => {
        throw isPassingFault(error) ? toStorageError(error) : this.#giveUp(chunkId, 'it cannot be read', error)
      })
      if (readBytes < part.length) throw this.#giveUp(chunkId, 'its file was cut short')
    }
    return bytes
  }

  #giveUp(chunkId: ChunkId, reason: string, cause?: unknown): EvaError {
    this.#proven.delete(chunkId)
    if (this.#held.delete(chunkId)) {
      this.#deps.onRotten(chunkId, reason)
      // Should this note not reach the disk, the chunk is hashed again after the next start: nothing is lost by that.
      void this.#turns.take(chunkId, () => this.#deps.record.appendLost([chunkId])).catch(lossless)
    }
    return new EvaError('EVA_STORED_CHUNK_ROTTEN', { details: { songId: this.manifest.id, chunkId, reason }, cause })
  }

  #fits(chunkId: ChunkId, bytes: Uint8Array): boolean {
    return bytes.length === chunkLengthBytes(this.manifest, chunkId) && hash('sha256', bytes) === this.manifest.chunks[chunkId]?.hash
  }

  #placeOf(slice: ExtentSlice): ExtentPlace {
    return {
      path: this.#paths.extent(slice.extent),
      fileLengthBytes: extentLengthBytes(this.manifest.fileSize, slice.extent),
      positionBytes: slice.positionBytes,
    }
  }
}

export function notFound(songId: string, chunkId: ChunkId): EvaError {
  return new EvaError('EVA_CHUNK_NOT_FOUND', { details: { songId, chunkId } })
}
