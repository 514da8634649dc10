import type { IncomingMessage, ServerResponse } from 'node:http'
import { Bitfield } from '@evastream/core/bitfield'
import { parsePeerId, parseSongId } from '@evastream/core/ids'
import { loopbackHttp } from '@evastream/testkit/loopback-http'
import { afterEach, describe, expect, it } from 'vitest'
import { TrackerClient } from './tracker-client.ts'

const peerId = parsePeerId('peer-1')
const songId = parseSongId('song-1')
const registration = {
  peerId,
  token: 'token-1',
  bootId: 'boot',
  heartbeatIntervalMs: 10_000,
  expiresAfterMs: 30_000,
  observedHost: '127.0.0.1',
}
const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
})

interface Call {
  readonly path: string
  readonly token: string | undefined
  readonly body: Record<string, unknown>
}

/** A tracker whose answers are given by path; anything unprepared is a 404. */
async function aTrackerThat(answers: Record<string, unknown>) {
  const calls: Call[] = []
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    let text = ''
    for await (const bytes of request) text += bytes
    const path = request.url ?? ''
    calls.push({ path, token: request.headers.authorization?.slice('Bearer '.length), body: text === '' ? {} : JSON.parse(text) })
    const reply = { '/register': registration, ...answers }[path.split('?', 1)[0] ?? '']
    response.writeHead(reply === undefined ? 404 : 200).end(JSON.stringify(reply))
  }
  const server = await loopbackHttp((request, response) => void answer(request, response))
  const client = new TrackerClient({ baseUrl: server.url })
  open.push(client, server)
  return { client, calls }
}

const listed = (peer: object) => ({ songId, chunkCount: 12, peers: [{ peerId: 'peer-2', host: '127.0.0.1', port: 9001, ...peer }] })
const bitmapOf = (length: number, ...chunkIds: number[]) => Buffer.from(Bitfield.of(length, chunkIds).toBytes()).toString('base64')

describe('TrackerClient: speaking for a peer', () => {
  it('once registered: every call carries the peer and its token', async () => {
    const chunks = { songId, chunksHeld: 1 }
    const { client, calls } = await aTrackerThat({
      '/heartbeat': { bootId: 'boot' },
      '/chunk-acquired': chunks,
      '/chunk-released': chunks,
      '/peer-report': { reportedPeerId: 'peer-2' },
      '/deregister': { peerId },
    })
    expect(await client.register({ peerId, port: 9001 })).toEqual(registration)
    expect(await client.heartbeat({ originBytes: 5 })).toEqual({ bootId: 'boot' })
    await client.notifyChunkAcquired(songId, [3])
    await client.notifyChunkReleased(songId, [3])
    await client.reportPeer(parsePeerId('peer-2'), 'EVA_PEER_TIMEOUT')
    await client.deregister()
    expect(calls).toEqual([
      { path: '/register', token: undefined, body: { peerId, port: 9001 } },
      { path: '/heartbeat', token: 'token-1', body: { peerId, originBytes: 5 } },
      { path: '/chunk-acquired', token: 'token-1', body: { peerId, songId, chunkIds: [3] } },
      { path: '/chunk-released', token: 'token-1', body: { peerId, songId, chunkIds: [3] } },
      { path: '/peer-report', token: 'token-1', body: { peerId, reportedPeerId: 'peer-2', reason: 'EVA_PEER_TIMEOUT' } },
      { path: '/deregister', token: 'token-1', body: { peerId } },
    ])
  })

  it('registering again: presents its token, or the one it was given', async () => {
    const { client, calls } = await aTrackerThat({})
    await client.register({ peerId, port: 9001, token: 'kept-on-disk' })
    await client.register({ peerId, port: 9002, host: '10.0.0.1' })
    expect(calls.map(call => call.token)).toEqual(['kept-on-disk', 'token-1'])
    expect(calls[1]?.body).toEqual({ peerId, port: 9002, host: '10.0.0.1' })
  })

  it('before it is registered: the peer is unknown, without asking', async () => {
    const { client, calls } = await aTrackerThat({})
    await expect(client.heartbeat()).rejects.toMatchObject({ code: 'EVA_PEER_UNKNOWN' })
    await expect(client.notifyChunkAcquired(songId, [1])).rejects.toMatchObject({ code: 'EVA_PEER_UNKNOWN' })
    expect(calls).toEqual([])
  })

  it('a registration of somebody else: makes no sense, and its token is not taken', async () => {
    const { client } = await aTrackerThat({ '/register': { ...registration, peerId: 'peer-9' } })
    await expect(client.register({ peerId, port: 9001 })).rejects.toMatchObject({ code: 'EVA_SERVICE_REPLY_INVALID' })
    await expect(client.heartbeat()).rejects.toMatchObject({ code: 'EVA_PEER_UNKNOWN' })
  })

  it('a long announcement: goes out in several calls; an empty one not at all', async () => {
    const { client, calls } = await aTrackerThat({ '/chunk-acquired': { songId, chunksHeld: 1 } })
    await client.register({ peerId, port: 9001 })
    const chunkIds = Array.from({ length: 25_000 }, (_, number) => number)
    await client.notifyChunkAcquired(songId, chunkIds)
    await client.notifyChunkAcquired(songId, [])
    const sent = calls.slice(1).map(call => call.body.chunkIds as number[])
    expect(sent.map(ids => ids.length)).toEqual([10_000, 10_000, 5000])
    expect(sent.flat()).toEqual(chunkIds)
  })
})

