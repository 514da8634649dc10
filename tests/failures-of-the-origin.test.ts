import { systemTimers } from '@evastream/service-kit/system-clock'
import { eventually } from '@evastream/testkit/eventually'
import { type FaultyOrigin, type OriginFault, startFaultyOrigin } from '@evastream/testkit/faulty-origin'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { LoopbackTown, type PublishedFile } from './loopback-town.ts'

// The row of the failure table that is about the origin: real peers against a real HTTP server that errs on command.

// One town serves all tests; each has a song, an origin and a listener of its own.

let town: LoopbackTown
let song: PublishedFile
let origin: FaultyOrigin
let testCount = 0

beforeAll(async () => {
  town = await LoopbackTown.open()
})

beforeEach(async () => {
  testCount++
  song = await town.publish({ songId: `song-${testCount}`, sizeBytes: 20 * 64 * 1024 + 1, seed: testCount })
  const chunkOf = (chunkId: number): Uint8Array => song.bytes.subarray(chunkId * song.chunkSize, (chunkId + 1) * song.chunkSize)
  origin = await startFaultyOrigin({ chunkOf: (_, chunkId) => chunkOf(chunkId), timers: systemTimers })
})

afterEach(async () => {
  await Promise.all([origin.stop(), town.endPeer(listener())])
})

afterAll(() => town.close())

function listener(): string {
  return `listener-${testCount}`
}

async function startListener(): Promise<void> {
  await town.startPeer(listener(), [`--origin=${origin.url}`, `--song.id=${song.songId}`])
}

describe('the origin errs for a while', () => {
  test.each<[string, OriginFault]>([
    ['500', { kind: 'status', status: 500 }],
    ['404 though it has the chunk', { kind: 'status', status: 404 }],
    ['503 with Retry-After', { kind: 'status', status: 503, retryAfterSeconds: 1 }],
    ['429 with Retry-After', { kind: 'status', status: 429, retryAfterSeconds: 1 }],
    ['a truncated answer', { kind: 'truncate', afterBytes: 20_000 }],
    ['wrong bytes', { kind: 'wrong-bytes' }],
    ['an answer that is too long', { kind: 'wrong-length', deltaBytes: 100 }],
    ['an answer that is too short', { kind: 'wrong-length', deltaBytes: -100 }],
    ['a reset', { kind: 'reset', afterBytes: 20_000 }],
    ['no answer', { kind: 'hang' }],
    ['the whole chunk to a request for a part', { kind: 'ignore-range' }],
  ])('%s: the peer comes back to it and ends with the song, bit for bit', async (_, fault) => {
    origin.script(...Array.from({ length: 4 }, () => fault))
    await startListener()
    await town.whenComplete(listener(), song.songId)
    expect(await town.sha256At(listener(), song.songId)).toBe(song.sha256)
    expect(origin.requests.filter(request => request.fault.kind === fault.kind).length).toBeGreaterThan(0)
  })
})

describe('the origin errs for ever', () => {
  test('the peer backs off: it asks a few times, not in a tight loop, and gets the song from a peer that comes later', async () => {
    origin.otherwise({ kind: 'status', status: 500 })
    await startListener()
    await eventually('the origin was tried again', () => origin.requests.length >= 8)
    const askedBefore = origin.requests.length
    await town.startPeer('seeder', [`--song.id=${song.songId}`])
    await town.whenComplete(listener(), song.songId)
    expect((await town.status(listener())).received).toEqual({ originBytes: 0, peerBytes: song.bytes.length })
    // Each failure doubles the pause: without backoff there would be thousands.
    expect(origin.requests.length - askedBefore).toBeLessThan(100)
    await town.endPeer('seeder')
  })
})

describe('the origin dies and comes back', () => {
  test('in the middle of a download: the peer goes on without a restart', async () => {
    origin.otherwise({ kind: 'drip', sliceBytes: 8192, everyMs: 20 })
    await startListener()
    await eventually('a part of the song is here', async () => (await town.progress(listener(), song.songId)).chunksHeld > 0)
    await origin.stop()
    expect((await town.progress(listener(), song.songId)).complete).toBe(false)
    origin.otherwise({ kind: 'ok' })
    await origin.restart()
    await town.whenComplete(listener(), song.songId)
    expect(await town.sha256At(listener(), song.songId)).toBe(song.sha256)
  })
})
