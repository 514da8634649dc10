// What holds uploads back, on real sockets: the cap per period and the own music, on a clock and a calendar the test moves.
import type { PeerId } from '@evastream/core/ids'
import { fakeClock } from '@evastream/testkit/fake-clock'
import { filledStore } from '@evastream/testkit/filled-store'
import { keptLog } from '@evastream/testkit/kept-log'
import { RawPeer } from '@evastream/testkit/raw-peer'
import { songFixture } from '@evastream/testkit/song-fixture'
import { afterEach, describe, expect, it } from 'vitest'
import { noArrivals } from '../download/chunk-arrivals.ts'
import { UploadServer, type UploadServerDeps } from '../upload-server.ts'
import { UploadCap } from './upload-cap.ts'

const closers: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const song = songFixture({ fileSize: 640_000, chunkSize: 128_000 })
const HALF_PAST = Date.parse('2026-11-23T08:30:00.000Z')
const HALF_AN_HOUR_MS = 1_800_000
const FRAME_BYTES = 16_404

async function serve(deps: Partial<UploadServerDeps> = {}) {
  const clock = fakeClock()
  const { log } = keptLog()
  const server = new UploadServer(
    { store: await filledStore(song), clock, timers: clock, log, ...deps },
    { peerId: 'uploader' as PeerId, uploadsMax: 2 },
  )
  const port = await server.start()
  closers.push(() => server.stop())
  const greet = async () => {
    const peer = await RawPeer.greet(port)
    closers.push(() => peer.close())
    await peer.subscribe(song.manifest.id)
    return peer
  }
  return { server, clock, greet }
}

async function aCap(limitBytes: number) {
  const calendar = { nowMs: HALF_PAST }
  const { lines, log } = keptLog()
  const file = { read: async () => undefined, write: () => undefined }
  const deps = { wallClock: { epochMs: () => calendar.nowMs }, file, log }
  return { calendar, lines, quota: await UploadCap.open(deps, { limitBytes, unit: 'hour' }) }
}

