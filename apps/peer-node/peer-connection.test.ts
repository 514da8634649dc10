// The downloader's end of a connection: against the real upload server, and against a listener that lies.
import type { EvaError } from '@evastream/core/errors'
import type { ChunkId, PeerId, SongId } from '@evastream/core/ids'
import { blockCountOf, blockRunLengthBytes } from '@evastream/core/manifest'
import { BLOCK_SIZE_BYTES, KIB, MIB } from '@evastream/core/units'
import { type DataHead, HANDLE_MAX, type PeerFrame } from '@evastream/protocol/peer-frames'
import { systemClock, systemTimers } from '@evastream/service-kit/system-clock'
import { chunkSourceContract } from '@evastream/testkit/chunk-source-contract'
import { eventually } from '@evastream/testkit/eventually'
import { type FakeClock, fakeClock } from '@evastream/testkit/fake-clock'
import { filledStore } from '@evastream/testkit/filled-store'
import { keptLog } from '@evastream/testkit/kept-log'
import { RawListener, type RawPeer } from '@evastream/testkit/raw-peer'
import { type SongFixture, songFixture } from '@evastream/testkit/song-fixture'
import { TcpFaultProxy, type TcpFaults } from '@evastream/testkit/tcp-fault-proxy'
import { afterEach, describe, expect, it } from 'vitest'
import { noArrivals } from './download/chunk-arrivals.ts'
import { dialTcpLink } from './network/tcp-link.ts'
import { PeerConnection } from './peer-connection.ts'
import type { BlockRequest, Clock } from './ports.ts'
import { UploadServer } from './upload-server.ts'

const closers: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const never = new AbortController().signal
const ignore = () => undefined
const emptyBitfield: PeerFrame = { kind: 'bitfield', handle: 1, firstChunk: 0, isLast: true, bits: new Uint8Array() }

interface Told {
  readonly events: unknown[][]
  wastedBytes: number
  error?: EvaError
}

interface DialOptions {
  readonly clock?: Clock
  readonly peerId?: string
  readonly mayReach?: (host: string) => boolean
}

function dial(port: number, { clock = systemClock, peerId = 'uploader', mayReach = () => true }: DialOptions = {}) {
  const told: Told = { events: [], wastedBytes: 0 }
  const tell = (...event: unknown[]) => void told.events.push(event)
  const connection = new PeerConnection(
    {
      link: dialTcpLink({ host: '127.0.0.1', port }),
      clock,
      mayReach,
      listener: {
        opened: () => tell('opened'),
        songListed: (songId, chunkIds) => tell('listed', songId, chunkIds),
        songGained: (songId, chunkIds) => tell('gained', songId, chunkIds),
        songShrunk: (songId, chunkIds) => tell('shrunk', songId, chunkIds),
        songArriving: (songId, chunks) => tell('arriving', songId, chunks),
        bytesWasted: sizeBytes => {
          told.wastedBytes += sizeBytes
        },
        closed: error => {
          tell('closed', error.code)
          told.error = error
        },
      },
    },
    { peerId: peerId as PeerId, ownPeerId: 'downloader' as PeerId },
  )
  connection.start()
  closers.push(() => connection.close())
  return { connection, told }
}

function wish({ manifest }: SongFixture, chunkId: ChunkId = 0, run?: { firstBlock: number; blockCount: number }): BlockRequest {
  const { firstBlock, blockCount } = run ?? { firstBlock: 0, blockCount: blockCountOf(manifest, chunkId) }
  const target = new Uint8Array(blockRunLengthBytes(manifest, chunkId, firstBlock, blockCount))
  return { songId: manifest.id, shape: manifest, chunkId, firstBlock, blockCount, priority: 'play', target }
}

async function serving(song: SongFixture, options: { uploadsMax?: number } = {}) {
  const store = await filledStore(song)
  const { log } = keptLog()
  const arrivals = { ...noArrivals, arrivingBlocks: () => [0, 2] }
  const deps = { store, arrivals, clock: systemClock, timers: systemTimers, log }
  const server = new UploadServer(deps, { peerId: 'uploader' as PeerId, ...options })
  const port = await server.start()
  closers.push(() => server.stop())
  return { store, server, port }
}

