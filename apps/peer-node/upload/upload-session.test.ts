// The uploader's end of a connection against strangers, on real sockets: garbage, broken rules, silence, and the caps.
import type { PeerId, SongId } from '@evastream/core/ids'
import { UploadSlots } from '@evastream/engine/uploads/upload-slots'
import { encodeFrame } from '@evastream/protocol/peer-frame-writer'
import { HAVE_CHUNKS_MAX, type PeerFrame } from '@evastream/protocol/peer-frames'
import { eventually } from '@evastream/testkit/eventually'
import { fakeClock } from '@evastream/testkit/fake-clock'
import { filledStore } from '@evastream/testkit/filled-store'
import { keptLog } from '@evastream/testkit/kept-log'
import { RawPeer } from '@evastream/testkit/raw-peer'
import { songFixture } from '@evastream/testkit/song-fixture'
import { afterEach, describe, expect, it } from 'vitest'
import { noArrivals } from '../download/chunk-arrivals.ts'
import { ConnectionLimits } from '../network/connection-limits.ts'
import { ChunkBuffers } from '../store/chunk-buffers.ts'
import { ChunkLoans } from '../store/chunk-loans.ts'
import { UploadServer, type UploadServerOptions } from '../upload-server.ts'
import { ByteBudget } from './byte-budget.ts'
import { NewsFrames } from './news-frames.ts'
import { UploadGate } from './upload-gate.ts'
import type { UploadRequest } from './upload-request.ts'
import { UploadSession } from './upload-session.ts'

const closers: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const song = songFixture()

async function serve({ limits, ...options }: Partial<UploadServerOptions> & { readonly limits?: ConnectionLimits } = {}) {
  const clock = fakeClock()
  const { lines, log } = keptLog()
  const server = new UploadServer(
    { store: await filledStore(song), clock, timers: clock, log, ...(limits !== undefined && { limits }) },
    { peerId: 'uploader' as PeerId, ...options },
  )
  const port = await server.start()
  closers.push(() => server.stop())
  const keep = (peer: RawPeer) => {
    closers.push(() => peer.close())
    return peer
  }
  return { server, clock, lines, greet: async () => keep(await RawPeer.greet(port)), dial: async () => keep(await RawPeer.dial(port)) }
}

/** Its other side has said hello and subscribed; what is written from then on is kept, write by write. */
async function subscribed() {
  const writes: (readonly Uint8Array[])[] = []
  const nothing = () => undefined
  const send = (...parts: readonly Uint8Array[]) => void writes.push(parts)
  const link = { remoteHost: '::1', bufferedBytes: 0, listen: nothing, send, end: nothing, destroy: nothing }
  const clock = fakeClock()
  const store = new ChunkLoans({ store: await filledStore(song), buffers: new ChunkBuffers() })
  const slots = new UploadSlots<UploadRequest>({ granted: nothing, displaced: nothing }, { slotsMax: 1 })
  const gate = new UploadGate({ clock, timers: clock, budget: new ByteBudget(0) })
  const told = { refusalMs: nothing, onBytesSent: nothing, onBytesDelivered: nothing, onChunkLost: nothing, onClosed: nothing }
  const bounds = { requestsMax: 1, relaysMax: 1, subscriptionsMax: 2, backlogMaxBytes: 1 }
  const waits = { busyRetryAfterMs: 1, relayRetryAfterMs: 1, blockWaitMaxMs: 1, silenceMaxMs: 1, helloTimeoutMs: 1, farewellMs: 1 }
  const session = new UploadSession(
    { link, store, arrivals: noArrivals, slots, gate, clock, log: keptLog().log, ...told },
    { peerId: 'uploader' as PeerId, pingAfterMs: 1, idleMaxMs: 1, ...bounds, ...waits },
  )
  session.received(encodeFrame({ kind: 'hello', dataBytesMax: 16_384 }))
  session.received(encodeFrame({ kind: 'subscribe', handle: 7, songId: song.manifest.id }))
  writes.length = 0
  return { session, writes }
}

describe('UploadSession: news', () => {
  it('upload: news of one moment, in several frames: go out in one write, and the same bytes to all with that handle', async () => {
    const [one, other] = [await subscribed(), await subscribed()]
    const held = Array.from({ length: HAVE_CHUNKS_MAX + 1 }, (_, chunkId) => chunkId)
    const news = new NewsFrames({ songId: song.manifest.id, held, arriving: [{ chunkId: 99, blocks: [0] }] })
    for (const { session } of [one, other]) session.announceNews(news)
    expect([one.writes.length, one.writes[0]?.length]).toEqual([1, 3])
    expect(other.writes[0]?.every((bytes, index) => bytes === one.writes[0]?.[index])).toBe(true)
  })

  it('upload: news of another song, or none: nothing is written', async () => {
    const { session, writes } = await subscribed()
    session.announceNews(new NewsFrames({ songId: 'another' as SongId, held: [1], arriving: [] }))
    session.announceNews(new NewsFrames({ songId: song.manifest.id, held: [], arriving: [] }))
    expect(writes).toEqual([])
  })
})

