import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseSongId } from './ids.ts'
import * as manifest from './manifest.ts'
import { BLOCK_SIZE_BYTES, CHUNK_SIZE_MAX_BYTES, CHUNK_SIZE_MIN_BYTES } from './units.ts'

const shapes = fc
  .record({
    chunkSize: fc.integer({ min: CHUNK_SIZE_MIN_BYTES, max: CHUNK_SIZE_MAX_BYTES }),
    chunkCount: fc.integer({ min: 1, max: 300 }),
    lastLength: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  .map(({ chunkSize, chunkCount, lastLength }) => {
    const last = 1 + Math.floor(lastLength * (chunkSize - 1))
    return { chunkSize, chunkCount, fileSize: (chunkCount - 1) * chunkSize + last }
  })

function candidate(shape: manifest.SongShape): manifest.Manifest {
  const chunks = Array.from({ length: shape.chunkCount }, (_, chunkId) => ({ chunkId, hash: 'ab'.repeat(32) }))
  return { id: parseSongId('song-1'), title: 'A song', ...shape, chunks }
}

describe('manifest', () => {
  test('any shape: chunks add up to the file, and blocks to their chunk', () => {
    fc.assert(
      fc.property(shapes, shape => {
        let total = 0
        let blocks = 0
        for (let chunkId = 0; chunkId < shape.chunkCount; chunkId++) {
          const length = manifest.chunkLengthBytes(shape, chunkId)
          const count = manifest.blockCountOf(shape, chunkId)
          expect(manifest.firstBlockIndexOf(shape, chunkId)).toBe(blocks)
          expect(manifest.blockRunLengthBytes(shape, chunkId, 0, count)).toBe(length)
          expect((count - 1) * BLOCK_SIZE_BYTES + manifest.blockLengthBytes(shape, chunkId, count - 1)).toBe(length)
          total += length
          blocks += count
        }
        expect(total).toBe(shape.fileSize)
        expect(manifest.songBlockCount(shape)).toBe(blocks)
      }),
    )
  })

  test('any consistent manifest is accepted as it is', () => {
    fc.assert(
      fc.property(shapes, shape => {
        expect(manifest.parseManifest(candidate(shape))).toEqual(candidate(shape))
      }),
    )
  })

  test.each([
    ['fileSize', { fileSize: 0 }],
    ['fileSize', { fileSize: 2 ** 53 }],
    ['fileSize', { fileSize: 1.5 }],
    ['chunkSize', { chunkSize: 0 }],
    ['chunkSize', { chunkSize: CHUNK_SIZE_MAX_BYTES + 1 }],
    ['chunkCount', { chunkCount: 3 }],
    ['chunks', { chunks: [] }],
    [
      'chunks[1].chunkId',
      {
        chunks: [
          { chunkId: 0, hash: 'ab'.repeat(32) },
          { chunkId: 0, hash: 'ab'.repeat(32) },
        ],
      },
    ],
    [
      'chunks[0].hash',
      {
        chunks: [
          { chunkId: 0, hash: 'AB'.repeat(32) },
          { chunkId: 1, hash: 'ab'.repeat(32) },
        ],
      },
    ],
  ])('a manifest that contradicts itself is refused and the field %s is named', (field, change) => {
    const wrong = { ...candidate({ fileSize: 20_000, chunkSize: 16_384, chunkCount: 2 }), ...change }
    expect(() => manifest.parseManifest(wrong)).toThrow(
      expect.objectContaining({ code: 'EVA_MANIFEST_INVALID', details: expect.objectContaining({ field }) }),
    )
  })

  test('an id that is a path is refused', () => {
    const wrong = { ...candidate({ fileSize: 20_000, chunkSize: 16_384, chunkCount: 2 }), id: '../../etc/passwd' }
    expect(() => manifest.parseManifest(wrong)).toThrow(expect.objectContaining({ code: 'EVA_SONG_ID_INVALID' }))
  })

  test('byte rate: size over duration, and 320 kbit/s without one', () => {
    expect(manifest.byteRateBytesPerSecond({ fileSize: 100_000, durationMs: 5000 })).toBe(20_000)
    expect(manifest.byteRateBytesPerSecond({ fileSize: 100_000 })).toBe(40_000)
  })
})
