// The upload server on real sockets, with a raw dialer on the other side that keeps or breaks every rule, on a clock the test moves.
import { connect } from 'node:net'
import { EvaError } from '@evastream/core/errors'
import type { PeerId, SongId } from '@evastream/core/ids'
import { blockCountOf } from '@evastream/core/manifest'
import { BLOCK_SIZE_BYTES, KIB, MIB } from '@evastream/core/units'
import { GATHER_MS } from '@evastream/engine/uploads/gathered-news'
import { systemClock } from '@evastream/service-kit/system-clock'
import { eventually } from '@evastream/testkit/eventually'
import { fakeClock } from '@evastream/testkit/fake-clock'
import { filledStore } from '@evastream/testkit/filled-store'
import { keptLog } from '@evastream/testkit/kept-log'
import { RawPeer } from '@evastream/testkit/raw-peer'
import { songFixture } from '@evastream/testkit/song-fixture'
import { afterEach, describe, expect, it } from 'vitest'
import type { ChunkReader } from './store/chunk-loans.ts'
import { UploadServer, type UploadServerDeps, type UploadServerOptions } from './upload-server.ts'

const closers: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function serve(store: ChunkReader, options: Partial<UploadServerOptions & UploadServerDeps> = {}) {
  const clock = fakeClock()
  const { lines, log } = keptLog()
  let sentBytes = 0
  let deliveredBytes = 0
  const server = new UploadServer(
    {
      store,
      clock: options.clock ?? clock,
      timers: clock,
      log,
      onBytesSent: sizeBytes => {
        sentBytes += sizeBytes
      },
      onBytesDelivered: sizeBytes => {
        deliveredBytes += sizeBytes
      },
    },
    { peerId: 'uploader' as PeerId, ...options },
  )
  const port = await server.start()
  closers.push(() => server.stop())
  const keep = (peer: RawPeer) => {
    closers.push(() => peer.close())
    return peer
  }
  const greet = async (dataBytesMax?: number) => keep(await RawPeer.greet(port, dataBytesMax))
  const dial = async () => keep(await RawPeer.dial(port))
  return { server, port, clock, lines, greet, dial, sentBytes: () => sentBytes, deliveredBytes: () => deliveredBytes }
}

const longSong = songFixture({ fileSize: 8 * MIB, chunkSize: 4 * MIB })

