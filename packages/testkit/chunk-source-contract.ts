// What every source of chunks promises, as a suite that is run against a peer's connection and against the origin.
// Not about hashes: a source knows none, whoever asks checks. Not about timeouts: the scheduler has those.
// Invariant: a promise that is tested here holds for each source, so the coordinator may treat them alike.

import type { ErrorCode } from '@evastream/core/errors'
import type { ChunkId, SongId } from '@evastream/core/ids'
import { blockCountOf, blockRunLengthBytes, chunkLengthBytes, type SongShape } from '@evastream/core/manifest'
import { BLOCK_SIZE_BYTES, KIB, MIB } from '@evastream/core/units'
import { afterEach, describe, expect, it } from 'vitest'
import { type SongFixture, songFixture } from './song-fixture.ts'

export interface ContractRequest {
  readonly songId: SongId
  readonly shape: SongShape
  readonly chunkId: ChunkId
  readonly firstBlock: number
  readonly blockCount: number
  readonly priority: 'play' | 'prefetch' | 'seed'
  readonly target: Uint8Array
}

export interface ContractSource {
  fetchBlocks(request: ContractRequest, onBytes: (filledBytes: number) => void, signal: AbortSignal): Promise<void>
}

/** A source, and what the suite does to whoever is behind it. */
export interface SourceUnderTest {
  readonly source: ContractSource
  /** The other side loses a chunk. */
  withhold(chunkId: ChunkId): void
  /** From now on requests are taken and nothing is sent, until `resume`. Open connections stay. */
  stall(): void
  resume(): void
  /** The other side is gone for good. */
  vanish(): Promise<void>
  close(): Promise<void>
}

export interface ChunkSourceCodes {
  readonly missing: ErrorCode
  /** What an open fetch, and one begun afterwards, may say when the other side is gone. */
  readonly gone: readonly ErrorCode[]
}

export interface ChunkSourceContractOptions {
  readonly makeSource: (song: SongFixture) => Promise<SourceUnderTest>
  readonly codes: ChunkSourceCodes
}

const SHAPES = [
  ['one chunk of one byte', 1, 16 * KIB],
  ['exactly one chunk', 64 * KIB, 64 * KIB],
  ['a last chunk of one byte', 4 * 64 * KIB + 1, 64 * KIB],
  ['300 chunks', 300 * 16 * KIB - 7, 16 * KIB],
  ['a crooked chunk size', 400_003, 77_777],
  ['the largest chunk size', 9 * MIB + 5, 4 * MIB],
] as const

const never = new AbortController().signal

function requestOf({ manifest }: SongFixture, chunkId: ChunkId, run?: { firstBlock: number; blockCount: number }): ContractRequest {
  const { firstBlock, blockCount } = run ?? { firstBlock: 0, blockCount: blockCountOf(manifest, chunkId) }
  const target = new Uint8Array(blockRunLengthBytes(manifest, chunkId, firstBlock, blockCount))
  return { songId: manifest.id, shape: manifest, chunkId, firstBlock, blockCount, priority: 'prefetch', target }
}

function expectFilled(song: SongFixture, { chunkId, firstBlock, target }: ContractRequest): void {
  const start = firstBlock * BLOCK_SIZE_BYTES
  expect(Buffer.compare(target, song.chunkBytes(chunkId).subarray(start, start + target.length))).toBe(0)
}

