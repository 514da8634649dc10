// Extents given up by the disk store: what goes with them, what is in use meanwhile, and a disk that stops at any point.
// Not which ones go, and not how much room there is: the keeper's tests have that.
// Invariant: whatever happened, a load gives the published bytes or an error, and each chunk can be stored anew.

import { mkdtemp, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EvaError, toEvaError } from '@evastream/core/errors'
import { KIB, MIB } from '@evastream/core/units'
import { type SongFixture, songFixture } from '@evastream/testkit/song-fixture'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { ChunkStore, type ChunkStoreDeps } from '../chunk-store.ts'
import type { OpenFile, RemoveFile } from './extent-files.ts'
import { songPaths } from './store-layout.ts'

const directories: string[] = []
const stores: ChunkStore[] = []

async function newDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'evastream-eviction-'))
  directories.push(directory)
  return directory
}

async function openStore(directory: string, song: SongFixture, deps: Partial<ChunkStoreDeps> = {}): Promise<ChunkStore> {
  const store = await ChunkStore.open({ onRotten: () => undefined, ...deps }, { directory, directoryFlag: '--data', openFilesMax: 2 })
  stores.push(store)
  await store.openSong(song.manifest)
  return store
}

async function saveAll(store: ChunkStore, { manifest, chunkBytes }: SongFixture): Promise<void> {
  for (const { chunkId } of manifest.chunks) await store.saveChunk(manifest.id, chunkId, chunkBytes(chunkId))
}

/** Loads every chunk; right bytes or an error, or the test fails. */
async function readableChunks(store: ChunkStore, { manifest, chunkBytes }: SongFixture): Promise<number[]> {
  const readable: number[] = []
  for (const { chunkId } of manifest.chunks) {
    const bytes = await store.loadChunk(manifest.id, chunkId).catch(toEvaError)
    if (bytes instanceof EvaError) expect(['EVA_CHUNK_NOT_FOUND', 'EVA_STORED_CHUNK_ROTTEN']).toContain(bytes.code)
    else {
      expect(Buffer.compare(bytes, chunkBytes(chunkId))).toBe(0)
      readable.push(chunkId)
    }
  }
  return readable
}

afterEach(async () => {
  await Promise.all(stores.splice(0).map(store => store.close()))
  await Promise.all(directories.splice(0).map(directory => rm(directory, { recursive: true, force: true })))
})