describe('UploadServer: serving', () => {
  it.each([
    ['one chunk of one byte', 1, 16 * KIB],
    ['a last chunk of one byte', 3 * 64 * KIB + 1, 64 * KIB],
    ['300 chunks', 300 * 16 * KIB - 5, 16 * KIB],
    ['chunks of 4 MiB', 9 * MIB + 3, 4 * MIB],
    ['a crooked chunk size', 500_001, 77_777],
  ])('upload: a song of %s: every chunk arrives bit for bit', async (_name, fileSize, chunkSize) => {
    const song = songFixture({ fileSize, chunkSize })
    const { greet, server, sentBytes, deliveredBytes } = await serve(await filledStore(song), { clock: systemClock })
    const peer = await greet()
    await peer.subscribe(song.manifest.id)
    for (const { chunkId } of song.manifest.chunks) {
      const wish = { requestId: chunkId + 1, chunkId, blockCount: blockCountOf(song.manifest, chunkId) }
      peer.ask(wish)
      expect(Buffer.compare(await peer.take(wish), song.chunkBytes(chunkId))).toBe(0)
    }
    await peer.settle()
    expect(server.snapshot()).toEqual({ connectionCount: 1, inServiceCount: 0, waitingCount: 0, bufferedBytes: 0 })
    expect(sentBytes()).toBe(fileSize)
    expect(deliveredBytes()).toBe(fileSize)
  })

  it('upload: a run in the middle of a chunk: just these blocks come', async () => {
    const song = songFixture({ fileSize: 100_000, chunkSize: 100_000 })
    const { greet } = await serve(await filledStore(song))
    const peer = await greet()
    await peer.subscribe(song.manifest.id)
    peer.ask({ requestId: 1, firstBlock: 5, blockCount: 2 })
    const bytes = await peer.take({ requestId: 1, blockCount: 2 })
    expect(Buffer.compare(bytes, song.bytes.subarray(5 * BLOCK_SIZE_BYTES, 100_000))).toBe(0)
  })

  it('upload: several songs on one connection: each has its handle, its bitfield and its bytes', async () => {
    const songs = [songFixture({ songId: 'song-a', seed: 1 }), songFixture({ songId: 'song-b', seed: 2, fileSize: 70_000 })] as const
    const { greet } = await serve(await filledStore(...songs))
    const peer = await greet()
    peer.send(
      { kind: 'subscribe', handle: 4, songId: songs[0].manifest.id },
      { kind: 'subscribe', handle: 9, songId: songs[1].manifest.id },
    )
    expect(await peer.next('bitfield')).toMatchObject({ handle: 4, isLast: true, bits: Uint8Array.of(0xf8) })
    expect(await peer.next('bitfield')).toMatchObject({ handle: 9, isLast: true, bits: Uint8Array.of(0xc0) })
    peer.ask({ requestId: 1, handle: 9, chunkId: 1 })
    expect(Buffer.compare(await peer.take({ requestId: 1 }), songs[1].chunkBytes(1))).toBe(0)
    peer.ask({ requestId: 2, handle: 4, chunkId: 4, blockCount: 3 })
    expect(Buffer.compare(await peer.take({ requestId: 2, blockCount: 3 }), songs[0].chunkBytes(4))).toBe(0)
  })

  it('upload: what comes and goes: is told to subscribers of that song only, 60 chunks a frame', async () => {
    const song = songFixture({ fileSize: 130 * 16 * KIB, chunkSize: 16 * KIB })
    const { greet, server, clock } = await serve(await filledStore(song))
    const [peer, stranger] = [await greet(), await greet()]
    await peer.subscribe(song.manifest.id)
    stranger.send({ kind: 'subscribe', handle: 1, songId: 'another' as SongId })
    await stranger.next('bitfield')
    server.announceHave(
      song.manifest.id,
      song.manifest.chunks.map(chunk => chunk.chunkId),
    )
    const told = [await peer.next('have'), await peer.next('have'), await peer.next('have')]
    expect(told.map(have => have.chunkIds.length)).toEqual([60, 60, 10])
    server.announceLack(song.manifest.id, [7])
    expect(await peer.next('unhave')).toEqual({ kind: 'unhave', handle: 1, chunkIds: [7] })
    peer.send({ kind: 'unsubscribe', handle: 1 })
    await peer.settle()
    server.announceHave(song.manifest.id, [7])
    clock.advance(GATHER_MS)
    await Promise.all([peer.settle(), stranger.settle()])
    expect([peer.received, stranger.received]).toEqual([[], []])
  })

  it('upload: news that wait as a chunk goes, or the server stops: are told before that, and only once', async () => {
    const song = songFixture()
    const { greet, server, clock } = await serve(await filledStore(song))
    const peer = await greet()
    await peer.subscribe(song.manifest.id)
    for (const chunkId of [1, 2]) server.announceHave(song.manifest.id, [chunkId])
    server.announceLack(song.manifest.id, [2])
    clock.advance(GATHER_MS)
    for (const chunkId of [3, 4]) server.announceHave(song.manifest.id, [chunkId])
    const stopped = server.stop()
    await peer.next('bye')
    const told = peer.received.map(frame =>
      frame.kind === 'have' || frame.kind === 'unhave' ? [frame.kind, ...frame.chunkIds] : frame.kind,
    )
    expect(told).toEqual([
      ['have', 1],
      ['have', 2],
      ['unhave', 2],
      ['have', 3],
      ['have', 4],
    ])
    peer.close()
    await stopped
  })

  it('upload: a fast link: long frames, a whole chunk of 256 KiB in one; a dialer that wants single blocks gets them', async () => {
    const song = songFixture({ fileSize: 40 * 256 * KIB, chunkSize: 256 * KIB })
    const { greet } = await serve(await filledStore(song), { clock: systemClock })
    const lengths = async (dataBytesMax?: number) => {
      const peer = await greet(dataBytesMax)
      await peer.subscribe(song.manifest.id)
      const seen: number[] = []
      for (let requestId = 1; requestId <= 40; requestId++) {
        peer.ask({ requestId, chunkId: requestId - 1, blockCount: 16 })
        for (let blocksReceived = 0; blocksReceived < 16; ) {
          const { head } = await peer.next('data')
          seen.push(head.blockCount)
          blocksReceived += head.blockCount
          peer.send({ kind: 'ack', requestId, blocksReceived })
        }
      }
      return seen
    }
    expect(Math.max(...(await lengths()))).toBe(16)
    expect(Math.max(...(await lengths(BLOCK_SIZE_BYTES)))).toBe(1)
  })
})

