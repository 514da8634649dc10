// A complete song as one file of the user's: written beside its name, checked, and renamed.
// Not the stream for players (song-stream.ts).
// Invariant: the file appears whole and bit for bit as published, or not at all.

import { hash } from 'node:crypto'
import { open, rename, rm } from 'node:fs/promises'
import { EvaError } from '@evastream/core/errors'
import { chunkLengthBytes, type Manifest } from '@evastream/core/manifest'
import type { RangeReader } from '../ports.ts'
import { toStorageError } from '../store/storage-fault.ts'

/** @throws EvaError `EVA_CHUNK_NOT_FOUND` for an incomplete song, `EVA_STORAGE_FULL`, `EVA_STORAGE_FAILED`, `EVA_STORED_CHUNK_ROTTEN` */
export async function exportSong(reader: RangeReader, manifest: Manifest, path: string): Promise<void> {
  const draft = `${path}.part`
  try {
    const file = await open(draft, 'w')
    try {
      for (const { chunkId, hash: expected } of manifest.chunks) {
        const bytes = await reader.readRange(manifest.id, chunkId * manifest.chunkSize, chunkLengthBytes(manifest, chunkId))
        if (hash('sha256', bytes) !== expected) throw new EvaError('EVA_STORED_CHUNK_ROTTEN', { details: { songId: manifest.id, chunkId } })
        await file.writeFile(bytes)
      }
    } finally {
      await file.close()
    }
    await rename(draft, path)
  } catch (error) {
    await rm(draft, { force: true })
    throw toStorageError(error)
  }
}