describe('upload cap on the wire', () => {
  it('upload: the cap is reached: running and waiting requests of all connections are told when to come back, and so is the next', async () => {
    const { quota, lines } = await aCap(10 * FRAME_BYTES)
    const { greet, server } = await serve({ quota })
    const peers = [await greet(), await greet(), await greet()] as const
    const [running, alsoRunning, waiting] = peers
    running.ask({ requestId: 1, blockCount: 7 })
    alsoRunning.ask({ requestId: 1, chunkId: 1, blockCount: 7 })
    for (let block = 0; block < 4; block++) await Promise.all([running.next('data'), alsoRunning.next('data')])
    waiting.ask({ requestId: 1, chunkId: 2 })
    await waiting.settle()
    expect(server.snapshot()).toMatchObject({ inServiceCount: 2, waitingCount: 1 })
    for (const peer of [running, alsoRunning]) peer.send({ kind: 'ack', requestId: 1, blocksReceived: 2 })
    const rejects = await Promise.all(peers.map(peer => peer.next('reject')))
    for (const reject of rejects) expect(reject).toMatchObject({ requestId: 1, code: 'busy', retryAfterMs: HALF_AN_HOUR_MS })
    await Promise.all(peers.map(peer => peer.settle()))
    running.ask({ requestId: 2 })
    expect(await running.next('reject')).toMatchObject({ requestId: 2, code: 'busy', retryAfterMs: HALF_AN_HOUR_MS })
    expect(quota.status().usedBytes).toBe(10 * FRAME_BYTES)
    expect(lines).toHaveLength(1)
  })

  it('upload: the cap is reached: nothing is to be had here, for whoever is connected and whoever comes; in the next period all is', async () => {
    const { quota, calendar } = await aCap(3 * FRAME_BYTES)
    const changes: boolean[] = []
    const { greet, clock, server } = await serve({ quota, onUploadingChanged: isUploading => void changes.push(isUploading) })
    const peer = await greet()
    peer.ask({ requestId: 1, blockCount: 3 })
    await peer.take({ requestId: 1, blockCount: 3 })
    peer.ask({ requestId: 2 })
    expect(await peer.next('reject')).toMatchObject({ requestId: 2, code: 'busy' })
    const allChunks = song.manifest.chunks.map(chunk => chunk.chunkId)
    expect(await peer.next('unhave')).toMatchObject({ chunkIds: allChunks })
    server.announceHave(song.manifest.id, [0])
    peer.send({ kind: 'unsubscribe', handle: 1 }, { kind: 'subscribe', handle: 2, songId: song.manifest.id })
    expect(await peer.next('bitfield')).toMatchObject({ handle: 2, bits: new Uint8Array() })
    expect(peer.received).toEqual([])
    calendar.nowMs += HALF_AN_HOUR_MS
    clock.advance(250)
    expect(await peer.next('have')).toMatchObject({ handle: 2, chunkIds: allChunks })
    expect(changes).toEqual([false, true])
  })

  it('upload: the cap is reached while a chunk arrives: it is told as gone, and in the next period as arriving, with its blocks', async () => {
    const { quota, calendar } = await aCap(3 * FRAME_BYTES)
    const arrivals = { ...noArrivals, arrivingChunks: () => [{ chunkId: 3, blocks: [0, 2] }], arrivingBlocks: () => [0, 2] }
    const { greet, clock, server } = await serve({ quota, arrivals })
    const peer = await greet()
    expect(await peer.next('arriving')).toMatchObject({ chunks: [{ chunkId: 3, blocks: [0, 2] }] })
    server.announceArriving(song.manifest.id, [3])
    server.announceArriving(song.manifest.id, [3])
    peer.ask({ requestId: 1, blockCount: 3 })
    await peer.take({ requestId: 1, blockCount: 3 })
    peer.ask({ requestId: 2 })
    await peer.next('reject')
    const held = song.manifest.chunks.map(chunk => chunk.chunkId)
    expect(await peer.next('unhave')).toMatchObject({ chunkIds: [...held, 3] })
    peer.received.splice(0)
    server.announceArriving(song.manifest.id, [3])
    clock.advance(100)
    await peer.settle()
    expect(peer.received).toEqual([])
    calendar.nowMs += HALF_AN_HOUR_MS
    clock.advance(250)
    await peer.next('have')
    expect(await peer.next('arriving')).toMatchObject({ chunks: [{ chunkId: 3, blocks: [0, 2] }] })
  })

  it('upload: the next period begins: whoever comes back is served', async () => {
    const { quota, calendar } = await aCap(3 * FRAME_BYTES)
    const { greet } = await serve({ quota })
    const peer = await greet()
    peer.ask({ requestId: 1, blockCount: 3 })
    await peer.take({ requestId: 1, blockCount: 3 })
    peer.ask({ requestId: 2 })
    expect(await peer.next('reject')).toMatchObject({ requestId: 2, code: 'busy' })
    calendar.nowMs += HALF_AN_HOUR_MS
    peer.ask({ requestId: 3 })
    await peer.take({ requestId: 3 })
    expect(quota.status()).toMatchObject({ usedBytes: FRAME_BYTES, resetsAt: '2026-11-23T10:00:00.000Z' })
  })
})

describe('own music on the wire', () => {
  it('upload: under three seconds of own music: no audio is sent, and it goes on when there is more', async () => {
    let bufferMs: number | undefined = 2900
    const { greet, clock } = await serve({ bufferMs: () => bufferMs })
    const peer = await greet()
    peer.ask({ requestId: 1 })
    await peer.settle()
    clock.advance(1000)
    await peer.settle()
    expect(peer.received).toEqual([])
    bufferMs = 3000
    clock.advance(50)
    await peer.take({ requestId: 1 })
  })

  it('upload: hungry for good: what was asked is sent in the end, and no receiver is taken for silent meanwhile', async () => {
    const { greet, clock } = await serve({ bufferMs: () => 0 })
    const peer = await greet()
    peer.ask({ requestId: 1 })
    await peer.settle()
    clock.advance(1600)
    await peer.take({ requestId: 1 })
    await peer.settle()
    expect(peer.received).toEqual([])
  })
})