describe('UploadServer: slots', () => {
  it('upload: more requests than slots over several connections: never more in service, and the next as one is acknowledged', async () => {
    const song = songFixture()
    const store = await filledStore(song)
    const { greet, server } = await serve(store, { uploadsMax: 2 })
    const peers = [await greet(), await greet(), await greet()]
    for (const peer of peers) {
      await peer.subscribe(song.manifest.id)
      peer.ask({ requestId: 1 })
      peer.ask({ requestId: 2, chunkId: 1 })
      await peer.settle()
    }
    const counts = () => peers.map(peer => peer.received.filter(frame => frame.kind === 'data').length)
    await eventually('two blocks', () => counts().reduce((a, b) => a + b) === 2)
    expect(server.snapshot()).toMatchObject({ inServiceCount: 2, waitingCount: 4 })
    for (let served = 2; served < 6; served++) {
      const peer = peers[counts().indexOf(Math.max(...counts()))] as RawPeer
      const { head } = await peer.next('data')
      peer.send({ kind: 'ack', requestId: head.requestId, blocksReceived: 1 })
      await peer.settle()
      await eventually('the next block', () => counts().reduce((a, b) => a + b) === 2)
      expect(server.snapshot()).toMatchObject({ inServiceCount: 2, waitingCount: 6 - served - 1 })
    }
  })

  it('upload: one slot, requests of three classes: the most urgent is served first', async () => {
    const song = songFixture()
    const { greet } = await serve(await filledStore(song), { uploadsMax: 1 })
    const peer = await greet()
    await peer.subscribe(song.manifest.id)
    peer.ask({ requestId: 1, priority: 'play' })
    peer.ask({ requestId: 2, priority: 'seed' })
    peer.ask({ requestId: 3, priority: 'prefetch' })
    peer.ask({ requestId: 4, priority: 'play' })
    const order: number[] = []
    for (let turn = 0; turn < 4; turn++) {
      const { head } = await peer.next('data')
      order.push(head.requestId)
      peer.send({ kind: 'ack', requestId: head.requestId, blocksReceived: 1 })
    }
    expect(order).toEqual([1, 4, 3, 2])
  })

  it('upload: an urgent request while a long seed is being sent: overtakes it, and the seed goes on where it was', async () => {
    const { greet } = await serve(await filledStore(longSong), { uploadsMax: 1 })
    const [seeder, player] = [await greet(), await greet()]
    await seeder.subscribe(longSong.manifest.id)
    await player.subscribe(longSong.manifest.id)
    seeder.ask({ requestId: 1, blockCount: 256, priority: 'seed' })
    await seeder.next('data')
    player.ask({ requestId: 1, chunkId: 1, blockCount: 2, priority: 'play' })
    await player.next('data')
    seeder.send({ kind: 'ack', requestId: 1, blocksReceived: 1 })
    await seeder.settle()
    expect(seeder.received.filter(frame => frame.kind === 'data')).toHaveLength(3)
    player.send({ kind: 'ack', requestId: 1, blocksReceived: 2 })
    let nextBlock = 1
    while (nextBlock < 256) {
      const { head } = await seeder.next('data')
      expect(head.firstBlock).toBe(nextBlock)
      nextBlock += head.blockCount
      seeder.send({ kind: 'ack', requestId: 1, blocksReceived: nextBlock })
    }
  })

  it('upload: an urgent request on a connection that is busy with a seed: its blocks are the next to be sent', async () => {
    const { greet } = await serve(await filledStore(longSong), { uploadsMax: 2 })
    const peer = await greet()
    await peer.subscribe(longSong.manifest.id)
    peer.ask({ requestId: 1, blockCount: 256, priority: 'seed' })
    for (let block = 0; block < 4; block++) await peer.next('data')
    peer.ask({ requestId: 2, priority: 'play' })
    await peer.settle()
    peer.send({ kind: 'ack', requestId: 1, blocksReceived: 1 })
    expect((await peer.next('data')).head.requestId).toBe(2)
  })

  it('upload: nothing acknowledged: no more than the credit is sent', async () => {
    const { greet, sentBytes, deliveredBytes } = await serve(await filledStore(longSong))
    const peer = await greet()
    await peer.subscribe(longSong.manifest.id)
    peer.ask({ requestId: 1, blockCount: 256 })
    peer.ask({ requestId: 2, chunkId: 1, blockCount: 256 })
    for (let block = 0; block < 4; block++) await peer.next('data')
    await peer.settle()
    expect(peer.received).toEqual([])
    expect(sentBytes()).toBe(4 * BLOCK_SIZE_BYTES)
    expect(deliveredBytes()).toBe(0)
  })

  it('upload: a receiver silent: soon lets the next one pass; after 2 s it loses its place, and is told busy for a while', async () => {
    const { greet, clock, server } = await serve(await filledStore(longSong), { uploadsMax: 1 })
    const [silent, other] = [await greet(), await greet()]
    await silent.subscribe(longSong.manifest.id)
    await other.subscribe(longSong.manifest.id)
    clock.advance(240)
    silent.ask({ requestId: 1, blockCount: 256 })
    silent.ask({ requestId: 2, chunkId: 1 })
    await silent.next('data')
    other.ask({ requestId: 1 })
    await other.settle()
    expect([other.received, server.snapshot().inServiceCount]).toEqual([[], 1])
    clock.advance(300)
    await other.take({ requestId: 1 })
    clock.advance(1450)
    await silent.settle()
    expect(silent.received.filter(frame => frame.kind === 'reject')).toEqual([])
    clock.advance(500)
    expect(await silent.next('reject')).toMatchObject({ requestId: 1, code: 'busy', retryAfterMs: 1000 })
    expect(await silent.next('reject')).toMatchObject({ requestId: 2, code: 'busy' })
    silent.ask({ requestId: 3 })
    expect(await silent.next('reject')).toMatchObject({ requestId: 3, code: 'busy' })
    clock.advance(1000)
    silent.received.length = 0
    silent.ask({ requestId: 4 })
    await silent.take({ requestId: 4 })
  })

  it('upload: a receiver silent for 2 s with a request all sent: is told nothing of that one, only of the others', async () => {
    const { greet, clock, server } = await serve(await filledStore(longSong), { uploadsMax: 1 })
    const silent = await greet()
    await silent.subscribe(longSong.manifest.id)
    silent.ask({ requestId: 1 })
    silent.ask({ requestId: 2 })
    await silent.next('data')
    clock.advance(2500)
    await silent.settle()
    expect(silent.received).toEqual([expect.objectContaining({ kind: 'reject', requestId: 2, code: 'busy' })])
    expect(server.snapshot()).toMatchObject({ inServiceCount: 0, waitingCount: 0 })
    silent.send({ kind: 'ack', requestId: 1, blocksReceived: 1 })
    await silent.settle()
  })

  it('upload: as many slow receivers as slots, and more: a fast one is served in between, and each slow one goes on', async () => {
    const { greet, clock, server } = await serve(await filledStore(longSong), { uploadsMax: 2 })
    const slow = [await greet(), await greet(), await greet()]
    for (const peer of slow) {
      await peer.subscribe(longSong.manifest.id)
      for (const requestId of [1, 2]) peer.ask({ requestId, blockCount: 8 })
      await peer.settle()
    }
    const fast = await greet()
    await fast.subscribe(longSong.manifest.id)
    fast.ask({ requestId: 1, blockCount: 64 })
    let taken = 0
    const given = slow.map(() => 0)
    const took = fast.take({ requestId: 1, blockCount: 64 }).then(bytes => {
      taken = bytes.length
    })
    for (let second = 0; second < 3 * 16; second++) {
      for (const [index, peer] of slow.entries()) {
        for (const frame of peer.received.splice(0)) {
          if (frame.kind !== 'data') continue
          const { requestId, firstBlock, blockCount } = frame.head
          given[index] = (given[index] ?? 0) + blockCount
          peer.send({ kind: 'ack', requestId, blocksReceived: firstBlock + blockCount })
        }
        await peer.settle()
      }
      for (let step = 0; step < 4; step++) {
        clock.advance(250)
        await Promise.all([fast, ...slow].map(peer => peer.settle()))
        expect(server.snapshot().inServiceCount).toBeLessThanOrEqual(2)
      }
      if (second === 2) await eventually('the fast one is done', () => taken === 64 * BLOCK_SIZE_BYTES)
    }
    await took
    expect(given).toEqual([16, 16, 16])
  })

  it('upload: a receiver that acknowledges slowly: keeps its slot', async () => {
    const { greet, clock } = await serve(await filledStore(longSong), { uploadsMax: 1 })
    const peer = await greet()
    await peer.subscribe(longSong.manifest.id)
    peer.ask({ requestId: 1, blockCount: 8 })
    for (let blocksReceived = 1; blocksReceived <= 8; blocksReceived++) {
      await peer.next('data')
      clock.advance(1500)
      peer.send({ kind: 'ack', requestId: 1, blocksReceived })
      await peer.settle()
    }
    expect(peer.received).toEqual([])
  })

  it('upload: CANCEL in the middle: takes effect at the next frame, is answered once, and frees the slot', async () => {
    const { greet, server } = await serve(await filledStore(longSong), { uploadsMax: 1 })
    const peer = await greet()
    await peer.subscribe(longSong.manifest.id)
    peer.ask({ requestId: 1, blockCount: 256 })
    for (let block = 0; block < 4; block++) await peer.next('data')
    peer.send({ kind: 'cancel', requestId: 1 })
    expect(await peer.next('reject')).toMatchObject({ requestId: 1, code: 'cancelled' })
    peer.send({ kind: 'cancel', requestId: 1 }, { kind: 'ack', requestId: 1, blocksReceived: 4 })
    await peer.settle()
    expect([peer.received, server.snapshot().inServiceCount]).toEqual([[], 0])
    peer.ask({ requestId: 2, blockCount: 4 })
    await peer.take({ requestId: 2, blockCount: 4 })
  })

  it('upload: CANCEL of what is all sent, or still waiting: the first is not answered, the second is; both are over', async () => {
    const { greet, server } = await serve(await filledStore(longSong), { uploadsMax: 1 })
    const peer = await greet()
    await peer.subscribe(longSong.manifest.id)
    peer.ask({ requestId: 1 })
    peer.ask({ requestId: 2 })
    await peer.next('data')
    peer.send({ kind: 'cancel', requestId: 2 }, { kind: 'cancel', requestId: 1 })
    expect(await peer.next('reject')).toMatchObject({ requestId: 2, code: 'cancelled' })
    await peer.settle()
    expect(peer.received).toEqual([])
    expect(server.snapshot()).toMatchObject({ inServiceCount: 0, waitingCount: 0 })
  })

  it('upload: one request more than a connection may have open: is rejected as busy with a time to come back', async () => {
    const song = songFixture()
    const { greet } = await serve(await filledStore(song), { requestsMax: 3, busyRetryAfterMs: 400 })
    const peer = await greet()
    await peer.subscribe(song.manifest.id)
    for (let requestId = 1; requestId <= 4; requestId++) peer.ask({ requestId, blockCount: 4 })
    expect(await peer.next('reject')).toMatchObject({ requestId: 4, code: 'busy', retryAfterMs: 400 })
  })

  it('upload: a dialer that goes away: its slots and its place in the queue are free', async () => {
    const { greet, server } = await serve(await filledStore(longSong), { uploadsMax: 1 })
    const [gone, other] = [await greet(), await greet()]
    await gone.subscribe(longSong.manifest.id)
    await other.subscribe(longSong.manifest.id)
    gone.ask({ requestId: 1, blockCount: 256 })
    gone.ask({ requestId: 2, blockCount: 256 })
    await gone.next('data')
    other.ask({ requestId: 1 })
    gone.socket.resetAndDestroy()
    await other.take({ requestId: 1 })
    await other.settle()
    expect(server.snapshot()).toMatchObject({ connectionCount: 1, inServiceCount: 0, waitingCount: 0 })
  })
})

