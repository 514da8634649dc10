// What every chunk store promises, as a suite that is run against the disk's and the memory's.
// Not about crashes and rot: those are the disk store's own tests.
// Invariant: a promise that is tested here holds for each store, so code above may be tested with the quick one.

import type { ChunkId, SongId } from '@evastream/core/ids'
import { parseSongId } from '@evastream/core/ids'
import type { Manifest } from '@evastream/core/manifest'
import { KIB, MIB } from '@evastream/core/units'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { songFixture } from './song-fixture.ts'

export interface ContractStore {
  openSong(manifest: Manifest): Promise<void>
  saveChunk(songId: SongId, chunkId: ChunkId, bytes: Uint8Array): Promise<void>
  hasChunk(songId: SongId, chunkId: ChunkId): boolean
  loadChunk(songId: SongId, chunkId: ChunkId): Promise<Uint8Array>
  heldChunks(songId: SongId): ChunkId[]
  readRange(songId: SongId, offsetBytes: number, lengthBytes: number): Promise<Uint8Array>
  close(): Promise<void>
}

const SHAPES = [
  ['one chunk', 40_000, 64 * KIB],
  ['one chunk, exactly full', 64 * KIB, 64 * KIB],
  ['one byte', 1, 16 * KIB],
  ['a last chunk of one byte', 4 * 16 * KIB + 1, 16 * KIB],
  ['300 chunks', 300 * 16 * KIB - 7, 16 * KIB],
  ['a crooked chunk size', 1_000_003, 77_777],
  ['the largest chunk size', 9 * MIB + 5, 4 * MIB],
  ['several extents', 33 * MIB + 1, MIB],
  ['chunks that lie across extents', 33 * MIB + 12_345, 4 * MIB - 1],
] as const