describe('evicting extents', () => {
  // 8 chunks of 3 MiB; chunk 5 lies in both extents.
  const large = songFixture({ fileSize: 23 * MIB, chunkSize: 3 * MIB })

  it('the first of two extents: its chunks go, also the one that reaches into the next, in this process and in the next', async () => {
    const directory = await newDirectory()
    const evicted: unknown[] = []
    const store = await openStore(directory, large, { onEvicted: (songId, chunkIds) => evicted.push([songId, chunkIds]) })
    await saveAll(store, large)
    expect(store.evictable(large.manifest.id)).toEqual([
      { extent: 0, heldChunkIds: [0, 1, 2, 3, 4, 5], endByte: 18 * MIB },
      { extent: 1, heldChunkIds: [5, 6, 7], endByte: 23 * MIB },
    ])
    expect(await store.evict(large.manifest.id, 0)).toBe(true)
    expect([evicted, await readableChunks(store, large)]).toEqual([[[large.manifest.id, [0, 1, 2, 3, 4, 5]]], [6, 7]])
    expect((await readdir(songPaths(directory, large.manifest.id).directory)).sort()).toEqual(['audio.1', 'chunks.record'])
    await store.close()
    const next = await openStore(directory, large)
    expect(await readableChunks(next, large)).toEqual([6, 7])
    await saveAll(next, large)
    expect(Buffer.compare(await next.readRange(large.manifest.id, 0, large.bytes.length), large.bytes)).toBe(0)
  })

  it('an extent that is read or written right now: does not go; one that is gone does not go twice', async () => {
    const song = songFixture()
    const store = await openStore(await newDirectory(), song)
    const saved = store.saveChunk(song.manifest.id, 0, song.chunkBytes(0))
    await Promise.resolve()
    expect(await store.evict(song.manifest.id, 0)).toBe(false)
    await saved
    const loaded = store.loadChunk(song.manifest.id, 0)
    expect([store.evictable(song.manifest.id), await store.evict(song.manifest.id, 0)]).toEqual([[], false])
    expect(Buffer.compare(await loaded, song.chunkBytes(0))).toBe(0)
    expect([await store.evict(song.manifest.id, 0), await store.evict(song.manifest.id, 0)]).toEqual([true, false])
  })

  it('a chunk stored while its extent goes: is stored after that, into a new file', async () => {
    const song = songFixture()
    const store = await openStore(await newDirectory(), song)
    await saveAll(store, song)
    const evicted = store.evict(song.manifest.id, 0)
    await Promise.all([evicted, store.saveChunk(song.manifest.id, 2, song.chunkBytes(2))])
    expect(await readableChunks(store, song)).toEqual([2])
  })

  it('an extent that is gone though the record names its chunks: after a restart none of them is held, and that is noted', async () => {
    const song = songFixture()
    const directory = await newDirectory()
    const store = await openStore(directory, song)
    await saveAll(store, song)
    await store.close()
    const paths = songPaths(directory, song.manifest.id)
    await rm(paths.extent(0))
    const next = await openStore(directory, song)
    expect(next.heldChunks(song.manifest.id)).toEqual([])
    await next.close()
    await writeFile(paths.extent(0), song.bytes)
    expect((await openStore(directory, song)).heldChunks(song.manifest.id)).toEqual([])
  })

  it('an extent in which no chunk is recorded: after a restart takes no room', async () => {
    const song = songFixture()
    const directory = await newDirectory()
    const paths = songPaths(directory, song.manifest.id)
    const store = await openStore(directory, song)
    await store.close()
    await writeFile(paths.extent(0), song.bytes)
    await openStore(directory, song)
    expect(await readdir(paths.directory)).toEqual(['chunks.record'])
  })

  it('reading a song whose file somebody removed: makes no file', async () => {
    const song = songFixture()
    const directory = await newDirectory()
    const store = await openStore(directory, song)
    await saveAll(store, song)
    await store.close()
    const next = await openStore(directory, song)
    const path = songPaths(directory, song.manifest.id).extent(0)
    await rm(path)
    await expect(next.loadChunk(song.manifest.id, 0)).rejects.toMatchObject({ code: 'EVA_STORED_CHUNK_ROTTEN' })
    await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('a disk that stops at any point of storing, evicting and storing anew: the next process reads right bytes or none', async () => {
    const song = songFixture({ fileSize: 90_001, chunkSize: 16 * KIB + 3 })
    const anyStep = fc.oneof(fc.nat(song.manifest.chunkCount - 1), fc.constant('evict' as const))
    const plan = fc.record({
      steps: fc.array(anyStep, { minLength: 1, maxLength: 20 }),
      stopAfter: fc.nat(50),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    })
    await fc.assert(
      fc.asyncProperty(plan, async ({ steps, stopAfter, share }) => {
        const directory = await newDirectory()
        const disk = stoppingDisk(stopAfter, share)
        const store = await openStore(directory, song, disk)
        for (const step of steps) {
          if (step === 'evict') await store.evict(song.manifest.id, 0).catch(toEvaError)
          else await store.saveChunk(song.manifest.id, step, song.chunkBytes(step)).catch(toEvaError)
        }
        if (disk.isRunning()) await readableChunks(store, song)
        await store.close()
        const next = await openStore(directory, song)
        expect(await readableChunks(next, song)).toEqual(next.heldChunks(song.manifest.id))
        await saveAll(next, song)
        expect(Buffer.compare(await readFile(songPaths(directory, song.manifest.id).extent(0)), song.bytes)).toBe(0)
        await next.close()
      }),
      { seed: 13, numRuns: 150 },
    )
  })
})

/** A disk that carries out so many writes and removals, then a share of one more write, and nothing after that. */
function stoppingDisk(stopAfter: number, share: number): { openFile: OpenFile; removeFile: RemoveFile; isRunning(): boolean } {
  let left = stopAfter
  const stopped = () => Object.assign(toEvaError(undefined), { code: 'EIO' })
  return {
    isRunning: () => left >= 0,
    openFile: async (path, flags) => {
      const handle = await open(path, flags)
      const write = handle.write.bind(handle) as (...args: unknown[]) => Promise<{ bytesWritten: number; buffer: Uint8Array }>
      const stoppable = async (bytes: Uint8Array, offset: number, length: number, position: number) => {
        if (--left >= 0) return write(bytes, offset, length, position)
        if (left === -1) await write(bytes, offset, Math.floor(length * share), position)
        throw stopped()
      }
      return Object.assign(handle, { write: stoppable })
    },
    removeFile: async path => {
      if (--left < 0) throw stopped()
      await rm(path, { force: true })
    },
  }
}