describe('UploadServer: chunks that are not there', () => {
  it('upload: a chunk that is not held: is rejected as missing, and this peer is told it is not had', async () => {
    const song = songFixture()
    const { greet } = await serve(await filledStore(song))
    const [peer, other] = [await greet(), await greet()]
    await peer.subscribe(song.manifest.id)
    await other.subscribe(song.manifest.id)
    peer.ask({ requestId: 1, chunkId: 4_000_000 })
    expect(await peer.next('reject')).toMatchObject({ requestId: 1, code: 'chunk-missing' })
    expect(await peer.next('unhave')).toMatchObject({ chunkIds: [4_000_000] })
    await other.settle()
    expect(other.received).toEqual([])
  })

  it.each(['EVA_STORED_CHUNK_ROTTEN', 'EVA_CHUNK_NOT_FOUND'] as const)(
    'upload: a chunk that fails to load with %s: is rejected as missing, and every subscriber is told',
    async code => {
      const song = songFixture()
      const store = await filledStore(song)
      const rotten: ChunkReader = {
        heldChunks: songId => store.heldChunks(songId),
        hasChunk: () => true,
        loadChunk: async () => {
          throw new EvaError(code)
        },
      }
      const { greet, server, lines } = await serve(rotten)
      const [peer, other] = [await greet(), await greet()]
      await peer.subscribe(song.manifest.id)
      await other.subscribe(song.manifest.id)
      peer.ask({ requestId: 1, chunkId: 2 })
      expect(await peer.next('reject')).toMatchObject({ requestId: 1, code: 'chunk-missing' })
      expect(await peer.next('unhave')).toMatchObject({ chunkIds: [2] })
      expect(await other.next('unhave')).toMatchObject({ chunkIds: [2] })
      expect(server.snapshot().inServiceCount).toBe(0)
      expect(lines.filter(line => line.startsWith('warn'))).toHaveLength(1)
    },
  )

  it('upload: a disk that fails: the request is rejected as busy, the slot is free, and nothing is taken back', async () => {
    const song = songFixture()
    const store = await filledStore(song)
    let failures = 1
    const failing: ChunkReader = {
      heldChunks: songId => store.heldChunks(songId),
      hasChunk: () => true,
      loadChunk: (songId, chunkId) =>
        failures-- > 0
          ? Promise.reject(new EvaError('EVA_STORAGE_FAILED', { details: { reason: 'EIO' } }))
          : store.loadChunk(songId, chunkId),
    }
    const { greet } = await serve(failing, { uploadsMax: 1 })
    const peer = await greet()
    await peer.subscribe(song.manifest.id)
    peer.ask({ requestId: 1 })
    expect(await peer.next('reject')).toMatchObject({ requestId: 1, code: 'busy' })
    peer.ask({ requestId: 2 })
    await peer.take({ requestId: 2 })
    expect(peer.received).toEqual([])
  })

  it('upload: cancelled, or gone, while its chunk is being loaded: the late chunk is not sent', async () => {
    const song = songFixture()
    const store = await filledStore(song)
    const loads: (() => void)[] = []
    const slow: ChunkReader = {
      heldChunks: songId => store.heldChunks(songId),
      hasChunk: () => true,
      loadChunk: async (songId, chunkId) => {
        await new Promise<void>(resolve => loads.push(resolve))
        return store.loadChunk(songId, chunkId)
      },
    }
    const { greet, server, sentBytes } = await serve(slow, { uploadsMax: 2 })
    const [peer, gone] = [await greet(), await greet()]
    await peer.subscribe(song.manifest.id)
    await gone.subscribe(song.manifest.id)
    peer.ask({ requestId: 1 })
    gone.ask({ requestId: 1 })
    await eventually('a load', () => loads.length === 1 && server.snapshot().inServiceCount === 2)
    peer.send({ kind: 'cancel', requestId: 1 })
    gone.close()
    expect(await peer.next('reject')).toMatchObject({ code: 'cancelled' })
    await eventually('one left', () => server.snapshot().connectionCount === 1)
    for (const load of loads) load()
    await peer.settle()
    expect(sentBytes()).toBe(0)
    expect(peer.received).toEqual([])
  })
})

