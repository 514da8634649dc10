// The network of peers: who is dialled and who is not, how many, when again; with real upload servers and with listeners that lie.
import { addressScope, mayDial } from '@evastream/core/address'
import type { ErrorCode } from '@evastream/core/errors'
import type { ChunkId, PeerId } from '@evastream/core/ids'
import { blockCountOf, chunkLengthBytes } from '@evastream/core/manifest'
import { systemClock, systemTimers } from '@evastream/service-kit/system-clock'
import { eventually } from '@evastream/testkit/eventually'
import { fakeClock } from '@evastream/testkit/fake-clock'
import { filledStore } from '@evastream/testkit/filled-store'
import { keptLog } from '@evastream/testkit/kept-log'
import { RawListener } from '@evastream/testkit/raw-peer'
import { songFixture } from '@evastream/testkit/song-fixture'
import { TcpFaultProxy } from '@evastream/testkit/tcp-fault-proxy'
import { afterEach, describe, expect, it } from 'vitest'
import { noArrivals } from '../download/chunk-arrivals.ts'
import type { ListedPeer } from '../ports.ts'
import { UploadServer } from '../upload-server.ts'
import { ConnectionLimits } from './connection-limits.ts'
import { PeerNetwork, type PeerNetworkDeps } from './peer-network.ts'
import { dialTcpLink } from './tcp-link.ts'

const closers: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const song = songFixture()
const { id: songId } = song.manifest
const never = new AbortController().signal
const ignore = () => undefined
const own = 'downloader' as PeerId

function wish(chunkId: ChunkId = 0) {
  const target = new Uint8Array(chunkLengthBytes(song.manifest, chunkId))
  const blockCount = blockCountOf(song.manifest, chunkId)
  return { songId, shape: song.manifest, chunkId, firstBlock: 0, blockCount, priority: 'play' as const, target }
}

/** Of the connections allowed, half may be dialled. */
function aNetwork({ connectionsMax, ...deps }: Partial<PeerNetworkDeps> & { readonly connectionsMax?: number } = {}) {
  const clock = fakeClock()
  const { lines, log } = keptLog()
  const dialled: string[] = []
  const told: unknown[][] = []
  const network = new PeerNetwork(
    {
      clock,
      timers: clock,
      log,
      mayDial: host => mayDial({ host, trackerScope: 'loopback' }),
      dial: address => {
        dialled.push(`${address.host}:${address.port}`)
        return dialTcpLink(address)
      },
      ...(connectionsMax !== undefined && { limits: new ConnectionLimits({ connectionsMax }) }),
      ...deps,
    },
    { ownPeerId: own },
  )
  network.listen({
    peerListed: (...event) => void told.push(['listed', ...event]),
    peerHas: (...event) => void told.push(['has', ...event]),
    peerLacks: (...event) => void told.push(['lacks', ...event]),
    peerArriving: (...event) => void told.push(['arriving', ...event]),
    peerLost: (...event) => void told.push(['lost', ...event]),
  })
  closers.push(() => network.close())
  const lost = () => told.filter(([kind]) => kind === 'lost')
  const wasLost = (peerId: PeerId, code: ErrorCode) =>
    eventually(`${peerId} lost`, () => told.some(([kind, who, why]) => kind === 'lost' && who === peerId && why === code))
  return { network, clock, lines, dialled, told, lost, wasLost }
}

async function anUploader(name: string): Promise<{ listed: ListedPeer; server: UploadServer }> {
  const { log } = keptLog()
  const arrivals = { ...noArrivals, arrivingBlocks: () => [0, 1] }
  const deps = { store: await filledStore(song), arrivals, clock: systemClock, timers: systemTimers, log }
  const server = new UploadServer(deps, { peerId: name as PeerId })
  const port = await server.start()
  closers.push(() => server.stop())
  return { server, listed: { peerId: name as PeerId, host: '127.0.0.1', port, chunks: [] } }
}

