// Where each part keeps its files unless told otherwise, and the check that it may write there.
// Not the layout inside a directory: that belongs to the part that owns it.
// Invariant: a directory that passed the check existed and took a file a moment ago.

import { mkdir, open, unlink } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { EvaError } from '@evastream/core/errors'
import { randomToken } from './token-generator.ts'

export const DEFAULT_METADATA_DIR = 'evastream-data/metadata'
/** One sub-directory for each peer id. */
export const DEFAULT_PEERS_DIR = 'evastream-data/peers'
export const DEFAULT_STORAGE_DIR = 'origin-storage'

/**
 * Makes the directory when it is missing and proves, by writing a file, that it can be written.
 * @param flag the flag that chooses the directory, for the message: `--data`
 * @returns its absolute path
 * @throws EvaError `EVA_DIRECTORY_UNWRITABLE`, or `EVA_STORAGE_FULL`
 */
export async function ensureWritableDirectory(path: string, flag: string): Promise<string> {
  const directory = resolve(path)
  try {
    await makeDirectory(directory)
    const probe = join(directory, `.write-probe-${randomToken(6)}`)
    const file = await open(probe, 'wx', 0o600)
    await file.close()
    await unlink(probe)
  } catch (cause) {
    const reason = errnoOf(cause)
    if (reason === 'ENOSPC' || reason === 'EDQUOT') throw new EvaError('EVA_STORAGE_FULL', { details: { path: directory }, cause })
    throw new EvaError('EVA_DIRECTORY_UNWRITABLE', { details: { path: directory, reason, flag }, cause })
  }
  return directory
}

/** Not mkdir's own `recursive`: under /proc and its like, Node 20 tries that for ever. */
async function makeDirectory(directory: string): Promise<void> {
  if ((await tryMakeDirectory(directory)) === 'made') return
  const parent = dirname(directory)
  if (parent !== directory) await makeDirectory(parent)
  if ((await tryMakeDirectory(directory)) === 'no parent') await mkdir(directory)
}

async function tryMakeDirectory(directory: string): Promise<'made' | 'no parent'> {
  try {
    await mkdir(directory)
    return 'made'
  } catch (cause) {
    if (errnoOf(cause) === 'EEXIST') return 'made'
    if (errnoOf(cause) === 'ENOENT') return 'no parent'
    throw cause
  }
}

/** The system's name of a failure (`EACCES`), or the message of one that has none. */
export function errnoOf(thrown: unknown): string {
  if (thrown instanceof Error) return (thrown as NodeJS.ErrnoException).code ?? thrown.message
  return String(thrown)
}