describe('TrackerClient: who holds a song', () => {
  it('the question: is for bitmaps, with the limit and the chunk, and without oneself', async () => {
    const { client, calls } = await aTrackerThat({ '/peers': { songId, peers: [] } })
    expect(await client.getPeers(songId)).toEqual([])
    await client.register({ peerId, port: 9001 })
    await client.getPeers(songId, { limit: 5, chunkId: 0 })
    const queries = calls
      .filter(call => call.path.startsWith('/peers'))
      .map(call => Object.fromEntries(new URLSearchParams(call.path.slice(7))))
    expect(queries).toEqual([
      { songId, format: 'bitmap', limit: '30' },
      { songId, format: 'bitmap', limit: '5', chunkId: '0', exclude: 'peer-1' },
    ])
  })

  it('a bitmap, or chunks spelt out by an older tracker: are both understood', async () => {
    const expected = [{ peerId: 'peer-2', host: '127.0.0.1', port: 9001, chunks: [0, 11] }]
    const bitmap = await aTrackerThat({ '/peers': listed({ bitmap: bitmapOf(12, 0, 11) }) })
    expect(await bitmap.client.getPeers(songId)).toEqual(expected)
    const spelt = await aTrackerThat({ '/peers': listed({ chunks: [0, 11] }) })
    expect(await spelt.client.getPeers(songId)).toEqual(expected)
  })

  it.each([
    ['a bitmap that is too short', listed({ bitmap: bitmapOf(4, 0) })],
    ['a bitmap with bits past the end', listed({ bitmap: Buffer.from([0, 0x0f]).toString('base64') })],
    ['a bitmap of no song', { ...listed({ bitmap: bitmapOf(12, 0) }), chunkCount: undefined }],
    ['more chunks than any song has', { ...listed({ bitmap: '' }), chunkCount: 1e15 }],
    ['a peer with a path for a name', listed({ peerId: '../../etc/passwd', chunks: [] })],
    ['a port that is none', listed({ port: 0, chunks: [] })],
    ['a negative chunk', listed({ chunks: [-1] })],
    ['another song', { ...listed({ chunks: [] }), songId: 'song-2' }],
    ['a list that is none', { songId, peers: {} }],
  ])('%s: makes no sense', async (_, reply) => {
    const { client } = await aTrackerThat({ '/peers': reply })
    await expect(client.getPeers(songId)).rejects.toMatchObject({ code: 'EVA_SERVICE_REPLY_INVALID' })
  })
})

