// The chunks on the own disk: one preallocated file per song (in extents), the playable song once it is complete.
// Not a cache policy (cache-keeper.ts acts on one), and no fsync: durability comes from hashing what is found before its first use.
// Invariant: every byte that leaves the store matched its chunk's hash since this process started, whatever happened to the disk.

import { mkdir, open, rm } from 'node:fs/promises'
import { EvaError } from '@evastream/core/errors'
import type { ChunkId, SongId } from '@evastream/core/ids'
import type { Manifest } from '@evastream/core/manifest'
import type { CachedExtent } from '@evastream/engine/chunks/cache-eviction'
import { KeyedTurns } from './keyed-turns.ts'
import type { ChunkStorePort } from './ports.ts'
import { contentKeyOf } from './store/chunk-record.ts'
import { type DirectoryLock, lockDirectory } from './store/directory-lock.ts'
import { ExtentFiles, type OpenFile, type RemoveFile } from './store/extent-files.ts'
import type { StorageRoom } from './store/song-extents.ts'
import { takeStock } from './store/song-stock.ts'
import { toStorageError } from './store/storage-fault.ts'
import { songPaths } from './store/store-layout.ts'
import { type Allocate, notFound, StoredSong } from './store/stored-song.ts'
import { StrayDirectories } from './store/stray-directories.ts'

/** Descriptors kept open for songs: a few songs at once are heard, fetched or served, and sockets need room as well. */
const DEFAULT_OPEN_FILES_MAX = 64

const nothing = () => undefined
const WIDE_ROOM: StorageRoom = { take: async () => undefined, found: nothing, give: nothing }

export interface ChunkStoreDeps {
  /** A chunk that was held is no longer: what is on the disk is not what was written. */
  readonly onRotten: (songId: SongId, chunkId: ChunkId, reason: string) => void
  /** Chunks that were held were given up to make room. */
  readonly onEvicted?: (songId: SongId, chunkIds: readonly ChunkId[]) => void
  /** A song was played, exported or uploaded, or room was taken for it. */
  readonly onUsed?: (songId: SongId) => void
  /** Absent: all the disk has. */
  readonly room?: StorageRoom
  readonly openFile?: OpenFile
  readonly removeFile?: RemoveFile
}

export interface ChunkStoreOptions {
  readonly directory: string
  /** The flag that chooses another directory, for the message when this one is in use. */
  readonly directoryFlag: string
  readonly openFilesMax?: number
}

export class ChunkStore implements ChunkStorePort {
  readonly #lock: DirectoryLock
  readonly #directory: string
  readonly #deps: ChunkStoreDeps
  readonly #openFile: OpenFile
  readonly #files: ExtentFiles
  readonly #room: StorageRoom
  readonly #strays: StrayDirectories
  readonly #songs = new Map<SongId, StoredSong>()
  readonly #opening = new KeyedTurns<SongId>()

  private constructor(lock: DirectoryLock, deps: ChunkStoreDeps, options: ChunkStoreOptions) {
    this.#lock = lock
    this.#directory = options.directory
    this.#deps = deps
    this.#openFile = deps.openFile ?? open
    this.#files = new ExtentFiles(
      { openFile: this.#openFile, removeFile: deps.removeFile ?? (path => rm(path, { force: true })) },
      { openMax: options.openFilesMax ?? DEFAULT_OPEN_FILES_MAX },
    )
    this.#room = deps.room ?? WIDE_ROOM
    this.#strays = new StrayDirectories({ room: this.#room }, { root: options.directory })
  }

  /** @throws EvaError `EVA_DIRECTORY_LOCKED`, `EVA_STORAGE_FULL` or `EVA_STORAGE_FAILED` */
  static async open(deps: ChunkStoreDeps, options: ChunkStoreOptions): Promise<ChunkStore> {
    try {
      await mkdir(options.directory, { recursive: true })
      return new ChunkStore(await lockDirectory(options.directory, options.directoryFlag), deps, options)
    } catch (error) {
      throw toStorageError(error)
    }
  }

