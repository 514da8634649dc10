// The chunks on the own disk: one preallocated file per song (in extents), the playable song once it is complete.
// Not a cache policy, and no fsync: durability comes from hashing what is found before its first use.
// Invariant: every byte that leaves the store matched its chunk's hash since this process started, whatever happened to the disk.

import { constants } from 'node:fs'
import { mkdir, open, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { EvaError } from '@evastream/core/errors'
import type { ChunkId, SongId } from '@evastream/core/ids'
import type { Manifest } from '@evastream/core/manifest'
import { ChunkRecord, contentKeyOf } from './chunk-record.ts'
import { type DirectoryLock, lockDirectory } from './directory-lock.ts'
import { ExtentFiles, type OpenFile } from './extent-files.ts'
import { KeyedTurns } from './keyed-turns.ts'
import type { ChunkStorePort } from './ports.ts'
import { toStorageError } from './storage-fault.ts'
import { extentCountOf, extentIndexOf, songPaths } from './store-layout.ts'
import { notFound, StoredSong } from './stored-song.ts'

const OPEN_FLAGS = constants.O_RDWR | constants.O_CREAT
/** Descriptors kept open for songs: a few songs at once are heard, fetched or served, and sockets need room as well. */
const DEFAULT_OPEN_FILES_MAX = 64

export interface ChunkStoreDeps {
  /** A chunk that was held is no longer: what is on the disk is not what was written. */
  readonly onRotten: (songId: SongId, chunkId: ChunkId, reason: string) => void
  readonly openFile?: OpenFile
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
  readonly #songs = new Map<SongId, StoredSong>()
  readonly #opening = new KeyedTurns<SongId>()

  private constructor(lock: DirectoryLock, deps: ChunkStoreDeps, options: ChunkStoreOptions) {
    this.#lock = lock
    this.#directory = options.directory
    this.#deps = deps
    this.#openFile = deps.openFile ?? open
    this.#files = new ExtentFiles(
      { openFile: this.#openFile },
      { openFlags: OPEN_FLAGS, openMax: options.openFilesMax ?? DEFAULT_OPEN_FILES_MAX },
    )
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
    const song = this.#songs.get(songId)
    if (song === undefined) throw new EvaError('EVA_SONG_NOT_FOUND', { details: { songId } })
    await song.save(chunkId, bytes)
  }

  hasChunk(songId: SongId, chunkId: ChunkId): boolean {
    return this.#songs.get(songId)?.has(chunkId) ?? false
  }

  async loadChunk(songId: SongId, chunkId: ChunkId): Promise<Uint8Array> {
    const song = this.#songs.get(songId)
    if (song === undefined || !song.has(chunkId)) throw notFound(songId, chunkId)
    return song.load(chunkId)
  }

  heldChunks(songId: SongId): ChunkId[] {
    return this.#songs.get(songId)?.held() ?? []
  }

  heldCount(songId: SongId): number {
    return this.#songs.get(songId)?.heldCount ?? 0
  }

  /** Bytes of the song from `offsetBytes` on. @throws EvaError `EVA_RANGE_NOT_SATISFIABLE`, `EVA_CHUNK_NOT_FOUND`, `EVA_STORED_CHUNK_ROTTEN` */
  async readRange(songId: SongId, offsetBytes: number, lengthBytes: number): Promise<Uint8Array> {
    const song = this.#songs.get(songId)
    if (song === undefined) throw new EvaError('EVA_SONG_NOT_FOUND', { details: { songId } })
    const { fileSize, chunkSize } = song.manifest
    if (offsetBytes < 0 || lengthBytes < 0 || offsetBytes + lengthBytes > fileSize)
      throw new EvaError('EVA_RANGE_NOT_SATISFIABLE', { details: { sizeBytes: fileSize } })
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
      await mkdir(paths.directory, { recursive: true })
      await removeForeignExtents(paths.directory, extentCountOf(manifest.fileSize))
      const { record, kept } = await ChunkRecord.open(
        { openFile: this.#openFile },
        { path: paths.record, openFlags: OPEN_FLAGS, chunkCount: manifest.chunkCount, contentKey },
      )
      const onRotten = (chunkId: ChunkId, reason: string) => this.#deps.onRotten(manifest.id, chunkId, reason)
      return new StoredSong({ files: this.#files, record, onRotten }, { manifest, contentKey, paths, recorded: kept })
    } catch (error) {
      throw toStorageError(error)
    }
  }
}

/** Extents past the song's end belong to other content that once had its id. */
async function removeForeignExtents(directory: string, extentCount: number): Promise<void> {
  for (const name of await readdir(directory))
    if ((extentIndexOf(name) ?? -1) >= extentCount) await rm(join(directory, name), { force: true })
}
