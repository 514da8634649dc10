// Checks what is registered at the limit of what the service reads.

import { parseSongId } from '@evastream/core/ids'
import { CHUNK_SIZE_MAX_BYTES, CHUNK_SIZE_MIN_BYTES } from '@evastream/core/units'
import { PUBLISH_BODY_LIMIT_BYTES } from '@evastream/protocol/metadata-http'
import { describe, expect, it } from 'vitest'
import type { CutSong } from './chunker.ts'
import { checkRegistrable, publishBodyOf } from './publish-body.ts'

const songId = parseSongId('song-1')
const GIB = 1024 ** 3

function cutOf(chunkCount: number, blockHashesBytes: number): CutSong {
  return {
    fileSize: chunkCount * 16_384,
    chunkSize: 16_384,
    chunkCount,
    chunkHashes: Array.from({ length: chunkCount }, () => 'a'.repeat(64)),
    blockHashes: new Uint8Array(blockHashesBytes),
    sha256: 'b'.repeat(64),
  }
}

const sizeOf = (body: object) => Buffer.byteLength(JSON.stringify(body))

describe('what is registered', () => {
  it('publish body: a song: has its description, chunks in order and block hashes in base64', () => {
    const body = publishBodyOf(songId, { ...cutOf(2, 0), blockHashes: Uint8Array.of(1, 2, 3) }, { title: 'A', artist: 'B' })
    expect(body).toEqual({
      id: 'song-1',
      title: 'A',
      artist: 'B',
      fileSize: 32_768,
      chunkSize: 16_384,
      chunkCount: 2,
      chunks: [
        { chunkId: 0, hash: 'a'.repeat(64) },
        { chunkId: 1, hash: 'a'.repeat(64) },
      ],
      blockHashes: 'AQID',
    })
  })

  it('publish body: block hashes that just fit: are kept, and one more makes the song go without', () => {
    const without = sizeOf(publishBodyOf(songId, cutOf(1, 0), { title: 'ü'.repeat(100) })) - ',"blockHashes":""'.length
    const room = PUBLISH_BODY_LIMIT_BYTES - without - ',"blockHashes":""'.length
    const fittingBytes = Math.floor(room / 4) * 3
    const fitting = publishBodyOf(songId, cutOf(1, fittingBytes), { title: 'ü'.repeat(100) })
    expect(fitting.blockHashes).toBeDefined()
    expect(sizeOf(fitting)).toBeLessThanOrEqual(PUBLISH_BODY_LIMIT_BYTES)
    expect(sizeOf(fitting)).toBeGreaterThan(PUBLISH_BODY_LIMIT_BYTES - 4)
    expect(publishBodyOf(songId, cutOf(1, fittingBytes + 1), { title: 'ü'.repeat(100) }).blockHashes).toBeUndefined()
  })

  it('publish body: a file in too many chunks: is refused beforehand, and what is let through fits', () => {
    expect(() => checkRegistrable(64 * GIB, CHUNK_SIZE_MIN_BYTES)).toThrow(expect.objectContaining({ code: 'EVA_REQUEST_TOO_LARGE' }))
    checkRegistrable(64 * GIB, CHUNK_SIZE_MAX_BYTES)
    checkRegistrable(2 * GIB, CHUNK_SIZE_MIN_BYTES)
    const mostChunks = Math.floor((PUBLISH_BODY_LIMIT_BYTES - 64 * 1024) / 96)
    checkRegistrable(mostChunks * CHUNK_SIZE_MIN_BYTES, CHUNK_SIZE_MIN_BYTES)
    expect(() => checkRegistrable(mostChunks * CHUNK_SIZE_MIN_BYTES + 1, CHUNK_SIZE_MIN_BYTES)).toThrow()
    expect(sizeOf(publishBodyOf(songId, cutOf(mostChunks, 0), { title: 'x'.repeat(512) }))).toBeLessThan(PUBLISH_BODY_LIMIT_BYTES)
  })
})