async function throughProxy(port: number, faults: TcpFaults = {}) {
  const proxy = await TcpFaultProxy.start(port, faults)
  closers.push(() => proxy.close())
  return proxy
}

chunkSourceContract('a peer', {
  codes: { missing: 'EVA_PEER_CHUNK_MISSING', gone: ['EVA_PEER_CLOSED'] },
  makeSource: async song => {
    const { store, server, port } = await serving(song)
    const proxy = await throughProxy(port)
    const { connection } = dial(proxy.port)
    return {
      source: connection,
      withhold: chunkId => store.loseChunk(song.manifest.id, chunkId),
      stall: () => proxy.setFaults({ toClient: { stallAfterBytes: 0 } }),
      resume: () => proxy.setFaults({}),
      vanish: async () => {
        proxy.cutAll()
        await server.stop()
      },
      close: async () => connection.close(),
    }
  },
})

describe('PeerConnection: with an upload server', () => {
  it('connection: songs followed: what is held is listed, and what comes and goes is told', async () => {
    const song = songFixture()
    const { server, store, port } = await serving(song)
    store.loseChunk(song.manifest.id, 1)
    const { connection, told } = dial(port)
    await eventually('open', () => connection.isOpen)
    connection.follow(song.manifest.id, song.manifest)
    connection.follow('another' as SongId, song.manifest)
    connection.follow(song.manifest.id, song.manifest)
    await eventually('two lists', () => told.events.length === 3)
    server.announceHave(song.manifest.id, [1])
    server.announceLack(song.manifest.id, [0, 4])
    server.announceArriving(song.manifest.id, [4])
    await eventually('the changes', () => told.events.length === 6)
    expect(told.events).toEqual([
      ['opened'],
      ['listed', song.manifest.id, [0, 2, 3, 4]],
      ['listed', 'another', []],
      ['gained', song.manifest.id, [1]],
      ['shrunk', song.manifest.id, [0, 4]],
      ['arriving', song.manifest.id, [{ chunkId: 4, blocks: [0, 2] }]],
    ])
  })

  it('connection: a song no longer followed: its news are not told, and a fetch of it subscribes again', async () => {
    const song = songFixture()
    const { server, port } = await serving(song)
    const { connection, told } = dial(port)
    await eventually('open', () => connection.isOpen)
    connection.follow(song.manifest.id, song.manifest)
    connection.unfollow(song.manifest.id)
    server.announceHave(song.manifest.id, [1])
    await connection.fetchBlocks(wish(song), ignore, never)
    expect(told.events).toEqual([['opened'], ['listed', song.manifest.id, [0, 1, 2, 3, 4]]])
  })

  it('connection: over a line of 200 ms and 4 Mbit/s: a long chunk arrives bit for bit, nobody taken for silent', async () => {
    const song = songFixture({ fileSize: 300_000, chunkSize: MIB })
    const { port } = await serving(song)
    const proxy = await throughProxy(port, { toTarget: { latencyMs: 100 }, toClient: { latencyMs: 100, bandwidthBytesPerSecond: 500_000 } })
    const { connection } = dial(proxy.port)
    const request = wish(song)
    await connection.fetchBlocks(request, ignore, never)
    expect(Buffer.compare(request.target, song.bytes)).toBe(0)
  })

  it('connection: cancelled in the middle of a slow frame: the rest is counted as waste, and the connection stays', async () => {
    const song = songFixture({ fileSize: 2 * MIB, chunkSize: MIB })
    const { port } = await serving(song)
    const proxy = await throughProxy(port)
    const { connection, told } = dial(proxy.port)
    await connection.fetchBlocks(wish(song, 1), ignore, never)
    proxy.setFaults({ toClient: { bandwidthBytesPerSecond: 4_000_000 } })
    const controller = new AbortController()
    const cut = connection.fetchBlocks(wish(song, 0), () => controller.abort(), controller.signal)
    await expect(cut).rejects.toMatchObject({ code: 'EVA_CANCELLED' })
    await connection.fetchBlocks(wish(song, 1), ignore, never)
    expect(told.wastedBytes).toBeGreaterThan(0)
    expect(told.wastedBytes).toBeLessThan(MIB)
  })

  it('connection: reset in the middle: open and waiting fetches say that the peer closed it', async () => {
    const song = songFixture({ fileSize: 2 * MIB, chunkSize: MIB })
    const { port } = await serving(song)
    const proxy = await throughProxy(port, { toClient: { cutAfterBytes: 300_000 } })
    const { connection, told } = dial(proxy.port)
    const fetches = [wish(song, 0), wish(song, 1)].map(request => connection.fetchBlocks(request, ignore, never))
    const outcomes = await Promise.allSettled(fetches)
    expect(outcomes.map(outcome => outcome.status === 'rejected' && outcome.reason.code)).toEqual(['EVA_PEER_CLOSED', 'EVA_PEER_CLOSED'])
    expect(told.events.filter(([kind]) => kind === 'closed')).toEqual([['closed', 'EVA_PEER_CLOSED']])
  })

  it('connection: a callback that throws: ends that fetch with its error, and no other', async () => {
    const song = songFixture()
    const { port } = await serving(song)
    const { connection } = dial(port)
    const boom = () => {
      throw new RangeError('boom')
    }
    await expect(connection.fetchBlocks(wish(song, 0), boom, never)).rejects.toMatchObject({ code: 'EVA_INTERNAL' })
    await connection.fetchBlocks(wish(song, 1), ignore, never)
  })
})