describe('TrackerClient: origin leases', () => {
  const grant = { chunkId: 1, leaseId: 'l-1', expiresInMs: 2000, firstBlocks: 4 }
  const wait = { chunkId: 2, reason: 'leased', holder: { peerId: 'peer-2', host: '127.0.0.1', port: 9001 }, retryAfterMs: 100 }

  it('asking and giving back: carry the peer, its pace and its token', async () => {
    const answers = { '/origin-lease': { songId, granted: [grant], waiting: [wait] }, '/origin-lease-returned': { songId, returned: 2 } }
    const { client, calls } = await aTrackerThat(answers)
    await client.register({ peerId, port: 9001 })
    const wanted = { chunkIds: [1, 2], expectedMs: 40.5, backlogMs: 10 }
    expect(await client.requestOriginLeases(songId, wanted)).toEqual({ granted: [grant], waiting: [wait] })
    const leaseIds = Array.from({ length: 70 }, (_, number) => `l-${number}`)
    expect(await client.returnOriginLeases(songId, { leaseIds, reason: 'EVA_CANCELLED' })).toBe(4)
    expect(calls.slice(1)).toEqual([
      { path: '/origin-lease', token: 'token-1', body: { peerId, songId, ...wanted } },
      ...[leaseIds.slice(0, 64), leaseIds.slice(64)].map(ids => ({
        ...{ path: '/origin-lease-returned', token: 'token-1' },
        body: { peerId, songId, leaseIds: ids, reason: 'EVA_CANCELLED' },
      })),
    ])
  })

  it('the budget of copies: is told as the tracker says it', async () => {
    const { client } = await aTrackerThat({ '/origin-lease': { songId, granted: [], waiting: [], originCopies: 2 } })
    await client.register({ peerId, port: 9001 })
    expect((await client.requestOriginLeases(songId, { chunkIds: [1] })).originCopies).toBe(2)
  })

  it('more chunks than a call may ask for: the first 64 are asked for', async () => {
    const { client, calls } = await aTrackerThat({ '/origin-lease': { songId, granted: [], waiting: [] } })
    await client.register({ peerId, port: 9001 })
    await client.requestOriginLeases(songId, { chunkIds: Array.from({ length: 100 }, (_, number) => number) })
    expect(calls[1]?.body.chunkIds).toHaveLength(64)
  })

  it.each([
    ['another song', { songId: 'song-2', granted: [grant], waiting: [] }],
    ['a chunk that was not asked for', { songId, granted: [{ ...grant, chunkId: 3 }], waiting: [] }],
    ['a holder with a path for a name', { songId, granted: [], waiting: [{ ...wait, holder: { ...wait.holder, peerId: '../x' } }] }],
    ['no lease id', { songId, granted: [{ chunkId: 1, expiresInMs: 2000 }], waiting: [] }],
  ])('%s: makes no sense', async (_, reply) => {
    const { client } = await aTrackerThat({ '/origin-lease': reply })
    await client.register({ peerId, port: 9001 })
    await expect(client.requestOriginLeases(songId, { chunkIds: [1, 2] })).rejects.toMatchObject({ code: 'EVA_SERVICE_REPLY_INVALID' })
  })
})

describe('TrackerClient: figures', () => {
  it('stats and swarms: are read and checked', async () => {
    const stats = { bootId: 'b', upMs: 1.5, peers: 1, songs: 2, announcements: 3, originBytes: 4, peerBytes: 5, sentBytes: 6 }
    const swarm = { songId, chunkCount: 2, peers: 1, completePeers: 0, availability: [1, 0] }
    const { client } = await aTrackerThat({ '/stats': stats, '/swarms/song-1': swarm })
    expect(await client.stats()).toEqual(stats)
    expect(await client.swarm(songId)).toEqual(swarm)
  })

  it('members and the largest swarms: are asked for by number', async () => {
    const member = { peerId: 'p', host: '10.0.0.1', port: 1, bitmap: 'gA==', originBytes: 1, peerBytes: 2, sentBytes: 3 }
    const counts = { songId, chunkCount: 2, peers: 1, completePeers: 0 }
    const swarm = { ...counts, availability: [1, 0], members: [member], transfers: [{ chunkId: 0, to: 'p', agoMs: 5 }] }
    const { client, calls } = await aTrackerThat({ '/swarms/song-1': swarm, '/swarms': { swarms: [counts] } })
    expect(await client.swarm(songId, undefined, 7)).toEqual(swarm)
    expect(await client.swarms(3)).toEqual({ swarms: [counts] })
    expect(calls.map(({ path }) => path)).toEqual(['/swarms/song-1?members=7', '/swarms?limit=3'])
  })
})
