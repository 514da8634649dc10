// The disk store against everything a disk and a crash can do to it.
// Not the contract both stores keep: that suite is run first, from the testkit.
// Invariant: whatever was done to the files, a load gives the published bytes or an error, never anything else.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:fs'
import { appendFile, mkdir, mkdtemp, open, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { KIB, MIB } from '@evastream/core/units'
import { chunkStoreContract } from '@evastream/testkit/chunk-store-contract'
import { type SongFixture, songFixture } from '@evastream/testkit/song-fixture'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { ChunkStore, type ChunkStoreDeps } from './chunk-store.ts'
import type { ExtentHandle, OpenFile } from './store/extent-files.ts'
import { lossless } from './store/storage-fault.ts'
import { songPaths } from './store/store-layout.ts'

const HERE = dirname(fileURLToPath(import.meta.url))
const directories: string[] = []
const stores: ChunkStore[] = []

async function newDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'evastream-store-'))
  directories.push(directory)
  return directory
}

async function openStore(directory: string, deps: Partial<ChunkStoreDeps> = {}): Promise<ChunkStore> {
  const store = await ChunkStore.open({ onRotten: () => undefined, ...deps }, { directory, directoryFlag: '--data', openFilesMax: 2 })
  stores.push(store)
  return store
}

/** A directory in which an earlier store left these chunks of the song (all by default). */
async function storedSong(song: SongFixture, chunkIds = song.manifest.chunks.map(chunk => chunk.chunkId)): Promise<string> {
  const directory = await newDirectory()
  const store = await openStore(directory)
  await store.openSong(song.manifest)
  for (const chunkId of chunkIds) await store.saveChunk(song.manifest.id, chunkId, song.chunkBytes(chunkId))
  await store.close()
  return directory
}

async function flipByte(path: string, position: number): Promise<void> {
  const file = await open(path, 'r+')
  const byte = new Uint8Array(1)
  await file.read(byte, 0, 1, position)
  await file.write(Uint8Array.of((byte[0] as number) ^ 0x40), 0, 1, position)
  await file.close()
}

/** Loads every chunk; right bytes or an error, or the test fails. */
async function readableChunks(store: ChunkStore, song: SongFixture): Promise<number[]> {
  const readable: number[] = []
  for (const { chunkId } of song.manifest.chunks) {
    const bytes = await store.loadChunk(song.manifest.id, chunkId).catch(error => {
      expect(['EVA_CHUNK_NOT_FOUND', 'EVA_STORED_CHUNK_ROTTEN']).toContain(error.code)
      return undefined
    })
    if (bytes === undefined) continue
    expect(Buffer.compare(bytes, song.chunkBytes(chunkId))).toBe(0)
    readable.push(chunkId)
  }
  return readable
}

afterEach(async () => {
  await Promise.all(stores.splice(0).map(store => store.close().catch(lossless)))
  await Promise.all(directories.splice(0).map(directory => rm(directory, { recursive: true, force: true })))
})

chunkStoreContract(async () => openStore(await newDirectory()))