async function aListener(name: string): Promise<{ listed: ListedPeer; listener: RawListener }> {
  const listener = await RawListener.start(name)
  closers.push(() => listener.close())
  return { listener, listed: { peerId: name as PeerId, host: '127.0.0.1', port: listener.port, chunks: [] } }
}

describe('PeerNetwork: dialling', () => {
  it('network: a song followed, then peers introduced: are dialled, and tell what they hold', async () => {
    const { network, told } = aNetwork()
    const [ann, bob] = [await anUploader('ann'), await anUploader('bob')]
    network.follow(songId, song.manifest)
    network.introduce(ann.listed)
    network.introduce(bob.listed)
    network.introduce(ann.listed)
    await eventually('two lists', () => told.length === 2)
    expect(told.toSorted()).toEqual([
      ['listed', 'ann', songId, [0, 1, 2, 3, 4]],
      ['listed', 'bob', songId, [0, 1, 2, 3, 4]],
    ])
    ann.server.announceHave(songId, [2])
    bob.server.announceLack(songId, [3])
    bob.server.announceArriving(songId, [3])
    await eventually('three changes', () => told.length === 5)
    expect(told.slice(2).toSorted()).toEqual([
      ['arriving', 'bob', songId, [{ chunkId: 3, blocks: [0, 1] }]],
      ['has', 'ann', songId, [2]],
      ['lacks', 'bob', songId, [3]],
    ])
  })

  it('network: no song followed: peers are only remembered, and dialled with the first song', async () => {
    const { network, dialled } = aNetwork()
    const { listed } = await anUploader('ann')
    network.introduce(listed)
    expect(dialled).toEqual([])
    network.follow(songId, song.manifest)
    expect(dialled).toEqual([`127.0.0.1:${listed.port}`])
  })

  it('network: this node itself: is not dialled and is no source', () => {
    const { network, dialled } = aNetwork()
    network.follow(songId, song.manifest)
    network.introduce({ peerId: own, host: '127.0.0.1', port: 9001, chunks: [] })
    expect([dialled, network.sourceOf(own)]).toEqual([[], undefined])
  })

  it.each([
    ['127.1', 9001],
    ['0x7f.1', 9001],
    ['2130706433', 9001],
    ['localhost', 9001],
    ['::ffff:127.0.0.1', 9001],
    ['169.254.169.254', 80],
    ['0.0.0.0', 9001],
    ['evil.example', 9001],
    ['127.0.0.1', 0],
    ['127.0.0.1', 65_536],
  ])('network: the tracker lists %s:%s: it is refused with one log line, and is no source', (host, port) => {
    const { network, dialled, lines } = aNetwork()
    network.follow(songId, song.manifest)
    for (let poll = 0; poll < 3; poll++) expect(network.introduce({ peerId: 'ann' as PeerId, host, port, chunks: [] })).toBe(false)
    expect([dialled, network.sourceOf('ann' as PeerId)]).toEqual([[], undefined])
    expect(lines).toEqual([expect.stringContaining('warn the tracker listed an address')])
  })

  it('network: a public tracker that lists our own network: nothing is dialled', () => {
    const { network, dialled } = aNetwork({ mayDial: host => mayDial({ host, trackerScope: addressScope('8.8.8.8') }) })
    network.follow(songId, song.manifest)
    for (const host of ['127.0.0.1', '10.0.0.1', '192.168.1.1', 'fd00::1'])
      network.introduce({ peerId: host as PeerId, host, port: 9001, chunks: [] })
    expect(dialled).toEqual([])
  })

  it('network: the socket reached another address than was dialled: is left before a byte is sent', async () => {
    const { listener, listed } = await aListener('ann')
    const { network, wasLost } = aNetwork({ dial: ({ port }) => dialTcpLink({ host: '127.0.0.1', port }) })
    network.follow(songId, song.manifest)
    network.introduce({ ...listed, host: '127.0.0.2' })
    await wasLost(listed.peerId, 'EVA_PEER_ADDRESS_FORBIDDEN')
    expect((await listener.accept()).socket.bytesRead).toBe(0)
  })

  it('network: another peer answers than was listed: is left, not taken for the one we meant, and not dialled until it is introduced anew', async () => {
    const impostor = await aListener('impostor')
    const { network, clock, wasLost, lines, dialled } = aNetwork()
    const ann = { ...impostor.listed, peerId: 'ann' as PeerId }
    network.follow(songId, song.manifest)
    network.introduce(ann)
    await impostor.listener.welcome()
    await wasLost(ann.peerId, 'EVA_PEER_UNREACHABLE')
    expect(lines.at(-1)).toContain('another peer answered')
    clock.advance(60_000)
    expect(network.sourceOf(ann.peerId)).toBeUndefined()
    network.follow(songId, song.manifest)
    expect(dialled).toHaveLength(1)
    network.introduce(ann)
    expect(dialled).toHaveLength(2)
  })

  it('network: a connection refused as busy: is not dialled again before the time it was told', async () => {
    const { listener, listed } = await aListener('ann')
    const { network, clock, wasLost, dialled } = aNetwork()
    network.follow(songId, song.manifest)
    network.introduce(listed)
    const peer = await listener.accept()
    peer.send({ kind: 'reject', handle: 0, requestId: 0, code: 'busy', version: 0, retryAfterMs: 7000 })
    await wasLost(listed.peerId, 'EVA_PEER_BUSY')
    clock.advance(6999)
    network.introduce(listed)
    expect(dialled).toHaveLength(1)
    clock.advance(1)
    network.introduce(listed)
    expect(dialled).toHaveLength(2)
  })

  it('network: nobody answers the dial, or the hello: is lost after 2 s', async () => {
    const mute = await aListener('mute')
    const proxy = await TcpFaultProxy.start(mute.listed.port, { isMute: true })
    closers.push(() => proxy.close())
    const { network, clock, wasLost } = aNetwork()
    network.follow(songId, song.manifest)
    network.introduce({ ...mute.listed, port: proxy.port })
    await eventually('accepted', () => proxy.acceptedCount === 1)
    await eventually('lost', () => {
      clock.advance(250)
      return network.connectionCount === 0
    })
    await wasLost('mute' as PeerId, 'EVA_PEER_TIMEOUT')
    expect(clock.pendingCount).toBe(0)
  })
})

