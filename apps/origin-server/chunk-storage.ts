// The origin's files: chunks and covers below one directory, as the preprocessor wrote them.
// Not a cache and not HTTP: it opens, tells facts and reads; this is the seam at which an object store will stand.
// Invariant: nothing outside the directory is ever opened: ids are checked, links are not followed, only plain files are read.

import { closeSync, constants, fstatSync, lstatSync, openSync } from 'node:fs'
import { opendir } from 'node:fs/promises'
import { resolve } from 'node:path'
import { EvaError } from '@evastream/core/errors'
import type { ChunkId, SongId } from '@evastream/core/ids'
import { COVER_TYPES, chunkFileName } from '@evastream/protocol/storage-layout'
import { ensureWritableDirectory, errnoOf } from '@evastream/service-kit/data-directories'
import type { FileReads } from './file-reads.ts'

/** An open file; whoever opened it closes it. */
export interface StoredFile {
  readonly sizeBytes: number
  readonly mimeType: string
  /** A strong entity tag, with its quotation marks. */
  readonly entityTag: string
  /**
   * Fills `target` with the bytes from `position` on: at once, or once the promise is fulfilled.
   * @throws EvaError `EVA_STORAGE_FAILED`, also for a file that became shorter.
   */
  read(target: Uint8Array, position: number): Promise<void> | undefined
  close(): void
}

export interface ChunkStorage {
  /** @throws EvaError `EVA_CHUNK_NOT_FOUND`, `EVA_STORAGE_FAILED`, `EVA_ORIGIN_OVERLOADED` */
  openChunk(songId: SongId, chunkId: ChunkId): StoredFile | Promise<StoredFile>
  /** @throws EvaError `EVA_COVER_NOT_FOUND`, `EVA_STORAGE_FAILED`, `EVA_ORIGIN_OVERLOADED` */
  openCover(songId: SongId): StoredFile | Promise<StoredFile>
}

/** O_NONBLOCK: opening a pipe that somebody put there must not wait for its writer. */
const OPEN_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
const ABSENT: ReadonlySet<string> = new Set(['ENOENT', 'ELOOP', 'ENXIO'])
const EXHAUSTED: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE'])
const EXHAUSTED_RETRY_AFTER_MS = 1000

/**
 * Makes the directory when it is missing. One that may only be read will do.
 * @returns its absolute path
 * @throws EvaError `EVA_DIRECTORY_UNWRITABLE` when it is missing and cannot be made, `EVA_DIRECTORY_UNREADABLE`
 */
export async function openStorageDirectory(path: string): Promise<string> {
  const directory = resolve(path)
  try {
    await (await opendir(directory)).close()
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return await ensureWritableDirectory(directory, '--storage')
    throw new EvaError('EVA_DIRECTORY_UNREADABLE', { details: { path: directory, reason: errnoOf(cause), flag: '--storage' }, cause })
  }
  return directory
}

export class DirectoryChunkStorage implements ChunkStorage {
  readonly #reads: FileReads
  readonly #directory: string

  constructor(deps: { readonly reads: FileReads }, options: { readonly directory: string }) {
    this.#reads = deps.reads
    this.#directory = options.directory
  }

  openChunk(songId: SongId, chunkId: ChunkId): StoredFile {
    const file = this.#open(songId, { name: chunkFileName(chunkId), mimeType: 'application/octet-stream' })
    if (file === undefined) throw new EvaError('EVA_CHUNK_NOT_FOUND', { details: { songId, chunkId } })
    return file
  }

  openCover(songId: SongId): StoredFile {
    for (const { fileName, mimeType } of COVER_TYPES) {
      const file = this.#open(songId, { name: fileName, mimeType })
      if (file !== undefined) return file
    }
    throw new EvaError('EVA_COVER_NOT_FOUND', { details: { songId } })
  }

  /**
   * Opens without leaving the thread: these calls read what the kernel has in memory, and sending each of them to the
   * thread pool cost more than reading the chunk itself (1.7 CPU-seconds a GB against 1.0).
   */
  #open(songId: SongId, { name, mimeType }: { readonly name: string; readonly mimeType: string }): StoredFile | undefined {
    const directory = `${this.#directory}/${songId}`
    try {
      // O_NOFOLLOW speaks of a path's last name only, so the song's directory is looked at by itself.
      if (!lstatSync(directory).isDirectory()) return undefined
      const descriptor = openSync(`${directory}/${name}`, OPEN_FLAGS)
      const file = openedFile({ descriptor, reads: this.#reads }, { mimeType, resource: `${songId}/${name}` })
      if (file === undefined) closeSync(descriptor)
      return file
    } catch (cause) {
      if (ABSENT.has(errnoOf(cause))) return undefined
      throw storageFault(cause)
    }
  }
}

/** Undefined for what is no plain file. */
function openedFile(deps: OpenedFileDeps, { mimeType, resource }: { mimeType: string; resource: string }): StoredFile | undefined {
  const facts = fstatSync(deps.descriptor, { bigint: true })
  if (!facts.isFile()) return undefined
  // Strong: the audio of an id never changes, and files get their name only when they are complete, by a rename. Size and
  // time of writing, to the nanosecond, differ for a file that was put there by hand; a faithful copy keeps both.
  const entityTag = `"${resource}-${facts.size.toString(16)}-${facts.mtimeNs.toString(16)}"`
  return new OpenedFile(deps, { sizeBytes: Number(facts.size), mimeType, entityTag })
}

interface OpenedFileDeps {
  readonly descriptor: number
  readonly reads: FileReads
}

class OpenedFile implements StoredFile {
  readonly sizeBytes: number
  readonly mimeType: string
  readonly entityTag: string
  readonly #deps: OpenedFileDeps

  constructor(deps: OpenedFileDeps, options: { sizeBytes: number; mimeType: string; entityTag: string }) {
    this.#deps = deps
    this.sizeBytes = options.sizeBytes
    this.mimeType = options.mimeType
    this.entityTag = options.entityTag
  }

  read(target: Uint8Array, position: number): Promise<void> | undefined {
    const { descriptor, reads } = this.#deps
    let bytesRead: number | Promise<number>
    try {
      bytesRead = reads.read({ descriptor, target, position })
    } catch (cause) {
      throw storageFault(cause)
    }
    if (bytesRead === target.length) return undefined
    return this.#readOn(bytesRead, target, position)
  }

  /** What the first read did not bring, or has not brought yet. */
  async #readOn(first: number | Promise<number>, target: Uint8Array, position: number): Promise<void> {
    const { descriptor, reads } = this.#deps
    try {
      for (let filled = await first, last = filled; filled < target.length; filled += last) {
        if (last === 0) throw new EvaError('EVA_STORAGE_FAILED', { details: { reason: 'a file became shorter while it was read' } })
        last = await reads.read({ descriptor, target: target.subarray(filled), position: position + filled })
      }
    } catch (cause) {
      throw cause instanceof EvaError ? cause : storageFault(cause)
    }
  }

  close(): void {
    closeSync(this.#deps.descriptor)
  }
}

/** The system's name of the failure, never the path: this goes to callers. */
function storageFault(cause: unknown): EvaError {
  const errno = errnoOf(cause)
  if (EXHAUSTED.has(errno)) return new EvaError('EVA_ORIGIN_OVERLOADED', { details: { retryAfterMs: EXHAUSTED_RETRY_AFTER_MS }, cause })
  const reason = /^E[A-Z0-9]+$/.test(errno) ? errno : 'unknown'
  return new EvaError('EVA_STORAGE_FAILED', { details: { reason }, cause })
}
