// Who this node is and where it keeps its things: a given id, or one that was made at the first start and kept.
// Not its standing with the tracker, which proves the id by a token (peer-token-file.ts).
// Invariant: without a given id, every start in one data directory is the same peer.

import { link, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isId, type PeerId, parsePeerId } from '@evastream/core/ids'
import { ensureWritableDirectory } from '@evastream/service-kit/data-directories'
import { randomToken } from '@evastream/service-kit/token-generator'
import { lossless, toStorageError } from './store/storage-fault.ts'

export interface PeerIdentity {
  readonly peerId: PeerId
  /** Absolute; it exists and can be written. */
  readonly directory: string
}

const KEPT_ID_FILE = 'default-peer-id'

/** @throws EvaError `EVA_DIRECTORY_UNWRITABLE`, `EVA_STORAGE_FULL` or `EVA_STORAGE_FAILED` */
export async function establishIdentity(options: { peersDirectory: string; peerId: PeerId | undefined }): Promise<PeerIdentity> {
  const parent = await ensureWritableDirectory(options.peersDirectory, '--data')
  const peerId = options.peerId ?? (await keptId(join(parent, KEPT_ID_FILE)))
  return { peerId, directory: await ensureWritableDirectory(join(parent, peerId), '--data') }
}

async function keptId(path: string): Promise<PeerId> {
  return (await readId(path)) ?? (await makeId(path))
}

async function readId(path: string): Promise<PeerId | undefined> {
  const text = (await readFile(path, 'utf8').catch(lossless))?.trim()
  return isId(text) ? parsePeerId(text) : undefined
}

/** Two first starts at once agree on one id: the file gets its name whole, and only once. */
async function makeId(path: string): Promise<PeerId> {
  const peerId = parsePeerId(`peer-${randomToken(9)}`)
  const draft = `${path}.${peerId}`
  try {
    await writeFile(draft, `${peerId}\n`)
    await link(draft, path)
    return peerId
  } catch (error) {
    const earlier = await readId(path)
    if (earlier === undefined) throw toStorageError(error)
    return earlier
  } finally {
    await rm(draft, { force: true })
  }
}