describe('PeerNetwork: room', () => {
  it('network: more peers than connections allowed: as many as allowed are dialled, another when one is lost', async () => {
    const { network, dialled, told, wasLost } = aNetwork({ connectionsMax: 4 })
    const uploaders = [await anUploader('ann'), await anUploader('bob'), await anUploader('carol')]
    network.follow(songId, song.manifest)
    for (const { listed } of uploaders) network.introduce(listed)
    expect([network.connectionCount, dialled.length]).toEqual([2, 2])
    await eventually('two lists', () => told.length === 2)
    await uploaders[0]?.server.stop()
    await wasLost('ann' as PeerId, 'EVA_PEER_CLOSED')
    await eventually('carol is dialled', () => dialled.length === 3)
    expect(network.connectionCount).toBe(2)
  })

  it('network: a source that is wanted while all connections are taken: one unused for 5 s makes room', async () => {
    const { network, clock, told, lost } = aNetwork({ connectionsMax: 2 })
    const [ann, bob] = [await anUploader('ann'), await anUploader('bob')]
    network.follow(songId, song.manifest)
    network.introduce(ann.listed)
    network.introduce(bob.listed)
    await eventually('listed', () => told.length === 1)
    const source = network.sourceOf(bob.listed.peerId)
    await expect(source?.fetchBlocks(wish(), ignore, never)).rejects.toMatchObject({
      code: 'EVA_PEER_BUSY',
      details: { retryAfterMs: 1000 },
    })
    clock.advance(5000)
    const request = wish(1)
    await source?.fetchBlocks(request, ignore, never)
    expect(Buffer.compare(request.target, song.chunkBytes(1))).toBe(0)
    expect([network.connectionCount, lost()]).toEqual([1, [['lost', 'ann', 'EVA_PEER_CLOSED']]])
    clock.advance(5000)
    await network.sourceOf(ann.listed.peerId)?.fetchBlocks(wish(2), ignore, never)
  })

  it('network: all connections in use: none is given up', async () => {
    const { network, clock } = aNetwork({ connectionsMax: 2 })
    const busy = await aListener('busy')
    const bob = await anUploader('bob')
    network.follow(songId, song.manifest)
    network.introduce(busy.listed)
    network.introduce(bob.listed)
    const peer = await busy.listener.welcome()
    const kept = network.sourceOf(busy.listed.peerId)?.fetchBlocks(wish(), ignore, never)
    const ended = expect(kept).rejects.toMatchObject({ code: 'EVA_PEER_CLOSED' })
    await peer.next('request')
    clock.advance(10_000)
    await expect(network.sourceOf(bob.listed.peerId)?.fetchBlocks(wish(), ignore, never)).rejects.toMatchObject({ code: 'EVA_PEER_BUSY' })
    await network.close()
    await ended
  })

  it('network: the last song is no longer followed: unused connections are closed; a fetch dials again', async () => {
    const { network, told, lost } = aNetwork()
    const ann = await anUploader('ann')
    network.follow(songId, song.manifest)
    network.introduce(ann.listed)
    await eventually('listed', () => told.length === 1)
    network.unfollow(songId)
    expect([network.connectionCount, lost().length]).toEqual([0, 1])
    await network.sourceOf(ann.listed.peerId)?.fetchBlocks(wish(), ignore, never)
    expect(network.connectionCount).toBe(1)
  })
})