describe('PeerConnection: dialling and greeting', () => {
  async function listening(): Promise<RawListener> {
    const listener = await RawListener.start('uploader')
    closers.push(() => listener.close())
    return listener
  }

  async function ending({ told }: { told: Told }): Promise<EvaError> {
    return eventually('closed', () => told.error)
  }

  it('connection: nobody listens: is unreachable, fetches that waited too', async () => {
    const listener = await RawListener.start('uploader')
    const { port } = listener
    await listener.close()
    const dialled = dial(port)
    const song = songFixture()
    const fetching = expect(dialled.connection.fetchBlocks(wish(song), ignore, never)).rejects.toMatchObject({
      code: 'EVA_PEER_UNREACHABLE',
    })
    expect(await ending(dialled)).toMatchObject({ code: 'EVA_PEER_UNREACHABLE', details: { reason: 'ECONNREFUSED' } })
    await fetching
    await expect(dialled.connection.fetchBlocks(wish(song), ignore, never)).rejects.toMatchObject({ code: 'EVA_PEER_UNREACHABLE' })
  })

  it('connection: an address that the socket may not have reached: is told nothing at all', async () => {
    const listener = await listening()
    const dialled = dial(listener.port, { mayReach: host => host !== '127.0.0.1' })
    const peer = await listener.accept()
    expect(await ending(dialled)).toMatchObject({ code: 'EVA_PEER_ADDRESS_FORBIDDEN', details: { host: '127.0.0.1' } })
    await peer.closed()
    expect(peer.socket.bytesRead).toBe(0)
  })

  it('connection: no answer to the hello for 2 s: times out, having sent 128 bytes at most', async () => {
    const listener = await listening()
    const clock = fakeClock()
    const dialled = dial(listener.port, { clock })
    const peer = await listener.accept()
    expect(await peer.next('hello')).toEqual({ kind: 'hello', dataBytesMax: 4 * MIB, peerId: 'downloader' })
    const waiting = expect(dialled.connection.fetchBlocks(wish(songFixture()), ignore, never)).rejects.toMatchObject({
      code: 'EVA_PEER_TIMEOUT',
    })
    dialled.connection.follow('song' as SongId, songFixture().manifest)
    tick(clock, dialled.connection, 1999)
    expect(dialled.told.events).toEqual([])
    tick(clock, dialled.connection, 1)
    expect((await ending(dialled)).code).toBe('EVA_PEER_TIMEOUT')
    await waiting
    await peer.closed()
    expect(peer.socket.bytesRead).toBeLessThanOrEqual(128)
    expect(peer.received).toEqual([])
  })

  it('connection: no connection for 2 s: is unreachable', async () => {
    const clock = fakeClock()
    const listener = await listening()
    const dialled = dial(listener.port, { clock })
    tick(clock, dialled.connection, 2000)
    expect(dialled.told.error).toMatchObject({ code: 'EVA_PEER_UNREACHABLE' })
  })

  it.each<[string, string, PeerFrame[]]>([
    ['another peer', 'EVA_PEER_UNREACHABLE', [{ kind: 'hello-ok', requestsMax: 1, subscriptionsMax: 1, peerId: 'somebody' as PeerId }]],
    ['a frame before the hello', 'EVA_PEER_PROTOCOL', [{ kind: 'have', handle: 1, chunkIds: [1] }]],
    [
      'a refusal: another version',
      'EVA_PEER_VERSION',
      [{ kind: 'reject', handle: 0, requestId: 0, code: 'version', version: 4, retryAfterMs: 0 }],
    ],
    ['a refusal: busy', 'EVA_PEER_BUSY', [{ kind: 'reject', handle: 0, requestId: 0, code: 'busy', version: 0, retryAfterMs: 7000 }]],
    [
      'a refusal that makes no sense',
      'EVA_PEER_PROTOCOL',
      [{ kind: 'reject', handle: 0, requestId: 0, code: 'cancelled', version: 0, retryAfterMs: 0 }],
    ],
  ])('connection: the hello is answered by %s: ends with %s', async (_name, code, answer) => {
    const listener = await listening()
    const dialled = dial(listener.port)
    const peer = await listener.accept()
    await peer.next('hello')
    peer.send(...answer)
    const error = await ending(dialled)
    expect(error.code).toBe(code)
    if (code === 'EVA_PEER_VERSION') expect(error.details).toEqual({ version: 4, supported: 3 })
    if (code === 'EVA_PEER_BUSY') expect(error.details).toEqual({ retryAfterMs: 7000 })
  })

  it('connection: an HTTP server answers: ends with EVA_PEER_PROTOCOL', async () => {
    const listener = await listening()
    const dialled = dial(listener.port)
    const peer = await listener.accept()
    peer.sendBytes('HTTP/1.1 400 Bad Request\r\n\r\n')
    expect((await ending(dialled)).code).toBe('EVA_PEER_PROTOCOL')
  })

  it('connection: silent after the hello: is pinged at 15 s, left at 30 s; an answer keeps it', async () => {
    const listener = await listening()
    const clock = fakeClock()
    const dialled = dial(listener.port, { clock })
    const peer = await listener.welcome()
    await eventually('open', () => dialled.connection.isOpen)
    tick(clock, dialled.connection, 15_000)
    peer.send({ kind: 'pong', token: (await peer.next('ping')).token })
    await peer.settle()
    tick(clock, dialled.connection, 15_000)
    await peer.next('ping')
    tick(clock, dialled.connection, 14_999)
    expect(dialled.connection.isOpen).toBe(true)
    tick(clock, dialled.connection, 1)
    expect(dialled.told.error).toMatchObject({ code: 'EVA_PEER_TIMEOUT' })
  })

  it('connection: closed by us, or by a goodbye of theirs: says goodbye, and fetches end as closed', async () => {
    const listener = await listening()
    const ours = dial(listener.port)
    const [peer] = [await listener.welcome()]
    await eventually('open', () => ours.connection.isOpen)
    const fetching = expect(ours.connection.fetchBlocks(wish(songFixture()), ignore, never)).rejects.toMatchObject({
      code: 'EVA_PEER_CLOSED',
    })
    ours.connection.close()
    await fetching
    await peer.next('bye')
    const theirs = dial(listener.port)
    const other = await listener.welcome()
    other.send({ kind: 'bye' })
    expect((await ending(theirs)).code).toBe('EVA_PEER_CLOSED')
  })
})

