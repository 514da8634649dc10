// What is registered of a song: its description and the hashes of its chunks and blocks, as one request that the service takes.
// Not the sending, and not the hashing.
// Invariant: a body never exceeds what the service reads; block hashes are left out before a song is given up.

import { EvaError } from '@evastream/core/errors'
import type { SongId } from '@evastream/core/ids'
import type { SongDescription } from '@evastream/core/manifest'
import { PUBLISH_BODY_LIMIT_BYTES, type PublishBody } from '@evastream/protocol/metadata-http'
import type { CutSong } from './chunker.ts'

/** `{"chunkId":1234567,"hash":"…64 digits…"},` */
const CHUNK_ENTRY_MAX_BYTES = 96
const DESCRIPTION_ROOM_BYTES = 64 * 1024
const BLOCK_HASHES_ENTRY = ',"blockHashes":""'

/** Refuses a file whose chunks could not be registered, before they are cut. @throws EvaError `EVA_REQUEST_TOO_LARGE` */
export function checkRegistrable(fileSize: number, chunkSize: number): void {
  const chunkCount = Math.ceil(fileSize / chunkSize)
  if (chunkCount * CHUNK_ENTRY_MAX_BYTES + DESCRIPTION_ROOM_BYTES > PUBLISH_BODY_LIMIT_BYTES)
    throw new EvaError('EVA_REQUEST_TOO_LARGE', { details: { limitBytes: PUBLISH_BODY_LIMIT_BYTES } })
}

/** The body with block hashes, or without them if it would be too large. */
export function publishBodyOf(songId: SongId, cut: CutSong, description: SongDescription): PublishBody {
  const { fileSize, chunkSize, chunkCount, chunkHashes } = cut
  const chunks = chunkHashes.map((hash, chunkId) => ({ chunkId, hash }))
  const body: PublishBody = { id: songId, ...description, fileSize, chunkSize, chunkCount, chunks }
  const blockHashes = Buffer.from(cut.blockHashes).toString('base64')
  const sizeBytes = Buffer.byteLength(JSON.stringify(body)) + BLOCK_HASHES_ENTRY.length + blockHashes.length
  return sizeBytes <= PUBLISH_BODY_LIMIT_BYTES ? { ...body, blockHashes } : body
}