describe('PeerNetwork: failures and bans', () => {
  it('network: a dead peer, introduced and wanted again and again: is dialled only after its backoff', async () => {
    const { network, clock, dialled, lost } = aNetwork()
    const { listener, listed } = await aListener('dead')
    await listener.close()
    closers.pop()
    network.follow(songId, song.manifest)
    network.introduce(listed)
    await eventually('lost', () => lost().length === 1)
    for (let again = 0; again < 5; again++) {
      network.introduce(listed)
      const fetching = network.sourceOf(listed.peerId)?.fetchBlocks(wish(), ignore, never)
      await expect(fetching).rejects.toMatchObject({ code: 'EVA_PEER_UNREACHABLE', details: { retryAfterMs: 500 } })
    }
    expect(dialled).toHaveLength(1)
    clock.advance(500)
    network.introduce(listed)
    expect(dialled).toHaveLength(2)
    await eventually('lost again', () => lost().length === 2)
    clock.advance(999)
    network.introduce(listed)
    expect(dialled).toHaveLength(2)
    clock.advance(1)
    await expect(network.sourceOf(listed.peerId)?.fetchBlocks(wish(), ignore, never)).rejects.toMatchObject({
      code: 'EVA_PEER_UNREACHABLE',
    })
    expect(dialled).toHaveLength(3)
  })

  it('network: a peer that was there hangs up: is dialled once more, unasked, so that its death is known at once', async () => {
    const { network, clock, dialled, wasLost } = aNetwork()
    const { listener, listed } = await aListener('ann')
    network.follow(songId, song.manifest)
    network.introduce(listed)
    const peer = await listener.welcome()
    await peer.next('subscribe')
    await listener.close()
    closers.pop()
    await wasLost(listed.peerId, 'EVA_PEER_CLOSED')
    clock.advance(499)
    expect(dialled).toHaveLength(1)
    clock.advance(251)
    expect(dialled).toHaveLength(2)
    await wasLost(listed.peerId, 'EVA_PEER_UNREACHABLE')
    clock.advance(60_000)
    expect([dialled.length, clock.pendingCount]).toEqual([2, 0])
  })

  it('network: a peer that comes back: is reached again by its source', async () => {
    const { network, clock, wasLost } = aNetwork()
    const ann = await anUploader('ann')
    const proxy = await TcpFaultProxy.start(ann.listed.port)
    closers.push(() => proxy.close())
    network.follow(songId, song.manifest)
    network.introduce({ ...ann.listed, port: proxy.port })
    await network.sourceOf(ann.listed.peerId)?.fetchBlocks(wish(), ignore, never)
    proxy.cutAll()
    await wasLost(ann.listed.peerId, 'EVA_PEER_CLOSED')
    clock.advance(500)
    const request = wish(3)
    await network.sourceOf(ann.listed.peerId)?.fetchBlocks(request, ignore, never)
    expect(Buffer.compare(request.target, song.chunkBytes(3))).toBe(0)
  })

  it('network: a banned peer: is closed at once, no source, not dialled when introduced, and welcome when the ban is over', async () => {
    const { network, clock, told, lost, dialled } = aNetwork()
    const ann = await anUploader('ann')
    network.follow(songId, song.manifest)
    network.introduce(ann.listed)
    await eventually('listed', () => told.length === 1)
    const source = network.sourceOf(ann.listed.peerId)
    network.ban(ann.listed.peerId, 60_000)
    expect([network.connectionCount, lost()]).toEqual([0, [['lost', 'ann', 'EVA_PEER_CLOSED']]])
    network.introduce(ann.listed)
    network.introduce({ ...ann.listed, peerId: 'ann-again' as PeerId })
    expect([network.sourceOf(ann.listed.peerId), network.sourceOf('ann-again' as PeerId), dialled.length]).toEqual([
      undefined,
      undefined,
      1,
    ])
    await expect(source?.fetchBlocks(wish(), ignore, never)).rejects.toMatchObject({ code: 'EVA_PEER_CLOSED' })
    clock.advance(60_000)
    network.introduce(ann.listed)
    await network.sourceOf(ann.listed.peerId)?.fetchBlocks(wish(), ignore, never)
  })

  it('network: late data of a cancelled fetch: is counted as waste', async () => {
    let wastedBytes = 0
    const { network } = aNetwork({
      onBytesWasted: sizeBytes => {
        wastedBytes += sizeBytes
      },
    })
    const { listener, listed } = await aListener('late')
    network.follow(songId, song.manifest)
    network.introduce(listed)
    const peer = await listener.welcome()
    const controller = new AbortController()
    const cut = expect(network.sourceOf(listed.peerId)?.fetchBlocks(wish(), ignore, controller.signal)).rejects.toMatchObject({
      code: 'EVA_CANCELLED',
    })
    const { handle, requestId } = await peer.next('request')
    controller.abort()
    await cut
    peer.sendData({ handle, requestId, chunkId: 0, firstBlock: 0, blockCount: 1, sizeBytes: 16_384 }, song.bytes.subarray(0, 16_384))
    await peer.settle()
    expect(wastedBytes).toBe(16_384)
  })

  it('network: closed: says goodbye, tells nothing more, knows nobody, leaves no timer', async () => {
    const { network, clock, told } = aNetwork()
    const { listener, listed } = await aListener('ann')
    network.follow(songId, song.manifest)
    network.introduce(listed)
    const peer = await listener.welcome()
    await peer.next('subscribe')
    await network.close()
    await peer.next('bye')
    network.introduce(listed)
    network.follow(songId, song.manifest)
    expect([told, network.sourceOf(listed.peerId), network.connectionCount, clock.pendingCount]).toEqual([[], undefined, 0, 0])
  })
})
