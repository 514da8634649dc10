// A song's directory in the making: files are written where nobody looks, then appear together under their name.
// Not a transaction with the metadata service: the publisher registers a song after its files are in place.
// Invariant: a name that the origin serves is complete from its first moment on, and on the disk before it is seen; what a killed
// process leaves behind begins with a dot, which no song id does, and the next run sweeps it away.

import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { EvaError } from '@evastream/core/errors'
import { SECOND_MS } from '@evastream/core/units'
import { STAGING_PREFIX } from '@evastream/protocol/storage-layout'
import { errnoOf } from '@evastream/service-kit/data-directories'

/** Whose work a staged directory is; a process id alone means nothing on another machine or in another container. */
export interface StagingOwner {
  readonly hostname: string
  readonly pid: number
}

/** Longer than any publication takes: older work of other machines is nobody's. */
const ABANDONED_AFTER_MS = 24 * 3600 * SECOND_MS
const SONG_NAME = 'song'
const TAKEN_NAME = 'taken'

export class StagedDirectory {
  readonly #root: string

  constructor(options: { readonly root: string }) {
    this.#root = options.root
  }

  /** Returns once the bytes are on the disk. @throws EvaError `EVA_STORAGE_FULL`, `EVA_STORAGE_FAILED` */
  async write(name: string, bytes: Uint8Array): Promise<void> {
    await translated(async () => {
      const file = await open(join(this.#songPath, name), 'wx')
      try {
        for (let written = 0; written < bytes.length; ) {
          written += (await file.write(bytes, written, bytes.length - written)).bytesWritten
        }
        await file.datasync()
      } finally {
        await file.close()
      }
    })
  }

  /** Gives the whole directory its name, unless something has that name already. */
  async moveTo(target: string): Promise<'moved' | 'occupied'> {
    return translated(async () => {
      await syncEntry(this.#songPath)
      try {
        await rename(this.#songPath, target)
      } catch (cause) {
        if (errnoOf(cause) === 'ENOTEMPTY' || errnoOf(cause) === 'EEXIST') return 'occupied'
        throw cause
      }
      await syncEntry(dirname(target))
      return 'moved'
    })
  }

  /** Puts one of the staged files in the place of another, which is whole at any moment. */
  async moveFile(name: string, target: string): Promise<void> {
    await translated(async () => {
      await rename(join(this.#songPath, name), target)
      await syncEntry(dirname(target))
    })
  }

  /** Takes a directory that had a name in here, at once: it goes with the rest. @returns whether it was there */
  async takeIn(directory: string): Promise<boolean> {
    return translated(async () => {
      try {
        await rename(directory, join(this.#root, TAKEN_NAME))
        return true
      } catch (cause) {
        if (errnoOf(cause) !== 'ENOENT') throw cause
        return false
      }
    })
  }

  async discard(): Promise<void> {
    await rm(this.#root, { recursive: true, force: true })
  }

  /** One level down, so that it is made with the rights that the user's umask gives: a temporary directory has none for others. */
  get #songPath(): string {
    return join(this.#root, SONG_NAME)
  }
}

export async function stageDirectory(storageDir: string, owner: StagingOwner): Promise<StagedDirectory> {
  return translated(async () => {
    const root = await mkdtemp(join(storageDir, `${STAGING_PREFIX}${hostTag(owner)}-${owner.pid}-`))
    await mkdir(join(root, SONG_NAME))
    return new StagedDirectory({ root })
  })
}

export interface SweepDeps {
  /** Wall-clock time in milliseconds, as file systems have it. */
  readonly nowMs: () => number
  readonly isAlive: (pid: number) => boolean
}

/** Removes what dead processes left behind. @returns how many directories */
export async function sweepStaging(storageDir: string, owner: StagingOwner, deps: SweepDeps): Promise<number> {
  return translated(async () => {
    const names = (await readdir(storageDir)).filter(name => name.startsWith(STAGING_PREFIX))
    let sweptCount = 0
    for (const name of names) {
      const root = join(storageDir, name)
      if (!(await isAbandoned(root, { name, owner, deps }))) continue
      await rm(root, { recursive: true, force: true })
      sweptCount++
    }
    return sweptCount
  })
}

/** Whether a process of this machine lives. */
export function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (cause) {
    return errnoOf(cause) === 'EPERM'
  }
}

async function isAbandoned(root: string, { name, owner, deps }: { name: string; owner: StagingOwner; deps: SweepDeps }): Promise<boolean> {
  const [host, pid] = name.slice(STAGING_PREFIX.length).split('-')
  if (host === hostTag(owner) && Number(pid) !== owner.pid && !deps.isAlive(Number(pid))) return true
  const changedAt = Math.max(await changeTimeOf(root), await changeTimeOf(join(root, SONG_NAME)))
  return deps.nowMs() - changedAt > ABANDONED_AFTER_MS
}

async function changeTimeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).mtimeMs
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return 0
    throw cause
  }
}

function hostTag({ hostname }: StagingOwner): string {
  return createHash('sha256').update(hostname).digest('hex').slice(0, 8)
}

/** Of a file its bytes, of a directory its names: a rename is durable once its directory is. */
export async function syncEntry(path: string): Promise<void> {
  const entry = await open(path, 'r')
  try {
    await entry.sync()
  } finally {
    await entry.close()
  }
}

/** Runs work on the storage and words its failures. */
async function translated<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    throw storageFault(cause)
  }
}

export function storageFault(cause: unknown): EvaError {
  if (cause instanceof EvaError) return cause
  const reason = errnoOf(cause)
  if (reason === 'ENOSPC' || reason === 'EDQUOT') return new EvaError('EVA_STORAGE_FULL', { cause })
  return new EvaError('EVA_STORAGE_FAILED', { details: { reason }, cause })
}
