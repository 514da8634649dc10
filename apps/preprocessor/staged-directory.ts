// A song's directory in the making: files are written aside, inside the storage, and get their place by one rename.
// Not the deciding of what is written (publisher.ts).
// Invariant: under a song's id there is a whole directory or none; what a dead process left aside is swept by the next one.

import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, open, readdir, rename, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { EvaError } from '@evastream/core/errors'
import type { SongId } from '@evastream/core/ids'
import { STAGING_PREFIX } from '@evastream/protocol/storage-layout'
import { errnoOf } from '@evastream/service-kit/data-directories'

/** Process ids mean nothing on another machine that shares the storage, so the name says whose they are. */
const HOST_TAG = createHash('sha256').update(hostname()).digest('hex').slice(0, 8)
const OWN_STAGING = new RegExp(`^\\${STAGING_PREFIX}${HOST_TAG}-(\\d+)-`)

export type Placement = 'placed' | 'occupied'

export class StagedDirectory {
  readonly path: string
  readonly #storageDir: string

  private constructor(storageDir: string, path: string) {
    this.#storageDir = storageDir
    this.path = path
  }

  /** @throws EvaError `EVA_STORAGE_FULL` or `EVA_DIRECTORY_UNWRITABLE` */
  static async make(storageDir: string): Promise<StagedDirectory> {
    try {
      await mkdir(storageDir, { recursive: true })
      await sweepStaleDirectories(storageDir)
      const path = await mkdtemp(join(storageDir, `${STAGING_PREFIX}${HOST_TAG}-${process.pid}-`))
      return new StagedDirectory(storageDir, path)
    } catch (cause) {
      throw storageError(storageDir, cause)
    }
  }

  async write(fileName: string, bytes: Uint8Array): Promise<void> {
    try {
      const file = await open(join(this.path, fileName), 'wx', 0o644)
      try {
        await file.writeFile(bytes)
        // The metadata that will name these bytes outlives a power cut, so they must too.
        await file.datasync()
      } finally {
        await file.close()
      }
    } catch (cause) {
      throw storageError(this.#storageDir, cause)
    }
  }

  /** Gives the directory its place. `occupied`: there is one already, and this one stays aside. */
  async place(songId: SongId): Promise<Placement> {
    try {
      await rename(this.path, join(this.#storageDir, songId))
      return 'placed'
    } catch (cause) {
      const reason = errnoOf(cause)
      if (reason === 'ENOTEMPTY' || reason === 'EEXIST' || reason === 'ENOTDIR') return 'occupied'
      throw storageError(this.#storageDir, cause)
    }
  }

  /** Removes what was not placed. */
  async discard(): Promise<void> {
    await rm(this.path, { recursive: true, force: true })
  }
}

async function sweepStaleDirectories(storageDir: string): Promise<void> {
  for (const name of await readdir(storageDir)) {
    const pid = Number(OWN_STAGING.exec(name)?.[1] ?? Number.NaN)
    if (Number.isInteger(pid) && !isAlive(pid)) await rm(join(storageDir, name), { recursive: true, force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (cause) {
    return errnoOf(cause) === 'EPERM'
  }
}

function storageError(path: string, cause: unknown): EvaError {
  if (cause instanceof EvaError) return cause
  const reason = errnoOf(cause)
  if (reason === 'ENOSPC' || reason === 'EDQUOT') return new EvaError('EVA_STORAGE_FULL', { details: { path }, cause })
  return new EvaError('EVA_DIRECTORY_UNWRITABLE', { details: { path, reason, flag: '--storage' }, cause })
}