export function chunkSourceContract(name: string, { makeSource, codes }: ChunkSourceContractOptions): void {
  const opened: SourceUnderTest[] = []
  async function open(song: SongFixture): Promise<SourceUnderTest> {
    const one = await makeSource(song)
    opened.push(one)
    return one
  }
  afterEach(async () => {
    await Promise.all(opened.splice(0).map(one => one.close()))
  })

  describe(`chunk source contract: ${name}`, () => {
    it.each(SHAPES)('whole chunks: %s: each target is filled bit for bit', async (_name, fileSize, chunkSize) => {
      const song = songFixture({ fileSize, chunkSize })
      const { source } = await open(song)
      for (const { chunkId } of song.manifest.chunks) {
        const request = requestOf(song, chunkId)
        expect(request.target.length).toBe(chunkLengthBytes(song.manifest, chunkId))
        await source.fetchBlocks(request, () => undefined, never)
        expectFilled(song, request)
      }
    })

    it('runs of blocks: any of a chunk with a short last block: exactly they are filled in', async () => {
      const song = songFixture({ fileSize: 5 * BLOCK_SIZE_BYTES + 100, chunkSize: 8 * BLOCK_SIZE_BYTES })
      const { source } = await open(song)
      for (let firstBlock = 0; firstBlock < 6; firstBlock++)
        for (let blockCount = 1; firstBlock + blockCount <= 6; blockCount++) {
          const request = requestOf(song, 0, { firstBlock, blockCount })
          await source.fetchBlocks(request, () => undefined, never)
          expectFilled(song, request)
        }
    })

    it('progress: a chunk of 64 blocks: only ever grows, and ends at its length', async () => {
      const song = songFixture({ fileSize: MIB, chunkSize: MIB })
      const { source } = await open(song)
      const request = requestOf(song, 0)
      const told: number[] = []
      await source.fetchBlocks(
        request,
        filledBytes => {
          told.push(filledBytes)
          const start = told.at(-2) ?? 0
          expect(Buffer.compare(request.target.subarray(start, filledBytes), song.chunkBytes(0).subarray(start, filledBytes))).toBe(0)
        },
        never,
      )
      expect(told.every((filledBytes, index) => filledBytes > (told[index - 1] ?? 0))).toBe(true)
      expect(told.at(-1)).toBe(MIB)
    })

    it('several requests at once: of several chunks and priorities: all are filled', async () => {
      const song = songFixture({ fileSize: 20 * 64 * KIB, chunkSize: 64 * KIB })
      const { source } = await open(song)
      const requests = Array.from({ length: 8 }, (_, index) => ({
        ...requestOf(song, 19 - index),
        priority: (['seed', 'play', 'prefetch'] as const)[index % 3] ?? 'seed',
      }))
      await Promise.all(requests.map(request => source.fetchBlocks(request, () => undefined, never)))
      for (const request of requests) expectFilled(song, request)
    })

    it('a signal that is aborted already: rejects with EVA_CANCELLED and asks for nothing', async () => {
      const song = songFixture()
      const { source } = await open(song)
      const request = requestOf(song, 0)
      await expect(source.fetchBlocks(request, () => undefined, AbortSignal.abort())).rejects.toMatchObject({ code: 'EVA_CANCELLED' })
      expect(request.target.every(byte => byte === 0)).toBe(true)
    })

    it('an abort while nothing comes: rejects with EVA_CANCELLED, leaves the target alone, and the source goes on', async () => {
      const song = songFixture()
      const underTest = await open(song)
      await underTest.source.fetchBlocks(requestOf(song, 0), () => undefined, never)
      underTest.stall()
      const aborted = requestOf(song, 1)
      const controller = new AbortController()
      const fetching = underTest.source.fetchBlocks(aborted, () => undefined, controller.signal)
      controller.abort()
      await expect(fetching).rejects.toMatchObject({ code: 'EVA_CANCELLED' })
      const after = aborted.target.slice()
      underTest.resume()
      const next = requestOf(song, 2)
      await underTest.source.fetchBlocks(next, () => undefined, never)
      expectFilled(song, next)
      expect(Buffer.compare(aborted.target, after)).toBe(0)
    })

    it('an abort in the middle of a chunk: rejects with EVA_CANCELLED, and the next fetch is filled', async () => {
      const song = songFixture({ fileSize: 8 * MIB, chunkSize: 4 * MIB })
      const { source } = await open(song)
      const controller = new AbortController()
      const aborted = requestOf(song, 0)
      const fetching = source.fetchBlocks(aborted, () => controller.abort(), controller.signal)
      await expect(fetching).rejects.toMatchObject({ code: 'EVA_CANCELLED' })
      const after = aborted.target.slice()
      const next = requestOf(song, 1)
      await source.fetchBlocks(next, () => undefined, never)
      expectFilled(song, next)
      expect(Buffer.compare(aborted.target, after)).toBe(0)
    })

    it(`a chunk that is not there: rejects with ${codes.missing}, and others are still served`, async () => {
      const song = songFixture()
      const { source, withhold } = await open(song)
      withhold(3)
      await expect(source.fetchBlocks(requestOf(song, 3), () => undefined, never)).rejects.toMatchObject({ code: codes.missing })
      const other = requestOf(song, 1)
      await source.fetchBlocks(other, () => undefined, never)
      expectFilled(song, other)
    })

    it('the other side vanishes: open fetches and later ones say so', async () => {
      const song = songFixture()
      const underTest = await open(song)
      await underTest.source.fetchBlocks(requestOf(song, 0), () => undefined, never)
      underTest.stall()
      const fetching = underTest.source.fetchBlocks(requestOf(song, 1), () => undefined, never)
      const failed = expect(fetching).rejects.toMatchObject({ code: expect.stringMatching(codes.gone.join('|')) })
      await underTest.vanish()
      await failed
      const later = underTest.source.fetchBlocks(requestOf(song, 2), () => undefined, never)
      await expect(later).rejects.toMatchObject({ code: expect.stringMatching(codes.gone.join('|')) })
    })
  })
}
