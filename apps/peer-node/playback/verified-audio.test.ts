// Checks the door to a song's audio: what is here comes at once, what is not is waited for, and what is lost is waited for again.

import { EvaError } from '@evastream/core/errors'
import { KIB } from '@evastream/core/units'
import { MemoryChunkStore } from '@evastream/testkit/memory-chunk-store'
import { songFixture } from '@evastream/testkit/song-fixture'
import { beforeEach, expect, it } from 'vitest'
import { VerifiedAudio } from './verified-audio.ts'

const song = songFixture({ fileSize: 300_000, chunkSize: 64 * KIB })
const { manifest } = song
const CHUNK = 64 * KIB
const never = new AbortController().signal

let store: MemoryChunkStore
/** Verified bytes of chunks that are not stored: they reach up to here. */
let arrivedTo: number
let onRead: () => void
let audio: VerifiedAudio

beforeEach(async () => {
  store = new MemoryChunkStore()
  await store.openSong(manifest)
  arrivedTo = 0
  onRead = () => {}
  audio = new VerifiedAudio({
    store: {
      hasChunk: (songId, chunkId) => store.hasChunk(songId, chunkId),
      readRange: async (songId, offsetBytes, lengthBytes) => {
        onRead()
        return store.readRange(songId, offsetBytes, lengthBytes)
      },
    },
    arriving: {
      verifiedBytes: (_songId, offsetBytes, lengthMaxBytes) =>
        song.bytes.subarray(offsetBytes, Math.min(arrivedTo, offsetBytes + lengthMaxBytes)),
    },
  })
})

const hold = (chunkId: number) => store.saveChunk(manifest.id, chunkId, song.chunkBytes(chunkId))
const read = (offsetBytes: number, lengthMaxBytes: number, signal = never) => audio.read(manifest, { offsetBytes, lengthMaxBytes }, signal)

it('verified audio: a stored chunk: is read to its end, or as far as was asked', async () => {
  await hold(1)
  expect(Buffer.compare(await read(CHUNK + 10, 1000 * KIB), song.bytes.subarray(CHUNK + 10, 2 * CHUNK))).toBe(0)
  expect(Buffer.compare(await read(CHUNK, 7), song.bytes.subarray(CHUNK, CHUNK + 7))).toBe(0)
})

it('verified audio: a chunk that is still arriving: gives what is verified of it', async () => {
  arrivedTo = 16 * KIB
  expect(Buffer.compare(await read(100, 1000 * KIB), song.bytes.subarray(100, 16 * KIB))).toBe(0)
})

it('verified audio: bytes that are not here: come as soon as they arrive, to everybody who waits', async () => {
  const waiting = [read(0, 10), read(5, 10)]
  audio.arrived(manifest.id)
  await Promise.resolve()
  arrivedTo = 16 * KIB
  audio.arrived(manifest.id)
  const [first, second] = await Promise.all(waiting)
  expect(Buffer.compare(first ?? new Uint8Array(0), song.bytes.subarray(0, 10))).toBe(0)
  expect(Buffer.compare(second ?? new Uint8Array(0), song.bytes.subarray(5, 15))).toBe(0)
})

it('verified audio: what arrives while the disk is being read: is not missed', async () => {
  await hold(0)
  onRead = () => {
    store.loseChunk(manifest.id, 0)
    arrivedTo = 16 * KIB
    audio.arrived(manifest.id)
  }
  expect((await read(0, 10)).length).toBe(10)
})

it('verified audio: a chunk that turns out rotten: is waited for like any other', async () => {
  await hold(0)
  onRead = () => store.loseChunk(manifest.id, 0)
  const waiting = read(0, 10)
  await new Promise(resolve => setImmediate(resolve))
  onRead = () => {}
  await hold(0)
  audio.arrived(manifest.id)
  expect((await waiting).length).toBe(10)
})

it('verified audio: a disk that fails while the chunk is still held: is told', async () => {
  await hold(0)
  onRead = () => {
    throw new EvaError('EVA_STORAGE_FAILED')
  }
  await expect(read(0, 10)).rejects.toMatchObject({ code: 'EVA_STORAGE_FAILED' })
})

it('verified audio: a reader that leaves: stops waiting, before and during', async () => {
  await expect(read(0, 10, AbortSignal.abort())).rejects.toMatchObject({ code: 'EVA_CANCELLED' })
  const leaving = new AbortController()
  const waiting = read(0, 10, leaving.signal)
  await Promise.resolve()
  leaving.abort()
  await expect(waiting).rejects.toMatchObject({ code: 'EVA_CANCELLED' })
})

it('verified audio: how much can be read without a gap: spans chunks, and ends where bytes are missing', async () => {
  const readable = (offsetBytes: number, lengthMaxBytes = 1000 * KIB) => audio.readableBytes(manifest, { offsetBytes, lengthMaxBytes })
  expect(readable(0)).toBe(0)
  await hold(0)
  await hold(1)
  await hold(3)
  expect([readable(0), readable(10), readable(10, 5), readable(2 * CHUNK)]).toEqual([2 * CHUNK, 2 * CHUNK - 10, 5, 0])
  arrivedTo = 2 * CHUNK + 16 * KIB
  expect(readable(0)).toBe(2 * CHUNK + 16 * KIB)
  await hold(4)
  expect(readable(3 * CHUNK)).toBe(300_000 - 3 * CHUNK)
})