describe('UploadSession', () => {
  const request = { kind: 'request', handle: 1, requestId: 5, chunkId: 0, priority: 'seed', firstBlock: 0, blockCount: 1 } as const

  it.each([
    ['HTTP', (peer: RawPeer) => peer.sendBytes('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
    ['random bytes', (peer: RawPeer) => peer.sendBytes(song.bytes.subarray(0, 500))],
    ['a request before the hello', (peer: RawPeer) => peer.send(request)],
  ])('upload: %s instead of a hello: is closed without a byte, with a debug line', async (_name, misbehave) => {
    const { dial, lines, server } = await serve()
    const peer = await dial()
    misbehave(peer)
    await peer.closed()
    expect(peer.socket.bytesRead).toBe(0)
    expect(lines.filter(line => !line.startsWith('debug'))).toEqual([])
    expect(lines.some(line => line.includes('broke the protocol'))).toBe(true)
    await eventually('forgotten', () => server.snapshot().connectionCount === 0)
  })

  it.each<[string, PeerFrame[]]>([
    ['SUBSCRIBE ../../etc/passwd', [{ kind: 'subscribe', handle: 2, songId: '../../etc/passwd' as SongId }]],
    ['a handle given twice', [{ kind: 'subscribe', handle: 1, songId: song.manifest.id }]],
    ['a song subscribed to under two handles', [{ kind: 'subscribe', handle: 2, songId: song.manifest.id }]],
    ['a request for a handle never given', [{ ...request, handle: 2 }]],
    ['an unsubscribe of a handle never given', [{ kind: 'unsubscribe', handle: 2 }]],
    ['a request id given twice', [{ ...request, chunkId: 5 }, request]],
    ['a run past the end of the chunk', [{ ...request, firstBlock: 4 }]],
    ['an ack of a request never made', [{ kind: 'ack', requestId: 99, blocksReceived: 1 }]],
    ['a cancel of a request never made', [{ kind: 'cancel', requestId: 99 }]],
    ['an ack of more than was sent', [request, { kind: 'ack', requestId: 5, blocksReceived: 2 }]],
    ['a second hello', [{ kind: 'hello', dataBytesMax: 16384 }]],
    ['a frame of the uploader', [{ kind: 'have', handle: 1, chunkIds: [1] }]],
  ])('upload: %s: closes that connection and no other', async (_name, frames) => {
    const { greet, lines, server } = await serve()
    const [peer, other] = [await greet(), await greet()]
    await peer.subscribe(song.manifest.id)
    await other.subscribe(song.manifest.id)
    peer.send(...frames)
    await peer.closed()
    other.ask({ requestId: 1 })
    await other.take({ requestId: 1 })
    await other.settle()
    expect(server.snapshot()).toMatchObject({ connectionCount: 1, inServiceCount: 0, waitingCount: 0 })
    expect(lines.filter(line => !line.startsWith('debug'))).toEqual([])
  })

  it('upload: fewer blocks acknowledged than before: closes the connection', async () => {
    const { greet } = await serve()
    const peer = await greet()
    await peer.subscribe(song.manifest.id)
    peer.ask({ requestId: 1, blockCount: 3 })
    await peer.next('data')
    await peer.next('data')
    peer.send({ kind: 'ack', requestId: 1, blocksReceived: 2 }, { kind: 'ack', requestId: 1, blocksReceived: 1 })
    await peer.closed()
  })

  it('upload: a hello of another version: is answered with the version spoken here, then closed', async () => {
    const { dial, lines } = await serve()
    const peer = await dial()
    peer.sendBytes(Buffer.from('01000000000000000000000000000006455641530063', 'hex'))
    expect(await peer.next('reject')).toEqual({ kind: 'reject', handle: 0, requestId: 0, code: 'version', version: 3, retryAfterMs: 0 })
    await peer.closed()
    expect(peer.socket.bytesRead).toBe(24)
    expect(lines.some(line => line.startsWith('info') && line.includes('"version":99'))).toBe(true)
  })

  it('upload: a hello that drips in byte by byte: is closed 2 s after the connection was made', async () => {
    const { dial, greet, clock } = await serve()
    const peer = await dial()
    for (const byte of [1, 0, 0, 0, 0, 0]) {
      peer.sendBytes(Uint8Array.of(byte))
      await greet().then(other => other.settle())
      clock.advance(300)
    }
    expect(peer.isClosed).toBe(false)
    clock.advance(250)
    await peer.closed()
    expect(peer.socket.bytesRead).toBe(0)
  })

  it('upload: nothing heard after the hello: is pinged at 15 s, closed at 30 s; an answer keeps it', async () => {
    const { greet, clock } = await serve()
    const [quiet, alive] = [await greet(), await greet()]
    clock.advance(15_000)
    await quiet.next('ping')
    const { token } = await alive.next('ping')
    alive.send({ kind: 'pong', token })
    await alive.settle()
    clock.advance(15_000)
    await quiet.closed()
    await alive.settle()
  })

  it('upload: more connections than allowed: the next is told to come back, and served when one has left', async () => {
    const { greet, dial } = await serve({ limits: new ConnectionLimits({ connectionsMax: 3, connectionsPerAddressMax: 1 }) })
    const [first] = [await greet(), await greet()]
    const third = await dial()
    expect(await third.next('reject')).toMatchObject({ handle: 0, requestId: 0, code: 'busy', retryAfterMs: 1000 })
    await third.closed()
    first.close()
    await eventually('room', async () => (await greet()).received)
  })

  it('upload: more subscriptions than allowed: the next is rejected, its requests too, and the others go on', async () => {
    const { greet } = await serve({ subscriptionsMax: 1 })
    const peer = await greet()
    await peer.subscribe(song.manifest.id)
    peer.send({ kind: 'subscribe', handle: 2, songId: 'another' as SongId }, { ...request, handle: 2 })
    expect(await peer.next('reject')).toMatchObject({ handle: 2, requestId: 0, code: 'busy' })
    expect(await peer.next('reject')).toMatchObject({ handle: 0, requestId: 5, code: 'busy' })
    peer.ask({ requestId: 6 })
    await peer.take({ requestId: 6 })
  })
})