describe('chunk store on disk', () => {
  it.each([
    ['one extent', 300_000, 64 * KIB],
    ['three extents, chunks across their borders', 33 * MIB + 1, 3 * MIB + 7],
  ])('a complete song: %s: its files, one after another, are the song', async (_name, fileSize, chunkSize) => {
    const song = songFixture({ fileSize, chunkSize })
    const directory = await storedSong(song)
    const paths = songPaths(directory, song.manifest.id)
    const extents = await Promise.all(Array.from({ length: Math.ceil(fileSize / (16 * MIB)) }, (_, index) => readFile(paths.extent(index))))
    expect(Buffer.compare(Buffer.concat(extents), song.bytes)).toBe(0)
  })

  it('a restart: chunks saved before: are held, and complete after the missing ones were saved', async () => {
    const song = songFixture()
    const store = await openStore(await storedSong(song, [0, 3]))
    await store.openSong(song.manifest)
    expect(store.heldChunks(song.manifest.id)).toEqual([0, 3])
    for (const chunkId of [1, 2, 4]) await store.saveChunk(song.manifest.id, chunkId, song.chunkBytes(chunkId))
    expect(Buffer.compare(await store.readRange(song.manifest.id, 0, song.bytes.length), song.bytes)).toBe(0)
  })

  it('a bit flipped on disk: before its first use: the chunk is rotten, told once, and no longer held after another restart', async () => {
    const song = songFixture()
    const directory = await storedSong(song)
    const audio = songPaths(directory, song.manifest.id).extent(0)
    await flipByte(audio, 2 * song.manifest.chunkSize + 17)
    const rotten: unknown[] = []
    const store = await openStore(directory, { onRotten: (songId, chunkId) => rotten.push([songId, chunkId]) })
    await store.openSong(song.manifest)
    expect(store.hasChunk(song.manifest.id, 2)).toBe(true)
    await expect(store.loadChunk(song.manifest.id, 2)).rejects.toMatchObject({ code: 'EVA_STORED_CHUNK_ROTTEN' })
    await expect(store.loadChunk(song.manifest.id, 2)).rejects.toMatchObject({ code: 'EVA_CHUNK_NOT_FOUND' })
    await expect(store.readRange(song.manifest.id, 2 * song.manifest.chunkSize, 5)).rejects.toMatchObject({ code: 'EVA_CHUNK_NOT_FOUND' })
    expect(rotten).toEqual([[song.manifest.id, 2]])
    expect(store.heldChunks(song.manifest.id)).toEqual([0, 1, 3, 4])
    await store.close()
    await flipByte(audio, 2 * song.manifest.chunkSize + 17) // Now right again, but it was given up.
    const again = await openStore(directory)
    await again.openSong(song.manifest)
    expect(again.heldChunks(song.manifest.id)).toEqual([0, 1, 3, 4])
  })

  it('a rotten chunk: saved again: is right in this process and in the next', async () => {
    const song = songFixture()
    const directory = await storedSong(song)
    await flipByte(songPaths(directory, song.manifest.id).extent(0), 5)
    const store = await openStore(directory)
    await store.openSong(song.manifest)
    await store.proveSong(song.manifest.id)
    expect(store.heldChunks(song.manifest.id)).toEqual([1, 2, 3, 4])
    await store.saveChunk(song.manifest.id, 0, song.chunkBytes(0))
    expect(await readableChunks(store, song)).toEqual([0, 1, 2, 3, 4])
    await store.close()
    const next = await openStore(directory)
    await next.openSong(song.manifest)
    expect(await readableChunks(next, song)).toEqual([0, 1, 2, 3, 4])
  })

  it('a range that touches a rotten chunk: read for a player: nothing unproven comes out', async () => {
    const song = songFixture()
    const directory = await storedSong(song)
    await flipByte(songPaths(directory, song.manifest.id).extent(0), song.manifest.chunkSize + 1)
    const store = await openStore(directory)
    await store.openSong(song.manifest)
    const beyond = song.manifest.chunkSize + 100
    await expect(store.readRange(song.manifest.id, beyond, 10)).rejects.toMatchObject({ code: 'EVA_STORED_CHUNK_ROTTEN' })
  })

  it.each([0, 1, 70_000, 299_999])(
    'the audio cut to %d bytes: after a restart: only whole chunks before the cut are readable',
    async sizeBytes => {
      const song = songFixture()
      const directory = await storedSong(song)
      await truncate(songPaths(directory, song.manifest.id).extent(0), sizeBytes)
      const store = await openStore(directory)
      await store.openSong(song.manifest)
      const whole = song.manifest.chunks.map(chunk => chunk.chunkId).filter(id => id * 65_536 + song.chunkBytes(id).length <= sizeBytes)
      expect(await readableChunks(store, song)).toEqual(whole)
    },
  )

  it('the audio cut while the store is open: a proven chunk: is given up, not padded', async () => {
    const song = songFixture()
    const directory = await storedSong(song)
    const store = await openStore(directory)
    await store.openSong(song.manifest)
    await store.proveSong(song.manifest.id)
    await truncate(songPaths(directory, song.manifest.id).extent(0), 70_000)
    expect(await readableChunks(store, song)).toEqual([0])
    await store.saveChunk(song.manifest.id, 1, song.chunkBytes(1))
    expect(await readableChunks(store, song)).toEqual([0, 1])
  })

  it('a chunk that is stored: loaded into a buffer of the caller: is there', async () => {
    const song = songFixture()
    const store = await openStore(await newDirectory())
    await store.openSong(song.manifest)
    await store.saveChunk(song.manifest.id, 1, song.chunkBytes(1))
    const own = new Uint8Array(song.chunkBytes(1).length)
    const lengths: number[] = []
    const allocate = (lengthBytes: number) => {
      lengths.push(lengthBytes)
      return own
    }
    expect(await store.loadChunk(song.manifest.id, 1, allocate)).toBe(own)
    expect([lengths, Buffer.compare(own, song.chunkBytes(1))]).toEqual([[own.length], 0])
  })

  it('the record torn in the middle of a slot: after a restart: only that slot is lost, and new ones are read back', async () => {
    const song = songFixture()
    const directory = await storedSong(song)
    const { record } = songPaths(directory, song.manifest.id)
    await truncate(record, 3 * 16 + 7)
    const store = await openStore(directory)
    await store.openSong(song.manifest)
    expect(store.heldChunks(song.manifest.id)).toEqual([0, 1, 2])
    await store.saveChunk(song.manifest.id, 4, song.chunkBytes(4))
    await store.close()
    const next = await openStore(directory)
    await next.openSong(song.manifest)
    expect(next.heldChunks(song.manifest.id)).toEqual([0, 1, 2, 4])
  })

  it('a record that is mostly history: after a restart: is written anew and means the same', async () => {
    const song = songFixture()
    const directory = await storedSong(song, [1, 2])
    const { record } = songPaths(directory, song.manifest.id)
    const slots = await readFile(record)
    for (let time = 0; time < 10; time++) await appendFile(record, slots)
    const store = await openStore(directory)
    await store.openSong(song.manifest)
    expect((await stat(record)).size).toBe(2 * 16)
    await store.saveChunk(song.manifest.id, 4, song.chunkBytes(4))
    await store.close()
    const next = await openStore(directory)
    await next.openSong(song.manifest)
    expect(await readableChunks(next, song)).toEqual([1, 2, 4])
  })

  it('other content once stored under the id: after a restart: nothing of it is held, and no file of it is left over', async () => {
    const large = songFixture({ fileSize: 17 * MIB, chunkSize: MIB })
    const directory = await storedSong(large)
    const small = songFixture({ fileSize: 100_000, seed: 9 })
    const store = await openStore(directory)
    await store.openSong(small.manifest)
    expect(store.heldChunks(small.manifest.id)).toEqual([])
    for (const { chunkId } of small.manifest.chunks) await store.saveChunk(small.manifest.id, chunkId, small.chunkBytes(chunkId))
    const paths = songPaths(directory, small.manifest.id)
    expect(Buffer.compare(await readFile(paths.extent(0)), small.bytes)).toBe(0)
    expect((await readdir(paths.directory)).sort()).toEqual(['audio', 'chunks.record'])
  })

  it('any damage to the files: after a restart: a load gives the published bytes or an error', async () => {
    const song = songFixture({ fileSize: 90_001, chunkSize: 16 * KIB + 3 })
    const damage = fc.array(
      fc.record({
        file: fc.constantFrom('audio', 'record'),
        kind: fc.constantFrom('flip', 'cut', 'garbage', 'gone'),
        at: fc.double({ min: 0, max: 0.999, noNaN: true }),
        bytes: fc.uint8Array({ minLength: 1, maxLength: 64 }),
      }),
      { minLength: 1, maxLength: 4 },
    )
    await fc.assert(
      fc.asyncProperty(damage, async damages => {
        const directory = await storedSong(song)
        const paths = songPaths(directory, song.manifest.id)
        for (const { file, kind, at, bytes } of damages) {
          const path = file === 'audio' ? paths.extent(0) : paths.record
          const size = (await stat(path).catch(() => ({ size: 0 }))).size
          const position = Math.floor(at * size)
          if (kind === 'gone') await rm(path, { force: true })
          else if (size === 0) await writeFile(path, bytes)
          else if (kind === 'cut') await truncate(path, position)
          else if (kind === 'flip') await flipByte(path, position)
          else {
            const handle = await open(path, 'r+')
            await handle.write(bytes, 0, bytes.length, position)
            await handle.close()
          }
        }
        const store = await openStore(directory)
        await store.openSong(song.manifest)
        await readableChunks(store, song)
        for (const { chunkId } of song.manifest.chunks) await store.saveChunk(song.manifest.id, chunkId, song.chunkBytes(chunkId))
        expect(Buffer.compare(await store.readRange(song.manifest.id, 0, song.bytes.length), song.bytes)).toBe(0)
        await store.close()
      }),
      { seed: 11, numRuns: 60 },
    )
  })
})

