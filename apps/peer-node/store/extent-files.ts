// The open files of the chunk store: descriptors are kept, because opening a file per chunk costs more than the chunk.
// Not aware of songs or chunks: it reads and writes ranges of files whose length it is told.
// Invariant: a file in use is never closed, at most `openMax` idle ones stay open, and only a write makes a file.

import { constants } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { lossless } from './storage-fault.ts'

/** The part of a FileHandle that the store uses; the flags are those of open(2). */
export type ExtentHandle = Pick<FileHandle, 'read' | 'write' | 'stat' | 'truncate' | 'close'>
export type OpenFile = (path: string, flags: number) => Promise<ExtentHandle>
export type RemoveFile = (path: string) => Promise<void>

export interface ExtentPlace {
  readonly path: string
  /** The file is made this long before its first use, so that every position of it exists; undefined: it grows as it is written. */
  readonly fileLengthBytes: number | undefined
  readonly positionBytes: number
}

export interface ExtentFilesDeps {
  readonly openFile: OpenFile
  /** A file that is not there is removed already. */
  readonly removeFile: RemoveFile
}

export interface ExtentFilesOptions {
  /** Descriptors kept open: more saves opening again, fewer leaves room for sockets. */
  readonly openMax: number
}

const READ_FLAGS = constants.O_RDWR
const WRITE_FLAGS = constants.O_RDWR | constants.O_CREAT

interface OpenExtent {
  readonly handle: Promise<ExtentHandle>
  userCount: number
}

export class ExtentFiles {
  readonly #deps: ExtentFilesDeps
  readonly #options: ExtentFilesOptions
  /** In order of last use, the oldest first. */
  readonly #open = new Map<string, OpenExtent>()

  constructor(deps: ExtentFilesDeps, options: ExtentFilesOptions) {
    this.#deps = deps
    this.#options = options
  }

  /** @returns how many bytes there were: fewer than asked for only at the end of a file that was cut from outside. */
  read(place: ExtentPlace, target: Uint8Array): Promise<number> {
    return this.#use(place, READ_FLAGS, async handle => {
      for (let done = 0; done < target.length; ) {
        const { bytesRead } = await handle.read(target, done, target.length - done, place.positionBytes + done)
        if (bytesRead === 0) return done
        done += bytesRead
      }
      return target.length
    })
  }

  write(place: ExtentPlace, bytes: Uint8Array): Promise<void> {
    return this.#use(place, WRITE_FLAGS, async handle => {
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, place.positionBytes + done)
        done += bytesWritten
      }
    })
  }

  /** The caller sees to it that nobody reads or writes the file meanwhile. */
  async remove(path: string): Promise<void> {
    const extent = this.#open.get(path)
    this.#open.delete(path)
    if (extent !== undefined) await closeQuietly(extent)
    await this.#deps.removeFile(path)
  }

  /** Closes every file; the caller has waited for its own reads and writes. */
  async closeAll(): Promise<void> {
    const extents = [...this.#open.values()]
    this.#open.clear()
    await Promise.all(extents.map(closeQuietly))
  }

  async #use<T>(place: ExtentPlace, flags: number, work: (handle: ExtentHandle) => Promise<T>): Promise<T> {
    const extent = this.#open.get(place.path) ?? { handle: this.#openAtLength(place, flags), userCount: 0 }
    this.#open.delete(place.path)
    this.#open.set(place.path, extent)
    extent.userCount++
    try {
      return await work(await extent.handle.catch(error => this.#forget(place.path, extent, error)))
    } finally {
      extent.userCount--
      this.#closeOldest()
    }
  }

  async #openAtLength({ path, fileLengthBytes }: ExtentPlace, flags: number): Promise<ExtentHandle> {
    const handle = await this.#deps.openFile(path, flags)
    try {
      if (fileLengthBytes !== undefined && (await handle.stat()).size !== fileLengthBytes) await handle.truncate(fileLengthBytes)
      return handle
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  #forget(path: string, extent: OpenExtent, error: unknown): never {
    if (this.#open.get(path) === extent) this.#open.delete(path)
    throw error
  }

  #closeOldest(): void {
    for (const [path, extent] of this.#open) {
      if (this.#open.size <= this.#options.openMax) return
      if (extent.userCount > 0) continue
      this.#open.delete(path)
      void closeQuietly(extent)
    }
  }
}

/** A close that fails loses nothing: what was written is in the system's hands, and is hashed before it is used again. */
async function closeQuietly(extent: OpenExtent): Promise<void> {
  const handle = await extent.handle.catch(lossless)
  await handle?.close().catch(lossless)
}