function tick(clock: FakeClock, connection: PeerConnection, durationMs: number): void {
  clock.advance(durationMs)
  connection.tick(clock.now())
}

describe('PeerConnection: with a listener that tests it', () => {
  const song = songFixture({ fileSize: 3 * 64 * KIB - 100, chunkSize: 64 * KIB })

  async function met(options: { clock?: Clock; requestsMax?: number } = {}) {
    const listener = await RawListener.start('uploader')
    closers.push(() => listener.close())
    const dialled = dial(listener.port, options)
    const peer = await listener.welcome(options)
    await eventually('open', () => dialled.connection.isOpen)
    return { ...dialled, peer }
  }

  async function asked(peer: RawPeer): Promise<DataHead> {
    const { handle, requestId, chunkId, firstBlock, blockCount } = await peer.next('request')
    return {
      handle,
      requestId,
      chunkId,
      firstBlock,
      blockCount,
      sizeBytes: blockRunLengthBytes(song.manifest, chunkId, firstBlock, blockCount),
    }
  }

  function part(head: DataHead, skipBlocks: number, blockCount: number) {
    const firstBlock = head.firstBlock + skipBlocks
    const sizeBytes = blockRunLengthBytes(song.manifest, head.chunkId, firstBlock, blockCount)
    const audio = song.chunkBytes(head.chunkId).subarray(firstBlock * BLOCK_SIZE_BYTES, firstBlock * BLOCK_SIZE_BYTES + sizeBytes)
    return [{ ...head, firstBlock, blockCount, sizeBytes }, audio] as const
  }

  it('connection: a run in three frames, among another: both are filled, each frame acknowledged once', async () => {
    const { connection, peer } = await met()
    const requests = [wish(song, 0), wish(song, 2)]
    const fetches = requests.map(request => connection.fetchBlocks(request, ignore, never))
    const [first, second] = [await asked(peer), await asked(peer)]
    peer.sendData(...part(first, 0, 1))
    expect(await peer.next('ack')).toEqual({ kind: 'ack', requestId: first.requestId, blocksReceived: 1 })
    peer.sendData(...part(second, 0, 4))
    expect(await peer.next('ack')).toEqual({ kind: 'ack', requestId: second.requestId, blocksReceived: 4 })
    peer.sendData(...part(first, 1, 2))
    peer.sendData(...part(first, 3, 1))
    await Promise.all(fetches)
    await eventually('the last ack', async () => (await peer.next('ack')).blocksReceived === 4)
    expect(requests.map(({ chunkId, target }) => Buffer.compare(target, song.chunkBytes(chunkId)))).toEqual([0, 0])
  })

  it('connection: a long frame that comes slowly: whole blocks of it are acknowledged every half second', async () => {
    const clock = fakeClock()
    const { connection, peer } = await met({ clock })
    let filled = 0
    const fetching = connection.fetchBlocks(
      wish(song, 0),
      bytes => {
        filled = bytes
      },
      never,
    )
    const [head, audio] = part(await asked(peer), 0, 4)
    peer.sendData(head, audio.subarray(0, 2 * BLOCK_SIZE_BYTES + 10))
    await eventually('two blocks', () => filled === 2 * BLOCK_SIZE_BYTES + 10)
    clock.advance(500)
    peer.sendBytes(audio.subarray(2 * BLOCK_SIZE_BYTES + 10, 2 * BLOCK_SIZE_BYTES + 20))
    expect(await peer.next('ack')).toMatchObject({ blocksReceived: 2 })
    clock.advance(500)
    peer.sendBytes(audio.subarray(2 * BLOCK_SIZE_BYTES + 20, 2 * BLOCK_SIZE_BYTES + 30))
    await eventually('ten bytes', () => filled === 2 * BLOCK_SIZE_BYTES + 30)
    peer.sendBytes(audio.subarray(2 * BLOCK_SIZE_BYTES + 30))
    expect(await peer.next('ack')).toMatchObject({ blocksReceived: 4 })
    await fetching
  })

  it.each<[string, (head: DataHead) => DataHead]>([
    ['blocks out of order', head => ({ ...head, firstBlock: 1, blockCount: 1, sizeBytes: BLOCK_SIZE_BYTES })],
    ['more blocks than asked for', head => ({ ...head, blockCount: 3, sizeBytes: 3 * BLOCK_SIZE_BYTES })],
    ['another chunk', head => ({ ...head, chunkId: 1 })],
    ['another handle', head => ({ ...head, handle: head.handle + 1 })],
    ['a request that is not open', head => ({ ...head, requestId: head.requestId + 1 })],
    ['a block of another length than the song has', head => ({ ...head, sizeBytes: head.sizeBytes - 1 })],
  ])('connection: DATA with %s: breaks the protocol and writes nothing', async (_name, spoil) => {
    const { connection, peer } = await met()
    const request = wish(song, 0, { firstBlock: 0, blockCount: 2 })
    const fetching = expect(connection.fetchBlocks(request, ignore, never)).rejects.toMatchObject({ code: 'EVA_PEER_PROTOCOL' })
    const head = spoil(await asked(peer))
    peer.sendData(head, song.bytes.subarray(0, head.sizeBytes))
    await fetching
    await peer.closed()
    expect(request.target.every(byte => byte === 0)).toBe(true)
  })

  it.each<[string, PeerFrame[]]>([
    ['a reject of a request that is not open', [{ kind: 'reject', handle: 0, requestId: 9, code: 'busy', version: 0, retryAfterMs: 0 }]],
    [
      'a request rejected as cancelled that is wanted',
      [{ kind: 'reject', handle: 0, requestId: 1, code: 'cancelled', version: 0, retryAfterMs: 0 }],
    ],
    ['a handle never given', [{ kind: 'have', handle: HANDLE_MAX, chunkIds: [0] }]],
    ['a HAVE before the BITFIELD', [{ kind: 'have', handle: 1, chunkIds: [0] }]],
    ['a BITFIELD past the end of the song', [{ kind: 'bitfield', handle: 1, firstChunk: 0, isLast: true, bits: Uint8Array.of(0x10) }]],
    ['a HAVE past the end of the song', [emptyBitfield, { kind: 'have', handle: 1, chunkIds: [3] }]],
    ['an ARRIVING before the BITFIELD', [{ kind: 'arriving', handle: 1, chunks: [{ chunkId: 0, blocks: [0] }] }]],
    ['an ARRIVING past the end of the song', [emptyBitfield, { kind: 'arriving', handle: 1, chunks: [{ chunkId: 3, blocks: [0] }] }]],
    ['an ARRIVING past the end of a chunk', [emptyBitfield, { kind: 'arriving', handle: 1, chunks: [{ chunkId: 0, blocks: [0, 4] }] }]],
    ['a frame of the dialer', [{ kind: 'cancel', requestId: 1 }]],
  ])('connection: %s: breaks the protocol', async (_name, frames) => {
    const { connection, peer, told } = await met()
    const fetching = expect(connection.fetchBlocks(wish(song, 0), ignore, never)).rejects.toMatchObject({ code: 'EVA_PEER_PROTOCOL' })
    await asked(peer)
    peer.send(...frames)
    await fetching
    await peer.closed()
    expect(told.events.at(-1)).toEqual(['closed', 'EVA_PEER_PROTOCOL'])
  })

  it('connection: a request rejected as busy: says how long to wait, but no longer than a minute', async () => {
    const { connection, peer } = await met()
    for (const [told, believed] of [
      [1500, 1500],
      [4_000_000_000, 60_000],
    ] as const) {
      const fetching = connection.fetchBlocks(wish(song, 0), ignore, never)
      const { requestId } = await asked(peer)
      peer.send({ kind: 'reject', handle: 0, requestId, code: 'busy', version: 0, retryAfterMs: told })
      await expect(fetching).rejects.toMatchObject({ code: 'EVA_PEER_BUSY', details: { retryAfterMs: believed } })
    }
  })

  it('connection: more fetches than the listener takes: the one too many is told busy at once', async () => {
    const { connection, peer } = await met({ requestsMax: 2 })
    const [first, second, third] = [0, 1, 2].map(chunkId => connection.fetchBlocks(wish(song, chunkId), ignore, never))
    await expect(third).rejects.toMatchObject({ code: 'EVA_PEER_BUSY', details: { retryAfterMs: 250 } })
    expect(connection.openFetchCount).toBe(2)
    for (const _ of [first, second]) {
      const head = await asked(peer)
      peer.sendData(...part(head, 0, 4))
    }
    await Promise.all([first, second])
    expect(connection.openFetchCount).toBe(0)
  })

  it('connection: a subscription that is refused: its fetch is busy, and the next one subscribes anew', async () => {
    const { connection, peer } = await met()
    const refuse = async (handle: number, requestId: number) => {
      const fetching = connection.fetchBlocks(wish(song, 0), ignore, never)
      expect(await peer.next('subscribe')).toMatchObject({ handle })
      peer.send(
        { kind: 'reject', handle, requestId: 0, code: 'busy', version: 0, retryAfterMs: 10 },
        { kind: 'reject', handle: 0, requestId, code: 'busy', version: 0, retryAfterMs: 10 },
      )
      await expect(fetching).rejects.toMatchObject({ code: 'EVA_PEER_BUSY' })
    }
    await refuse(1, 1)
    await refuse(2, 2)
  })

  it('connection: cancelled, and all of it comes all the same: is drained as waste, and its end is not an error', async () => {
    const { connection, peer, told } = await met()
    const controller = new AbortController()
    const request = wish(song, 0)
    const fetching = connection.fetchBlocks(request, ignore, controller.signal)
    const head = await asked(peer)
    controller.abort('not wanted')
    await expect(fetching).rejects.toMatchObject({ code: 'EVA_CANCELLED' })
    expect(await peer.next('cancel')).toEqual({ kind: 'cancel', requestId: head.requestId })
    peer.sendData(...part(head, 0, 4))
    await peer.settle()
    expect([told.wastedBytes, connection.isOpen]).toEqual([64 * KIB, true])
    expect(request.target.every(byte => byte === 0)).toBe(true)
    expect(peer.received.filter(frame => frame.kind === 'ack')).toEqual([])
    peer.sendData(...part(head, 0, 1))
    await peer.closed()
  })

  it('connection: a callback that throws: what it no longer wants is cancelled', async () => {
    const { connection, peer, told } = await met()
    const boom = () => {
      throw new RangeError('boom')
    }
    const failed = expect(connection.fetchBlocks(wish(song, 0), boom, never)).rejects.toMatchObject({ code: 'EVA_INTERNAL' })
    const head = await asked(peer)
    peer.sendData(...part(head, 0, 1))
    expect(await peer.next('cancel')).toEqual({ kind: 'cancel', requestId: head.requestId })
    await failed
    peer.sendData(...part(head, 1, 3))
    await peer.settle()
    expect(told.wastedBytes).toBe(3 * BLOCK_SIZE_BYTES)
  })

  it('connection: aborted before the hello is answered: is never asked for', async () => {
    const listener = await RawListener.start('uploader')
    closers.push(() => listener.close())
    const { connection } = dial(listener.port)
    const controller = new AbortController()
    const cut = expect(connection.fetchBlocks(wish(song, 0), ignore, controller.signal)).rejects.toMatchObject({ code: 'EVA_CANCELLED' })
    const kept = connection.fetchBlocks(wish(song, 2), ignore, never)
    controller.abort()
    await cut
    const peer = await listener.welcome()
    const head = await asked(peer)
    expect(head.chunkId).toBe(2)
    peer.sendData(...part(head, 0, 4))
    await kept
  })

  it('connection: cancelled, and neither the rest nor a reject comes for 10 s: is left', async () => {
    const clock = fakeClock()
    const { connection, peer, told } = await met({ clock })
    const controller = new AbortController()
    const fetching = connection.fetchBlocks(wish(song, 0), ignore, controller.signal)
    await asked(peer)
    controller.abort()
    await expect(fetching).rejects.toMatchObject({ code: 'EVA_CANCELLED' })
    tick(clock, connection, 9_999)
    expect(connection.isOpen).toBe(true)
    tick(clock, connection, 1)
    expect(told.error).toMatchObject({ code: 'EVA_PEER_TIMEOUT' })
  })

  it('connection: every byte of a chunk by itself: arrives, and progress only grows', async () => {
    const small = songFixture({ fileSize: 300, chunkSize: 16 * KIB })
    const { port } = await serving(small)
    const proxy = await throughProxy(port, { toClient: { byteIntervalMs: 0 } })
    const { connection } = dial(proxy.port)
    const request = wish(small)
    const progress: number[] = []
    await connection.fetchBlocks(request, filledBytes => progress.push(filledBytes), never)
    expect(Buffer.compare(request.target, small.bytes)).toBe(0)
    expect(progress).toEqual(progress.toSorted((a, b) => a - b))
  })
})