export function chunkStoreContract(makeStore: () => Promise<ContractStore>): void {
  const opened: ContractStore[] = []
  const newStore = async () => {
    const store = await makeStore()
    opened.push(store)
    return store
  }
  afterEach(async () => {
    await Promise.all(opened.splice(0).map(store => store.close()))
  })

  describe('chunk store contract', () => {
    it.each(SHAPES)('saved chunks: %s: each comes back bit for bit, and so does the whole song', async (_name, fileSize, chunkSize) => {
      const store = await newStore()
      const { manifest, bytes, chunkBytes } = songFixture({ fileSize, chunkSize })
      await store.openSong(manifest)
      for (const { chunkId } of [...manifest.chunks].reverse()) await store.saveChunk(manifest.id, chunkId, chunkBytes(chunkId))
      for (const { chunkId } of manifest.chunks)
        expect(Buffer.compare(await store.loadChunk(manifest.id, chunkId), chunkBytes(chunkId))).toBe(0)
      expect(store.heldChunks(manifest.id)).toEqual(manifest.chunks.map(chunk => chunk.chunkId))
      expect(Buffer.compare(await store.readRange(manifest.id, 0, fileSize), bytes)).toBe(0)
    })

    it('a chunk that was not saved: loading it: says so', async () => {
      const store = await newStore()
      const { manifest, chunkBytes } = songFixture()
      await store.openSong(manifest)
      await store.saveChunk(manifest.id, 1, chunkBytes(1))
      expect(store.hasChunk(manifest.id, 0)).toBe(false)
      expect(store.hasChunk(manifest.id, 1)).toBe(true)
      await expect(store.loadChunk(manifest.id, 0)).rejects.toMatchObject({ code: 'EVA_CHUNK_NOT_FOUND' })
      await expect(store.readRange(manifest.id, 0, 10)).rejects.toMatchObject({ code: 'EVA_CHUNK_NOT_FOUND' })
    })

    it.each([-1, 5, 0.5, Number.NaN, 2 ** 32])('a chunk id that the song does not have (%d): any use: refused', async chunkId => {
      const store = await newStore()
      const { manifest, chunkBytes } = songFixture()
      await store.openSong(manifest)
      expect(store.hasChunk(manifest.id, chunkId)).toBe(false)
      await expect(store.loadChunk(manifest.id, chunkId)).rejects.toMatchObject({ code: 'EVA_CHUNK_NOT_FOUND' })
      await expect(store.saveChunk(manifest.id, chunkId, chunkBytes(0))).rejects.toMatchObject({ code: 'EVA_CHUNK_NOT_FOUND' })
    })

    it('a song that was not opened: any use: refused', async () => {
      const store = await newStore()
      const songId = parseSongId('never-opened')
      expect(store.hasChunk(songId, 0)).toBe(false)
      expect(store.heldChunks(songId)).toEqual([])
      await expect(store.loadChunk(songId, 0)).rejects.toMatchObject({ code: 'EVA_CHUNK_NOT_FOUND' })
      await expect(store.saveChunk(songId, 0, new Uint8Array(1))).rejects.toMatchObject({ code: 'EVA_SONG_NOT_FOUND' })
      await expect(store.readRange(songId, 0, 1)).rejects.toMatchObject({ code: 'EVA_SONG_NOT_FOUND' })
    })

    it.each([
      ['a flipped bit', (bytes: Uint8Array) => bytes.with(3, (bytes[3] as number) ^ 1)],
      ['a byte too few', (bytes: Uint8Array) => bytes.slice(1)],
      ['a byte too many', (bytes: Uint8Array) => Uint8Array.of(...bytes, 0)],
      ['nothing', () => new Uint8Array(0)],
    ])('bytes that do not match the hash (%s): saving them: refused, and nothing is held', async (_name, spoil) => {
      const store = await newStore()
      const { manifest, chunkBytes } = songFixture()
      await store.openSong(manifest)
      await expect(store.saveChunk(manifest.id, 2, spoil(chunkBytes(2)))).rejects.toMatchObject({ code: 'EVA_CHUNK_HASH_MISMATCH' })
      expect(store.hasChunk(manifest.id, 2)).toBe(false)
      await store.saveChunk(manifest.id, 2, chunkBytes(2))
      await expect(store.saveChunk(manifest.id, 2, spoil(chunkBytes(2)))).rejects.toMatchObject({ code: 'EVA_CHUNK_HASH_MISMATCH' })
      expect(Buffer.compare(await store.loadChunk(manifest.id, 2), chunkBytes(2))).toBe(0)
    })

    it('one chunk: saved and loaded many times at once: stays what it is', async () => {
      const store = await newStore()
      const { manifest, chunkBytes } = songFixture()
      await store.openSong(manifest)
      await Promise.all(Array.from({ length: 8 }, () => store.saveChunk(manifest.id, 4, chunkBytes(4))))
      const loads = await Promise.all(Array.from({ length: 8 }, () => store.loadChunk(manifest.id, 4)))
      for (const bytes of loads) expect(Buffer.compare(bytes, chunkBytes(4))).toBe(0)
    })

    it('a loaded chunk: changed by its reader: the stored one stays', async () => {
      const store = await newStore()
      const { manifest, chunkBytes } = songFixture()
      await store.openSong(manifest)
      await store.saveChunk(manifest.id, 0, chunkBytes(0))
      ;(await store.loadChunk(manifest.id, 0)).fill(0)
      expect(Buffer.compare(await store.loadChunk(manifest.id, 0), chunkBytes(0))).toBe(0)
    })

    it('an open song: opened again: keeps its chunks, and other content under its id is refused', async () => {
      const store = await newStore()
      const { manifest, chunkBytes } = songFixture()
      await store.openSong(manifest)
      await store.saveChunk(manifest.id, 0, chunkBytes(0))
      await store.openSong({ ...manifest, title: 'Another title' })
      expect(store.heldChunks(manifest.id)).toEqual([0])
      await expect(store.openSong(songFixture({ seed: 2 }).manifest)).rejects.toMatchObject({ code: 'EVA_SONG_CONFLICT' })
    })

    it('two songs, of names that differ in case only: stored together: stay apart', async () => {
      const store = await newStore()
      const lower = songFixture({ songId: 'song', seed: 3 })
      const upper = songFixture({ songId: 'SONG', seed: 4 })
      for (const { manifest, chunkBytes } of [lower, upper]) {
        await store.openSong(manifest)
        await store.saveChunk(manifest.id, 0, chunkBytes(0))
      }
      for (const { manifest, chunkBytes } of [lower, upper])
        expect(Buffer.compare(await store.loadChunk(manifest.id, 0), chunkBytes(0))).toBe(0)
    })

    it('a range of a song: wherever it begins and ends: is that part of the song', async () => {
      const store = await newStore()
      const { manifest, bytes, chunkBytes } = songFixture({ fileSize: 200_001, chunkSize: 16 * KIB + 1 })
      await store.openSong(manifest)
      for (const { chunkId } of manifest.chunks) await store.saveChunk(manifest.id, chunkId, chunkBytes(chunkId))
      const ranges = fc.tuple(fc.nat(bytes.length), fc.nat(bytes.length))
      await fc.assert(
        fc.asyncProperty(ranges, async ([one, other]) => {
          const [start, end] = [Math.min(one, other), Math.max(one, other)]
          const range = await store.readRange(manifest.id, start, end - start)
          expect(Buffer.compare(range, bytes.subarray(start, end))).toBe(0)
        }),
        { seed: 7, numRuns: 60 },
      )
      for (const [offset, length] of [
        [-1, 1],
        [0, bytes.length + 1],
        [bytes.length, 1],
        [5, -1],
      ] as const)
        await expect(store.readRange(manifest.id, offset, length)).rejects.toMatchObject({ code: 'EVA_RANGE_NOT_SATISFIABLE' })
    })
  })
}