describe('UploadServer: memory', () => {
  it('upload: a fast receiver that stops reading: at most one frame waits in our memory', async () => {
    const store = await filledStore(longSong)
    const { greet, server } = await serve(store, { clock: systemClock, uploadsMax: 16, silenceMaxMs: 60_000 })
    const peer = await greet()
    await peer.subscribe(longSong.manifest.id)
    for (let requestId = 1; requestId <= 4; requestId++) {
      peer.ask({ requestId, blockCount: 256 })
      await peer.take({ requestId, blockCount: 256 })
    }
    peer.socket.pause()
    for (let requestId = 5; requestId <= 20; requestId++) peer.ask({ requestId, chunkId: requestId % 2, blockCount: 256 })
    await eventually('the link is stuck', () => server.snapshot().bufferedBytes > 0)
    let most = 0
    for (let look = 0; look < 20; look++) {
      await new Promise(resolve => setImmediate(resolve))
      most = Math.max(most, server.snapshot().bufferedBytes)
    }
    expect(most).toBeLessThanOrEqual(4 * MIB + 100)
  })

  it('upload: a dialer that asks and does not read: is closed before much waits in our memory', async () => {
    const { greet, server, lines } = await serve(await filledStore(longSong), { backlogMaxBytes: 64 * KIB })
    const peer = await greet()
    peer.socket.pause()
    const pings = Buffer.alloc(16 * 4096)
    for (let at = 0; at < pings.length; at += 16) pings[at] = 0x30
    let most = 0
    let pushed = 0
    while (!peer.isClosed && pushed < 200 * MIB) {
      pushed += pings.length
      if (!peer.socket.write(pings)) await Promise.race([new Promise(resolve => peer.socket.once('drain', resolve)), peer.closed()])
      most = Math.max(most, server.snapshot().bufferedBytes)
    }
    await peer.closed()
    expect(most).toBeLessThan(256 * KIB)
    expect(lines.some(line => line.includes('does not read'))).toBe(true)
  })
})

