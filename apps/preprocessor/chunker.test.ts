// Checks that chunks, hashes and memory do not depend on how a stream happens to be fragmented.

import { createHash } from 'node:crypto'
import { EvaError } from '@evastream/core/errors'
import { blockHashesLengthBytes, chunkLengthBytes } from '@evastream/core/manifest'
import { BLOCK_SIZE_BYTES, CHUNK_SIZE_MAX_BYTES, CHUNK_SIZE_MIN_BYTES, KIB, MIB } from '@evastream/core/units'
import { seededBytes, VARIED_SONGS } from '@evastream/testkit/audio-fixtures'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type CutChunk, type CutSong, cutIntoChunks } from './chunker.ts'

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

/** The bytes in parts of the given sizes, over and over, all through one buffer that is overwritten each time. */
async function* fragments(bytes: Uint8Array, partSizes: readonly number[]): AsyncGenerator<Uint8Array> {
  const shared = new Uint8Array(Math.max(...partSizes))
  for (let position = 0, turn = 0; position < bytes.length; turn++) {
    const part = bytes.subarray(position, position + (partSizes[turn % partSizes.length] ?? 1))
    shared.set(part)
    yield shared.subarray(0, part.length)
    position += part.length
  }
}

interface Cut {
  readonly song: CutSong
  readonly chunks: readonly (CutChunk & { readonly copy: Uint8Array })[]
}

async function cut(bytes: Uint8Array, chunkSize: number, partSizes: readonly number[]): Promise<Cut> {
  const chunks: (CutChunk & { readonly copy: Uint8Array })[] = []
  const song = await cutIntoChunks(fragments(bytes, partSizes), chunk => void chunks.push({ ...chunk, copy: chunk.bytes.slice() }), {
    chunkSize,
  })
  return { song, chunks }
}

/** The block hashes, computed from the whole file the obvious way. */
function obviousBlockHashes(bytes: Uint8Array, chunkSize: number): string {
  const hashes: string[] = []
  for (let chunk = 0; chunk < bytes.length; chunk += chunkSize) {
    const end = Math.min(chunk + chunkSize, bytes.length)
    for (let block = chunk; block < end; block += BLOCK_SIZE_BYTES)
      hashes.push(sha256(bytes.subarray(block, Math.min(block + BLOCK_SIZE_BYTES, end))))
  }
  return hashes.join('')
}