describe('chunk store on a failing disk', () => {
  /** A file system whose writes (or reads) of audio fail with `code` while `isFailing` says so. */
  function failing(what: 'write' | 'read', code: string, isFailing: () => boolean): OpenFile {
    return async (path, flags) => {
      const handle = await open(path, flags)
      const fault = () => Object.assign(new Error(code), { code })
      const isAudio = path.endsWith('audio')
      return {
        stat: handle.stat.bind(handle),
        truncate: handle.truncate.bind(handle),
        close: handle.close.bind(handle),
        read: (...args: [Uint8Array, number, number, number]) =>
          isAudio && what === 'read' && isFailing() ? Promise.reject(fault()) : handle.read(...args),
        write: async (bytes: Uint8Array, offset: number, length: number, position: number) => {
          if (!isAudio || what !== 'write' || !isFailing()) return handle.write(bytes, offset, length, position)
          await handle.write(bytes, offset, Math.floor(length / 2), position)
          throw fault()
        },
      } as ExtentHandle
    }
  }

  it.each([
    ['ENOSPC', 'EVA_STORAGE_FULL'],
    ['EDQUOT', 'EVA_STORAGE_FULL'],
    ['EIO', 'EVA_STORAGE_FAILED'],
    ['EROFS', 'EVA_STORAGE_FAILED'],
  ])('a write that fails midway with %s: saving: %s, nothing is held, and it works once there is room', async (system, code) => {
    const song = songFixture()
    let isFailing = true
    const store = await openStore(await newDirectory(), { openFile: failing('write', system, () => isFailing) })
    await store.openSong(song.manifest)
    await expect(store.saveChunk(song.manifest.id, 1, song.chunkBytes(1))).rejects.toMatchObject({ code })
    expect(store.heldChunks(song.manifest.id)).toEqual([])
    isFailing = false
    await store.saveChunk(song.manifest.id, 1, song.chunkBytes(1))
    expect(await readableChunks(store, song)).toEqual([1])
  })

  it('a read that fails with EIO: loading: the chunk is given up, so that it is fetched again', async () => {
    const song = songFixture()
    const rotten: number[] = []
    let isFailing = true
    const openFile = failing('read', 'EIO', () => isFailing)
    const store = await openStore(await storedSong(song), { openFile, onRotten: (_songId, chunkId) => rotten.push(chunkId) })
    await store.openSong(song.manifest)
    await expect(store.loadChunk(song.manifest.id, 0)).rejects.toMatchObject({ code: 'EVA_STORED_CHUNK_ROTTEN' })
    isFailing = false
    expect(rotten).toEqual([0])
    expect(await readableChunks(store, song)).toEqual([1, 2, 3, 4])
  })

  it('a read that fails for want of descriptors: loading: an error that says nothing about the chunk', async () => {
    const song = songFixture()
    let isFailing = true
    const store = await openStore(await storedSong(song), { openFile: failing('read', 'EMFILE', () => isFailing) })
    await store.openSong(song.manifest)
    await expect(store.loadChunk(song.manifest.id, 0)).rejects.toMatchObject({ code: 'EVA_STORAGE_FAILED' })
    isFailing = false
    expect(await readableChunks(store, song)).toEqual([0, 1, 2, 3, 4])
  })
})