describe('UploadServer: starting and stopping', () => {
  it('upload: stopped while serving: says goodbye, closes, frees its port, and can be started again', async () => {
    const { greet, server, port, clock } = await serve(await filledStore(longSong))
    const peer = await greet()
    await peer.subscribe(longSong.manifest.id)
    peer.ask({ requestId: 1, blockCount: 256 })
    await peer.next('data')
    await Promise.all([server.stop(), server.stop()])
    await peer.next('bye')
    await peer.closed()
    expect(server.snapshot()).toEqual({ connectionCount: 0, inServiceCount: 0, waitingCount: 0, bufferedBytes: 0 })
    expect([server.port, clock.pendingCount]).toEqual([0, 0])
    await expect(RawPeer.dial(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    const again = await server.start()
    await RawPeer.greet(again).then(one => one.close())
  })

  it('upload: stopped with a peer that never closes: is cut after half a second', async () => {
    const { server, clock, port } = await serve(await filledStore(longSong))
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    closers.push(() => socket.destroy())
    socket.on('error', () => undefined)
    await eventually('connected', () => server.snapshot().connectionCount === 1)
    const stopped = server.stop()
    await eventually('half closed', () => socket.resume().readableEnded)
    clock.advance(500)
    await stopped
    expect(server.snapshot().connectionCount).toBe(0)
  })

  it('upload: a port that is taken: says which, and the flag that changes it', async () => {
    const { port } = await serve(await filledStore(longSong))
    await expect(serve(await filledStore(longSong), { port })).rejects.toMatchObject({
      code: 'EVA_PORT_TAKEN',
      details: { port, flag: '--peer.port' },
    })
  })
})