describe('the chunker', () => {
  it.each(VARIED_SONGS)('chunker: $name: gives chunks that add up to it, with the right hashes', async ({ fileSize, chunkSize }) => {
    const bytes = seededBytes(fileSize, fileSize)
    const { song, chunks } = await cut(bytes, chunkSize, [64 * KIB])
    const chunkCount = Math.ceil(fileSize / chunkSize)
    expect(song).toMatchObject({ fileSize, chunkSize, chunkCount, sha256: sha256(bytes) })
    expect(Buffer.concat(chunks.map(chunk => chunk.copy)).equals(bytes)).toBe(true)
    expect(chunks.map(chunk => chunk.chunkId)).toEqual(Array.from({ length: chunkCount }, (_, chunkId) => chunkId))
    expect(chunks.map(chunk => chunk.copy.length)).toEqual(chunks.map(chunk => chunkLengthBytes(song, chunk.chunkId)))
    expect(chunks.map(chunk => chunk.hash)).toEqual(chunks.map(chunk => sha256(chunk.copy)))
    expect(song.chunkHashes).toEqual(chunks.map(chunk => chunk.hash))
    expect(song.blockHashes.length).toBe(blockHashesLengthBytes(song))
    expect(Buffer.from(song.blockHashes).toString('hex')).toBe(obviousBlockHashes(bytes, chunkSize))
  })

  it('chunker: any fragmentation of any song: gives the same chunks', async () => {
    const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 300 * KIB })), {
      minLength: 1,
      maxLength: 8,
    })
    const chunkSizes = fc.oneof(
      fc.constantFrom(CHUNK_SIZE_MIN_BYTES, 64 * KIB, 256 * KIB, CHUNK_SIZE_MAX_BYTES),
      fc.integer({ min: CHUNK_SIZE_MIN_BYTES, max: 200_000 }),
    )
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 400_000 }), chunkSizes, sizes, async (fileSize, chunkSize, partSizes) => {
        const bytes = seededBytes(fileSize, fileSize)
        const atOnce = await cut(bytes, chunkSize, [fileSize])
        const inParts = await cut(bytes, chunkSize, partSizes)
        expect(inParts.song).toEqual(atOnce.song)
        expect(Buffer.concat(inParts.chunks.map(chunk => chunk.copy)).equals(bytes)).toBe(true)
        expect(atOnce.song.chunkHashes).toEqual(atOnce.chunks.map(chunk => sha256(chunk.copy)))
      }),
      { seed: 30, numRuns: 60 },
    )
  })

  it('chunker: an empty stream: gives a song without chunks', async () => {
    const { song, chunks } = await cut(new Uint8Array(0), 64 * KIB, [10])
    expect(chunks).toEqual([])
    expect(song).toMatchObject({ fileSize: 0, chunkCount: 0, chunkHashes: [], sha256: sha256(new Uint8Array(0)) })
  })

  it('chunker: 200 MB with a slow taker: never has more than its few buffers, however many chunks wait', async () => {
    const chunkSize = 256 * KIB
    const inFlightMax = 3
    let allocatedCount = 0
    let outOnLoan = 0
    let mostOnLoan = 0
    const part = new Uint8Array(MIB)
    async function* source(): AsyncGenerator<Uint8Array> {
      for (let index = 0; index < 200; index++) yield part
    }
    const song = await cutIntoChunks(
      source(),
      async () => {
        mostOnLoan = Math.max(mostOnLoan, ++outOnLoan)
        // Slower than the source by several turns of the event loop.
        for (let turn = 0; turn < 5; turn++) await new Promise(resolve => setImmediate(resolve))
        outOnLoan--
      },
      {
        chunkSize,
        inFlightMax,
        allocate: sizeBytes => {
          allocatedCount++
          return new Uint8Array(sizeBytes)
        },
      },
    )
    expect(song.chunkCount).toBe(800)
    expect(mostOnLoan).toBe(inFlightMax)
    expect(allocatedCount).toBeLessThanOrEqual(inFlightMax + 1)
  })

  it('chunker: a chunk on loan: keeps its bytes until it is given back', async () => {
    const bytes = seededBytes(5, 20 * 16 * KIB)
    const seen: string[] = []
    await cutIntoChunks(
      fragments(bytes, [5000]),
      async chunk => {
        await new Promise(resolve => setImmediate(resolve))
        await new Promise(resolve => setImmediate(resolve))
        seen[chunk.chunkId] = sha256(chunk.bytes)
        expect(seen[chunk.chunkId]).toBe(chunk.hash)
      },
      { chunkSize: 16 * KIB },
    )
    expect(seen.length).toBe(20)
  })

  it('chunker: a taker that fails: ends the work with its error, once all loans are back', async () => {
    let outOnLoan = 0
    let takenCount = 0
    const failure = new EvaError('EVA_STORAGE_FULL')
    const work = cutIntoChunks(
      fragments(new Uint8Array(MIB), [16 * KIB]),
      async chunk => {
        takenCount++
        outOnLoan++
        await new Promise(resolve => setImmediate(resolve))
        outOnLoan--
        if (chunk.chunkId === 2) throw failure
      },
      { chunkSize: 16 * KIB },
    )
    await expect(work).rejects.toBe(failure)
    expect(outOnLoan).toBe(0)
    expect(takenCount).toBeLessThan(20)
  })

  it('chunker: a taker that fails for the very last chunk: still ends the work with its error', async () => {
    const failure = new EvaError('EVA_STORAGE_FULL')
    const work = cutIntoChunks(
      fragments(new Uint8Array(17 * KIB), [16 * KIB]),
      async chunk => {
        await new Promise(resolve => setImmediate(resolve))
        if (chunk.chunkId === 1) throw failure
      },
      { chunkSize: 16 * KIB },
    )
    await expect(work).rejects.toBe(failure)
  })

  it('chunker: a stream that breaks: ends the work with its error, once all loans are back', async () => {
    let outOnLoan = 0
    const failure = new EvaError('EVA_INPUT_CHANGED')
    async function* source(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(40 * KIB)
      throw failure
    }
    const work = cutIntoChunks(
      source(),
      async () => {
        outOnLoan++
        for (let turn = 0; turn < 3; turn++) await new Promise(resolve => setImmediate(resolve))
        outOnLoan--
      },
      { chunkSize: 16 * KIB },
    )
    await expect(work).rejects.toBe(failure)
    expect(outOnLoan).toBe(0)
  })
})