describe('chunk store of a killed process', () => {
  // The child saves the song's chunks in order; its n-th write stops after a part of its bytes, and it kills itself there.
  const CHILD = `
    import { open } from 'node:fs/promises'
    import { ChunkStore } from './chunk-store.ts'
    import { songFixture } from '@evastream/testkit/song-fixture'
    const [directory, killAtWrite, share] = process.argv.slice(1)
    let writes = 0
    const openFile = async (path, flags) => {
      const handle = await open(path, flags)
      const write = handle.write.bind(handle)
      handle.write = async (bytes, offset, length, position) => {
        if (writes++ !== Number(killAtWrite)) return write(bytes, offset, length, position)
        await write(bytes, offset, Math.floor(length * Number(share)), position)
        process.kill(process.pid, 'SIGKILL')
        return new Promise(() => undefined)
      }
      return handle
    }
    const song = songFixture()
    const store = await ChunkStore.open({ onRotten: () => undefined, openFile }, { directory, directoryFlag: '--data' })
    await store.openSong(song.manifest)
    process.send?.('open')
    for (const { chunkId } of song.manifest.chunks) await store.saveChunk(song.manifest.id, chunkId, song.chunkBytes(chunkId))
    if (killAtWrite === 'never') setInterval(() => undefined, 1000)
  `

  function startChild(directory: string, killAtWrite: string, share: string) {
    const args = ['--conditions=evastream-source', '--import', 'tsx', '--input-type=module', '-e', CHILD, directory, killAtWrite, share]
    return spawn(process.execPath, args, { cwd: HERE, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  }

  // Writes alternate: audio of chunk n is write 2n, its record slot is write 2n + 1.
  it.each([
    ['0', '0', 0],
    ['0', '0.5', 0],
    ['0', '1', 0],
    ['1', '0.5', 0],
    ['1', '1', 1],
    ['4', '0.3', 2],
    ['5', '0.9', 2],
    ['9', '1', 5],
  ])(
    'killed in write %s after %s of its bytes: the next process holds the %d chunks before, and all of them are right',
    async (killAtWrite, share, heldCount) => {
      const song = songFixture()
      const directory = await newDirectory()
      const child = startChild(directory, killAtWrite, share)
      expect(await once(child, 'exit')).toEqual([null, 'SIGKILL'])
      const store = await openStore(directory)
      await store.openSong(song.manifest)
      expect(store.heldChunks(song.manifest.id)).toHaveLength(heldCount)
      expect(await readableChunks(store, song)).toHaveLength(heldCount)
      for (const { chunkId } of song.manifest.chunks) await store.saveChunk(song.manifest.id, chunkId, song.chunkBytes(chunkId))
      expect(Buffer.compare(await store.readRange(song.manifest.id, 0, song.bytes.length), song.bytes)).toBe(0)
    },
  )

  it('a store in use by another process: opened here: refused, naming it; after its death: taken over', async () => {
    const directory = await newDirectory()
    const child = startChild(directory, 'never', '0')
    await once(child, 'message')
    await expect(openStore(directory)).rejects.toMatchObject({
      code: 'EVA_DIRECTORY_LOCKED',
      details: { path: directory, flag: '--data', holder: ` (process ${child.pid})` },
    })
    child.kill('SIGKILL')
    await once(child, 'exit')
    const store = await openStore(directory)
    await store.openSong(songFixture().manifest)
  })

  it('a directory that is a file: opened: an error of the storage', async () => {
    const directory = await newDirectory()
    await mkdir(join(directory, 'parent'))
    await writeFile(join(directory, 'parent', 'file'), '')
    await expect(openStore(join(directory, 'parent', 'file'))).rejects.toMatchObject({ code: 'EVA_STORAGE_FAILED' })
  })

  it('the store files: opened: for reading and writing, made when missing, never emptied', async () => {
    const flagsSeen = new Set<number>()
    const openFile: OpenFile = (path, flags) => {
      flagsSeen.add(flags)
      return open(path, flags)
    }
    const store = await openStore(await newDirectory(), { openFile })
    await store.openSong(songFixture().manifest)
    await store.saveChunk(songFixture().manifest.id, 0, songFixture().chunkBytes(0))
    expect([...flagsSeen]).toEqual([constants.O_RDWR | constants.O_CREAT])
  })
})
