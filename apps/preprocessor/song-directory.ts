// A song's directory as it lies in the storage: whether it holds what it should, and how it is put right.
// Not its first writing: staged-directory.ts makes it appear whole.
// Invariant: what is there is judged by its bytes, read and hashed; nothing is changed but by `repairSong`.

import { hash } from 'node:crypto'
import { lstat, readdir, readFile, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { EvaError } from '@evastream/core/errors'
import { COVER_TYPES, chunkFileName, isChunkFileName } from '@evastream/protocol/storage-layout'
import { errnoOf } from '@evastream/service-kit/data-directories'
import type { CutSong } from './chunker.ts'
import type { CoverPicture } from './cover-picture.ts'
import { type StagedDirectory, storageFault, syncEntry } from './staged-directory.ts'

/** What should lie in a song's directory. */
export interface SongFiles {
  readonly cut: CutSong
  readonly cover?: CoverPicture | undefined
}

export interface StoredDifference {
  /** Names of files that are missing or hold other bytes. */
  readonly damaged: readonly string[]
  /** Names of chunk and cover files that should not be there. */
  readonly surplus: readonly string[]
}

export function isComplete({ damaged, surplus }: StoredDifference): boolean {
  return damaged.length === 0 && surplus.length === 0
}

/** Whether it is the same music, whatever its cover. */
export function isSameAudio({ damaged, surplus }: StoredDifference): boolean {
  return ![...damaged, ...surplus].some(isChunkFileName)
}

/** @throws EvaError `EVA_STORAGE_FAILED` when something else has the song's name. */
export async function hasSongDirectory(directory: string): Promise<boolean> {
  try {
    if (!(await lstat(directory)).isDirectory())
      throw new EvaError('EVA_STORAGE_FAILED', { details: { reason: `${directory} is in the way and not a directory` } })
    return (await readdir(directory)).length > 0
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return false
    throw storageFault(cause)
  }
}

/** Reads and hashes every file. */
export async function compareSong(directory: string, files: SongFiles, signal?: AbortSignal): Promise<StoredDifference> {
  try {
    const expected = expectedFiles(files)
    const damaged: string[] = []
    for (const [name, expectedHash] of expected) {
      if (signal?.aborted) throw new EvaError('EVA_CANCELLED', { cause: signal.reason })
      if ((await hashOfFile(join(directory, name))) !== expectedHash) damaged.push(name)
    }
    const covers = new Set(COVER_TYPES.map(({ fileName }) => fileName))
    const surplus = (await readdir(directory)).filter(name => (isChunkFileName(name) || covers.has(name)) && !expected.has(name))
    return { damaged, surplus }
  } catch (cause) {
    throw storageFault(cause)
  }
}

/** Puts staged files in the place of damaged ones, each at once, and takes away what should not be there. */
export async function repairSong(directory: string, staged: StagedDirectory, { damaged, surplus }: StoredDifference): Promise<void> {
  for (const name of damaged) await staged.moveFile(name, join(directory, name))
  try {
    for (const name of surplus) await unlink(join(directory, name))
  } catch (cause) {
    throw storageFault(cause)
  }
}

/** Returns once a song that was found complete is on the disk: who put it there, and whether they saw to that, is not known. */
export async function syncSong(directory: string, files: SongFiles): Promise<void> {
  try {
    for (const name of expectedFiles(files).keys()) await syncEntry(join(directory, name))
    await syncEntry(directory)
    await syncEntry(dirname(directory))
  } catch (cause) {
    throw storageFault(cause)
  }
}

function expectedFiles({ cut, cover }: SongFiles): ReadonlyMap<string, string> {
  const files = new Map(cut.chunkHashes.map((chunkHash, chunkId) => [chunkFileName(chunkId), chunkHash]))
  if (cover !== undefined) files.set(cover.type.fileName, cover.hash)
  return files
}

/** Undefined for what is missing or no plain file: the origin serves neither. */
async function hashOfFile(path: string): Promise<string | undefined> {
  try {
    return (await lstat(path)).isFile() ? hash('sha256', await readFile(path), 'hex') : undefined
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return undefined
    throw cause
  }
}