  /**
   * Lists what is stored of a song; bytes that an earlier process stored under this id for other content are forgotten.
   * @throws EvaError `EVA_SONG_CONFLICT` when it is open with other content, `EVA_STORAGE_FULL` or `EVA_STORAGE_FAILED`
   */
  openSong(manifest: Manifest): Promise<void> {
    return this.#opening.take(manifest.id, async () => {
      const contentKey = contentKeyOf(manifest)
      const present = this.#songs.get(manifest.id)
      if (present === undefined) this.#songs.set(manifest.id, await this.#openStored(manifest, contentKey))
      else if (present.contentKey !== contentKey) throw new EvaError('EVA_SONG_CONFLICT', { details: { songId: manifest.id } })
    })
  }

  /** `bytes` must not change until it resolves. @throws EvaError `EVA_CHUNK_HASH_MISMATCH`, `EVA_STORAGE_FULL`, `EVA_STORAGE_FAILED` */
  async saveChunk(songId: SongId, chunkId: ChunkId, bytes: Uint8Array): Promise<void> {
    await this.#openSongOf(songId).save(chunkId, bytes, false)
  }

  /** `bytes` were compared with the chunk's hash, and have not changed since. @throws as `saveChunk`, but for the hash */
  async saveVerified(songId: SongId, chunkId: ChunkId, bytes: Uint8Array): Promise<void> {
    await this.#openSongOf(songId).save(chunkId, bytes, true)
  }

  hasChunk(songId: SongId, chunkId: ChunkId): boolean {
    return this.#songs.get(songId)?.has(chunkId) ?? false
  }

  /** The bytes are the caller's; `allocate` makes what they are read into. */
  async loadChunk(songId: SongId, chunkId: ChunkId, allocate: Allocate = Buffer.allocUnsafeSlow): Promise<Uint8Array> {
    const song = this.#songs.get(songId)
    if (song === undefined || !song.has(chunkId)) throw notFound(songId, chunkId)
    this.#deps.onUsed?.(songId)
    return song.load(chunkId, allocate)
  }

  heldChunks(songId: SongId): ChunkId[] {
    return this.#songs.get(songId)?.held() ?? []
  }

  heldCount(songId: SongId): number {
    return this.#songs.get(songId)?.heldCount ?? 0
  }

  /** Bytes of the song from `offsetBytes` on. @throws EvaError `EVA_RANGE_NOT_SATISFIABLE`, `EVA_CHUNK_NOT_FOUND`, `EVA_STORED_CHUNK_ROTTEN` */
  async readRange(songId: SongId, offsetBytes: number, lengthBytes: number): Promise<Uint8Array> {
    const song = this.#openSongOf(songId)
    const { fileSize, chunkSize } = song.manifest
    if (offsetBytes < 0 || lengthBytes < 0 || offsetBytes + lengthBytes > fileSize)
      throw new EvaError('EVA_RANGE_NOT_SATISFIABLE', { details: { sizeBytes: fileSize } })
    this.#deps.onUsed?.(songId)
    const parts: Uint8Array[] = []
    for (let done = 0; done < lengthBytes; ) {
      const chunkId = Math.floor((offsetBytes + done) / chunkSize)
      if (!song.has(chunkId)) throw notFound(songId, chunkId)
      const offsetInChunk = (offsetBytes + done) % chunkSize
      const length = Math.min(chunkSize - offsetInChunk, lengthBytes - done)
      parts.push(await song.loadPart(chunkId, offsetInChunk, length))
      done += length
    }
    return parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts)
  }

  /** Hashes every chunk found on disk that was not hashed yet; the rotten ones are no longer held afterwards. */
  async proveSong(songId: SongId, signal?: AbortSignal): Promise<void> {
    const song = this.#songs.get(songId)
    for (const chunkId of song?.unproven() ?? []) {
      if (signal?.aborted === true) throw new EvaError('EVA_CANCELLED')
      await song?.load(chunkId).catch(error => {
        if (error instanceof EvaError && (error.code === 'EVA_STORED_CHUNK_ROTTEN' || error.code === 'EVA_CHUNK_NOT_FOUND')) return
        throw error
      })
    }
  }

  /** The open songs, in the order of their opening. */
  openSongs(): Manifest[] {
    return [...this.#songs.values()].map(song => song.manifest)
  }

  /** What could be evicted of a song just now. */
  evictable(songId: SongId): CachedExtent[] {
    return this.#songs.get(songId)?.evictable() ?? []
  }

  /** As StoredSong's. */
  async evict(songId: SongId, extent: number): Promise<boolean> {
    return (await this.#songs.get(songId)?.evict(extent)) ?? false
  }

  /** Counts what lies in directories of songs that are not open: to be called once those that are known have been opened. */
  async countStrays(): Promise<void> {
    await this.#strays.count()
  }

  /** Removes a directory whose song nobody knows. @returns false when there is none. */
  removeStray(): Promise<boolean> {
    return this.#strays.removeOne()
  }

  /** Waits for writes under way, closes the files and gives the directory back. */
  async close(): Promise<void> {
    await this.#opening.idle()
    await Promise.all([...this.#songs.values()].map(song => song.close()))
    this.#songs.clear()
    await this.#files.closeAll()
    await this.#lock.release()
  }

  async #openStored(manifest: Manifest, contentKey: string): Promise<StoredSong> {
    const paths = songPaths(this.#directory, manifest.id)
    try {
      await this.#strays.claim(paths.directory)
      const stock = await takeStock({ openFile: this.#openFile, files: this.#files }, { manifest, contentKey, paths })
      this.#room.found(stock.sizeBytes)
      return new StoredSong(
        {
          files: this.#files,
          record: stock.record,
          room: { take: sizeBytes => this.#take(manifest.id, sizeBytes), give: sizeBytes => this.#room.give(sizeBytes) },
          onRotten: (chunkId, reason) => this.#deps.onRotten(manifest.id, chunkId, reason),
          onEvicted: chunkIds => this.#deps.onEvicted?.(manifest.id, chunkIds),
        },
        { manifest, contentKey, paths, recorded: stock.recorded, extents: stock.extents },
      )
    } catch (error) {
      throw toStorageError(error)
    }
  }

  #openSongOf(songId: SongId): StoredSong {
    const song = this.#songs.get(songId)
    if (song === undefined) throw new EvaError('EVA_SONG_NOT_FOUND', { details: { songId } })
    return song
  }

  #take(songId: SongId, sizeBytes: number): Promise<void> {
    this.#deps.onUsed?.(songId)
    return this.#room.take(sizeBytes)
  }
}
