import { parseAddressRange } from '@evastream/core/address'
import { Bitfield } from '@evastream/core/bitfield'
import { EvaError } from '@evastream/core/errors'
import type { SongId } from '@evastream/core/ids'
import { seededRandom } from '@evastream/core/random'
import type { PeersReply, Registration } from '@evastream/protocol/tracker-http'
import { createHttpService } from '@evastream/service-kit/http-service'
import { listen } from '@evastream/service-kit/listen'
import { createLogger } from '@evastream/service-kit/logger'
import { fakeClock } from '@evastream/testkit/fake-clock'
import { RecordedLog } from '@evastream/testkit/recorded-log'
import { songFixture } from '@evastream/testkit/song-fixture'
import { Registry } from 'prom-client'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { openHotLane } from './hot-lane.ts'
import { addTrackerRoutes, BODY_LIMIT_BYTES } from './routes.ts'
import { SongDirectory } from './song-directory.ts'
import { measureTracker } from './tracker-metrics.ts'
import { makeTrackerParts } from './tracker-parts.ts'

const HEARTBEAT_MS = 10_000
const EXPIRES_MS = 30_000
const open: { close(): Promise<unknown> }[] = []
afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
})

interface Reply {
  readonly status: number
  readonly headers: Headers
  readonly body: Record<string, unknown>
}

type Send = (path: string, body?: unknown, token?: string) => Promise<Reply>

async function aTracker(limits: { readonly peersMax?: number; readonly songsPerPeerMax?: number } = {}) {
  const clock = fakeClock()
  const state = { isMetadataDown: false, isReachable: true, onLookup: () => {} }
  const metadata = {
    async lookUpSong(songId: SongId) {
      state.onLookup()
      if (state.isMetadataDown) throw new EvaError('EVA_SERVICE_UNREACHABLE')
      if (!songId.startsWith('song')) return { kind: 'missing' as const }
      const fixture = songFixture({ songId, fileSize: songId === 'song-short' ? 1 : 9 * 16_384 + 5, chunkSize: 16_384 })
      return { kind: 'found' as const, manifest: fixture.manifest, version: undefined }
    },
  }
  const { desk, registry, leases, traffic } = makeTrackerParts(
    {
      directory: new SongDirectory({ metadata, clock, log: new RecordedLog() }, { metadataUrl: 'http://metadata' }),
      reachability: { isReachable: async () => state.isReachable },
      clock,
      random: seededRandom(4),
    },
    {
      bootId: 'boot-1',
      heartbeatIntervalMs: HEARTBEAT_MS,
      expiresAfterMs: EXPIRES_MS,
      trustedRanges: [parseAddressRange('10.0.0.0/8')].flatMap(range => range ?? []),
      originCopies: 1,
      peersMax: limits.peersMax ?? 1000,
      songsPerPeerMax: limits.songsPerPeerMax ?? 100,
      holdingsMaxBytes: 1e8,
    },
  )
  const metrics = new Registry()
  const app = await createHttpService(
    { logger: createLogger({ name: 'tracker', level: 'silent' }), registry: metrics, isReady: () => undefined },
    { service: 'tracker', title: 'tracker', version: '0', bodyLimitBytes: BODY_LIMIT_BYTES },
  )
  addTrackerRoutes(app, desk)
  measureTracker(metrics, { registry, leases, traffic, clock })
  openHotLane(app, { desk, clock, metrics })
  const { url } = await listen(app, { host: '127.0.0.1', port: 0, portFlag: '--port' })
  open.push(app)
  const send: Send = async (path, body, token) => {
    const headers = {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    }
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    const reply = await fetch(`${url}${path}`, body === undefined ? { headers } : { method: 'POST', headers, body: text ?? null })
    return { status: reply.status, headers: reply.headers, body: JSON.parse(await reply.text()) as Record<string, unknown> }
  }
  const register = async (peerId: string, port = 9001) => {
    const reply = await send('/register', { peerId, port })
    expect(reply.status).toBe(201)
    return reply.body as unknown as Registration
  }
  const peersOf = async (query: string) => (await send(`/peers?${query}`)).body as unknown as PeersReply
  const namesOf = async (query: string) => (await peersOf(query)).peers.map(peer => peer.peerId).sort()
  return { clock, state, url, send, register, peersOf, namesOf }
}

async function aSwarm(...names: string[]) {
  const tracker = await aTracker()
  const tokens = new Map<string, string>()
  for (const [index, name] of names.entries()) {
    const { token } = await tracker.register(name, 9001 + index)
    tokens.set(name, token)
    expect((await tracker.send('/chunk-acquired', { peerId: name, songId: 'song-1', chunkIds: [0, index + 1] }, token)).status).toBe(200)
  }
  const tokenOf = (name: string) => tokens.get(name) ?? ''
  const beat = (name: string) => tracker.send('/heartbeat', { peerId: name }, tokenOf(name))
  return { ...tracker, tokenOf, beat }
}

describe('POST /register', () => {
  it('a newcomer: is told its token, the times, and the address it was seen at', async () => {
    const { register } = await aTracker()
    expect(await register('peer-1')).toEqual({
      peerId: 'peer-1',
      token: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/),
      bootId: 'boot-1',
      heartbeatIntervalMs: HEARTBEAT_MS,
      expiresAfterMs: EXPIRES_MS,
      observedHost: '127.0.0.1',
    })
  })

  it('a living id: is refused to others, and given again to its token, without what it held', async () => {
    const { send, tokenOf, namesOf } = await aSwarm('peer-1')
    for (const token of [undefined, 'x'.repeat(43)]) {
      const refused = await send('/register', { peerId: 'peer-1', port: 9009 }, token)
      expect(refused).toMatchObject({ status: 409, body: { code: 'EVA_PEER_ID_TAKEN' } })
    }
    const again = await send('/register', { peerId: 'peer-1', port: 9009 }, tokenOf('peer-1'))
    expect(again).toMatchObject({ status: 201, body: { token: tokenOf('peer-1') } })
    expect(await namesOf('songId=song-1')).toEqual([])
  })

  it('an expired id: is free again', async () => {
    const { clock, register, send, tokenOf } = await aSwarm('peer-1')
    clock.advance(EXPIRES_MS)
    await register('peer-1', 9010)
    expect((await send('/heartbeat', { peerId: 'peer-1' }, tokenOf('peer-1'))).body.code).toBe('EVA_TOKEN_REJECTED')
  })

  it('a token presented for an unknown id: goes on being its token when it looks like one, else a new one is made', async () => {
    const { send } = await aTracker()
    const token = `${'Ab3_-'.repeat(8)}xyz`
    expect((await send('/register', { peerId: 'peer-1', port: 1 }, token)).body.token).toBe(token)
    expect((await send('/register', { peerId: 'peer-2', port: 1 }, 'hunter2')).body.token).toMatch(/^[A-Za-z0-9_-]{43}$/)
  })

  it('a claimed host: counts from loopback, but only as a canonical address', async () => {
    const { send, peersOf } = await aTracker()
    const { body } = await send('/register', { peerId: 'peer-1', port: 9001, host: '10.1.2.3' })
    await send('/chunk-acquired', { peerId: 'peer-1', songId: 'song-1', chunkId: 0 }, String(body.token))
    expect((await peersOf('songId=song-1')).peers).toEqual([{ peerId: 'peer-1', host: '10.1.2.3', port: 9001, chunks: [0] }])
    for (const host of ['evil.example', '127.1', '169.254.169.254'])
      expect(await send('/register', { peerId: 'peer-2', port: 9001, host })).toMatchObject({
        status: 422,
        body: { code: 'EVA_HOST_NOT_ALLOWED' },
      })
  })

  it('a full tracker: sends newcomers away for a while and keeps the living', async () => {
    const { register, send } = await aTracker({ peersMax: 1 })
    const { token } = await register('peer-1')
    const refused = await send('/register', { peerId: 'peer-2', port: 9002 })
    expect(refused).toMatchObject({ status: 429, body: { code: 'EVA_LIMIT_REACHED' } })
    expect(refused.headers.get('retry-after')).toBe('30')
    expect((await send('/heartbeat', { peerId: 'peer-1' }, token)).status).toBe(200)
  })
})

describe('calls that speak for a peer', () => {
  const calls = [
    ['/heartbeat', { peerId: 'peer-1' }],
    ['/deregister', { peerId: 'peer-1' }],
    ['/chunk-acquired', { peerId: 'peer-1', songId: 'song-1', chunkId: 0 }],
    ['/chunk-released', { peerId: 'peer-1', songId: 'song-1', chunkIds: [0] }],
    ['/peer-report', { peerId: 'peer-1', reportedPeerId: 'peer-2', reason: 'EVA_PEER_TIMEOUT' }],
    ['/origin-lease', { peerId: 'peer-1', songId: 'song-1', chunkId: 5 }],
    ['/origin-lease-returned', { peerId: 'peer-1', songId: 'song-1', leaseIds: ['l-1'], reason: 'EVA_CANCELLED' }],
  ] as const

  it.each(calls)('%s: unknown peers are told so, without a token it is required, a wrong one is rejected', async (path, body) => {
    const { register, send } = await aTracker()
    expect(await send(path, body, 'a-token')).toMatchObject({ status: 404, body: { code: 'EVA_PEER_UNKNOWN' } })
    await register('peer-1')
    const other = await register('peer-2')
    expect(await send(path, body)).toMatchObject({ status: 401, body: { code: 'EVA_TOKEN_REQUIRED' } })
    expect(await send(path, body, other.token)).toMatchObject({ status: 403, body: { code: 'EVA_TOKEN_REJECTED' } })
  })

  it.each(calls.filter(([path]) => path !== '/deregister'))('%s: counts as a sign of life', async (path, body) => {
    const { clock, send, beat, tokenOf } = await aSwarm('peer-1')
    clock.advance(EXPIRES_MS - 1)
    expect((await send(path, body, tokenOf('peer-1'))).status).toBeLessThan(300)
    clock.advance(EXPIRES_MS - 1)
    expect((await beat('peer-1')).status).toBe(200)
  })

  it('/deregister: the peer and its chunks are gone at once', async () => {
    const { send, tokenOf, namesOf, beat } = await aSwarm('peer-1', 'peer-2')
    expect(await send('/deregister', { peerId: 'peer-1' }, tokenOf('peer-1'))).toMatchObject({ status: 200, body: { peerId: 'peer-1' } })
    expect(await namesOf('songId=song-1')).toEqual(['peer-2'])
    expect((await beat('peer-1')).body.code).toBe('EVA_PEER_UNKNOWN')
  })

  it('/heartbeat: tells which life of the tracker this is', async () => {
    const { beat } = await aSwarm('peer-1')
    expect((await beat('peer-1')).body).toEqual({ bootId: 'boot-1' })
  })
})

describe('POST /chunk-acquired and /chunk-released', () => {
  it('one chunk, several, and the same again: are held, once each', async () => {
    const { send, register, peersOf } = await aTracker()
    const { token } = await register('peer-1')
    const acquire = (chunks: object) => send('/chunk-acquired', { peerId: 'peer-1', songId: 'song-1', ...chunks }, token)
    expect((await acquire({ chunkId: 3 })).body).toEqual({ songId: 'song-1', chunksHeld: 1 })
    expect((await acquire({ chunkIds: [3, 9, 3, 0] })).body).toEqual({ songId: 'song-1', chunksHeld: 3 })
    const { body } = await send('/chunk-released', { peerId: 'peer-1', songId: 'song-1', chunkIds: [9, 8] }, token)
    expect(body).toEqual({ songId: 'song-1', chunksHeld: 2 })
    expect((await peersOf('songId=song-1')).peers[0]?.chunks).toEqual([0, 3])
    expect((await send('/swarms/song-1')).body).toEqual({
      songId: 'song-1',
      chunkCount: 10,
      peers: 1,
      completePeers: 0,
      availability: [1, 0, 0, 1, 0, 0, 0, 0, 0, 0],
      leasedChunks: [],
    })
  })

  it('both forms, or neither: refused', async () => {
    const { send, register } = await aTracker()
    const { token } = await register('peer-1')
    for (const chunks of [{}, { chunkId: 0, chunkIds: [1] }])
      expect(await send('/chunk-acquired', { peerId: 'peer-1', songId: 'song-1', ...chunks }, token)).toMatchObject({ status: 400 })
  })

  it('a chunk past the end, alone or among others: 422, and nothing is noted', async () => {
    const { send, register, namesOf } = await aTracker()
    const { token } = await register('peer-1')
    for (const chunks of [{ chunkId: 10 }, { chunkIds: [0, 10] }]) {
      const reply = await send('/chunk-acquired', { peerId: 'peer-1', songId: 'song-1', ...chunks }, token)
      expect(reply).toMatchObject({ status: 422, body: { code: 'EVA_CHUNK_OUT_OF_RANGE', chunkCount: 10 } })
    }
    expect(await namesOf('songId=song-1')).toEqual([])
  })

  it('a song that is not published: 404; metadata down: 503 with a pause for unknown songs, known ones go on', async () => {
    const { send, state, tokenOf } = await aSwarm('peer-1')
    const acquire = (songId: string) => send('/chunk-acquired', { peerId: 'peer-1', songId, chunkId: 0 }, tokenOf('peer-1'))
    expect(await acquire('unheard')).toMatchObject({ status: 404, body: { code: 'EVA_SONG_NOT_FOUND' } })
    state.isMetadataDown = true
    const refused = await acquire('song-2')
    expect(refused).toMatchObject({ status: 503, body: { code: 'EVA_NOT_READY' } })
    expect(refused.headers.get('retry-after')).toBe('2')
    expect((await acquire('song-1')).status).toBe(200)
  })

  it('a peer that expires while the metadata service is asked: is unknown, and no ghost holds the chunk', async () => {
    const { clock, send, state, tokenOf, namesOf } = await aSwarm('peer-1')
    state.onLookup = () => clock.advance(EXPIRES_MS)
    const reply = await send('/chunk-acquired', { peerId: 'peer-1', songId: 'song-2', chunkId: 0 }, tokenOf('peer-1'))
    expect(reply.body.code).toBe('EVA_PEER_UNKNOWN')
    expect(await namesOf('songId=song-2')).toEqual([])
  })

  it('more songs than a peer may hold: 429', async () => {
    const { send, register } = await aTracker({ songsPerPeerMax: 1 })
    const { token } = await register('peer-1')
    const acquire = (songId: string) => send('/chunk-acquired', { peerId: 'peer-1', songId, chunkId: 0 }, token)
    expect((await acquire('song-1')).status).toBe(200)
    expect(await acquire('song-2')).toMatchObject({ status: 429, body: { code: 'EVA_LIMIT_REACHED' } })
  })
})

describe('GET /peers', () => {
  it('a song nobody holds, or that never was: no peers', async () => {
    const { send } = await aTracker()
    expect(await send('/peers?songId=unheard')).toMatchObject({ status: 200, body: { songId: 'unheard', peers: [] } })
  })

  it('holders: are named with their addresses and chunks; limit, chunkId and exclude narrow them', async () => {
    const { peersOf, namesOf } = await aSwarm('peer-1', 'peer-2', 'peer-3')
    expect(await peersOf('songId=song-1&chunkId=2')).toEqual({
      songId: 'song-1',
      chunkCount: 10,
      peers: [{ peerId: 'peer-2', host: '127.0.0.1', port: 9002, chunks: [0, 2] }],
    })
    expect(await namesOf('songId=song-1')).toEqual(['peer-1', 'peer-2', 'peer-3'])
    expect(await namesOf('songId=song-1&exclude=peer-2')).toEqual(['peer-1', 'peer-3'])
    expect(await namesOf('songId=song-1&limit=2')).toHaveLength(2)
    expect(await namesOf('songId=song-1&chunkId=7')).toEqual([])
  })

  it('who asks for leases of the song: is named after its holders, and before there are any, without chunks', async () => {
    const { send, register, peersOf, namesOf } = await aTracker()
    for (const [index, peerId] of ['peer-1', 'peer-2', 'peer-3'].entries()) {
      const { token } = await register(peerId, 9001 + index)
      await send('/origin-lease', { peerId, songId: 'song-1', chunkIds: [0] }, token)
      if (index === 1) expect(await peersOf('songId=song-1&exclude=peer-2')).toMatchObject({ peers: [{ peerId: 'peer-1', chunks: [] }] })
      if (index === 2) await send('/chunk-acquired', { peerId, songId: 'song-1', chunkId: 0 }, token)
    }
    expect(await namesOf('songId=song-1&format=bitmap')).toEqual(['peer-1', 'peer-2', 'peer-3'])
    expect(await namesOf('songId=song-1&limit=1')).toEqual(['peer-3'])
    expect(await namesOf('songId=song-1&chunkId=0')).toEqual(['peer-3'])
  })

  it('format=bitmap: the same, as bitmaps', async () => {
    const { peersOf } = await aSwarm('peer-1')
    const { chunkCount = 0, peers } = await peersOf('songId=song-1&format=bitmap')
    expect(peers[0]).not.toHaveProperty('chunks')
    expect([...Bitfield.fromBytes(Buffer.from(peers[0]?.bitmap ?? '', 'base64'), chunkCount).members()]).toEqual([0, 1])
  })

  it('more than thirty holders: thirty are named unless asked otherwise, not always the same', async () => {
    const names = Array.from({ length: 40 }, (_, number) => `peer-${number}`)
    const { namesOf } = await aSwarm(...names.slice(0, 9))
    expect(await namesOf('songId=song-1')).toHaveLength(9)
    const crowd = await aTracker()
    for (const name of names) {
      const { token } = await crowd.register(name)
      await crowd.send('/chunk-acquired', { peerId: name, songId: 'song-short', chunkId: 0 }, token)
    }
    const first = await crowd.namesOf('songId=song-short')
    const second = await crowd.namesOf('songId=song-short')
    expect([first.length, second.length]).toEqual([30, 30])
    expect(first).not.toEqual(second)
    expect(await crowd.namesOf('songId=song-short&limit=200')).toHaveLength(40)
  })

  it('an expired peer: is named no longer from its last moment on, without a sweep', async () => {
    const { clock, beat, namesOf } = await aSwarm('peer-1', 'peer-2')
    clock.advance(EXPIRES_MS - 1)
    expect(await namesOf('songId=song-1')).toEqual(['peer-1', 'peer-2'])
    await beat('peer-2')
    clock.advance(1)
    expect(await namesOf('songId=song-1')).toEqual(['peer-2'])
  })

  it('a peer that two others report dead: is not named until it gives a sign of life', async () => {
    const { send, tokenOf, namesOf, beat } = await aSwarm('peer-1', 'peer-2', 'peer-3')
    const report = (peerId: string) =>
      send('/peer-report', { peerId, reportedPeerId: 'peer-1', reason: 'EVA_PEER_UNREACHABLE' }, tokenOf(peerId))
    expect(await report('peer-2')).toMatchObject({ status: 202, body: { reportedPeerId: 'peer-1' } })
    expect(await namesOf('songId=song-1')).toEqual(['peer-1', 'peer-2', 'peer-3'])
    await report('peer-3')
    expect(await namesOf('songId=song-1')).toEqual(['peer-2', 'peer-3'])
    await beat('peer-1')
    expect(await namesOf('songId=song-1')).toEqual(['peer-1', 'peer-2', 'peer-3'])
  })

  it('a peer that is reported once and late: is not named; a restarted one is, and its reporters are still heard', async () => {
    const { clock, send, tokenOf, namesOf, beat } = await aSwarm('peer-1', 'peer-2')
    const report = () => send('/peer-report', { peerId: 'peer-2', reportedPeerId: 'peer-1', reason: 'gone' }, tokenOf('peer-2'))
    clock.advance(HEARTBEAT_MS)
    await beat('peer-2')
    await report()
    clock.advance(HEARTBEAT_MS)
    expect(await namesOf('songId=song-1')).toEqual(['peer-2'])
    await send('/register', { peerId: 'peer-1', port: 9001 }, tokenOf('peer-1'))
    await send('/chunk-acquired', { peerId: 'peer-1', songId: 'song-1', chunkId: 0 }, tokenOf('peer-1'))
    expect(await namesOf('songId=song-1')).toEqual(['peer-1', 'peer-2'])
    await report()
    clock.advance(2 * HEARTBEAT_MS)
    await beat('peer-2')
    expect(await namesOf('songId=song-1')).toEqual(['peer-2'])
  })
})

describe('POST /origin-lease and /origin-lease-returned', () => {
  const ask = (peerId: string, chunks: object) => ({ peerId, songId: 'song-1', ...chunks })

  it('a chunk nobody holds: is granted to the first who asks, and the others learn whom to take it from', async () => {
    const { send, tokenOf } = await aSwarm('peer-1', 'peer-2')
    const first = await send('/origin-lease', ask('peer-1', { chunkIds: [5, 6] }), tokenOf('peer-1'))
    const leaseId = expect.stringMatching(/^boot-1-/)
    const granted = [5, 6].map(chunkId => ({ chunkId, leaseId, expiresInMs: 2000 }))
    expect(first).toMatchObject({ status: 200, body: { songId: 'song-1', granted, waiting: [] } })
    const second = await send('/origin-lease', ask('peer-2', { chunkIds: [5, 0] }), tokenOf('peer-2'))
    const holder = { peerId: 'peer-1', host: '127.0.0.1', port: 9001 }
    expect(second.body).toEqual({
      songId: 'song-1',
      granted: [],
      waiting: [
        { chunkId: 5, reason: 'leased', holder, retryAfterMs: 1000 },
        { chunkId: 0, reason: 'held', holder, retryAfterMs: 1000 },
      ],
    })
    expect((await send('/swarms/song-1')).body.leasedChunks).toEqual([5, 6])
  })

  it('a lease whose holder dies by report, leaves, begins anew or gives it back: is the next one’s at once', async () => {
    const names = ['peer-1', 'peer-2', 'peer-3'] as const
    for (const end of ['report', 'leave', 'anew', 'back'] as const) {
      const { send, tokenOf } = await aSwarm(...names)
      const call = (path: string, name: string, body: object) => send(path, { peerId: name, ...body }, tokenOf(name))
      const { body } = await call('/origin-lease', 'peer-1', { songId: 'song-1', chunkId: 5 })
      const leaseIds = (body.granted as { leaseId: string }[]).map(lease => lease.leaseId)
      if (end === 'leave') await call('/deregister', 'peer-1', {})
      if (end === 'anew') await send('/register', { peerId: 'peer-1', port: 9001 }, tokenOf('peer-1'))
      if (end === 'report')
        for (const name of ['peer-2', 'peer-3']) await call('/peer-report', name, { reportedPeerId: 'peer-1', reason: 'x' })
      if (end === 'back') {
        expect((await call('/origin-lease-returned', 'peer-2', { songId: 'song-1', leaseIds })).body.returned).toBe(0)
        expect((await call('/origin-lease-returned', 'peer-1', { songId: 'song-1', leaseIds })).body.returned).toBe(1)
      }
      const next = await call('/origin-lease', 'peer-2', { songId: 'song-1', chunkId: 5 })
      expect(next.body.granted).toMatchObject([{ chunkId: 5 }])
    }
  })

  it('a chunk past the end: 422; an unknown song: 404', async () => {
    const { send, tokenOf } = await aSwarm('peer-1')
    const past = await send('/origin-lease', ask('peer-1', { chunkIds: [0, 10] }), tokenOf('peer-1'))
    expect(past).toMatchObject({ status: 422, body: { code: 'EVA_CHUNK_OUT_OF_RANGE', chunkId: 10 } })
    const unheard = await send('/origin-lease', { peerId: 'peer-1', songId: 'unheard', chunkId: 0 }, tokenOf('peer-1'))
    expect(unheard).toMatchObject({ status: 404, body: { code: 'EVA_SONG_NOT_FOUND' } })
  })

  it('what became of leases, and deadline overrides: are counted', async () => {
    const { clock, send, url, tokenOf } = await aSwarm('peer-1', 'peer-2')
    await send('/origin-lease', ask('peer-1', { chunkIds: [5, 6] }), tokenOf('peer-1'))
    await send('/chunk-acquired', ask('peer-1', { chunkId: 5 }), tokenOf('peer-1'))
    await send('/origin-lease', ask('peer-2', { chunkIds: [5, 6] }), tokenOf('peer-2'))
    clock.advance(2000)
    await send('/heartbeat', { peerId: 'peer-2', overrides: 3 }, tokenOf('peer-2'))
    expect((await send('/stats')).body.leases).toEqual({
      ...{ live: 0, granted: 2, completed: 1, returned: 0, expired: 1, failed: 0, overrides: 3 },
    })
    const figures = await (await fetch(`${url}/metrics`)).text()
    const counted = Object.entries({ granted: 2, completed: 1, expired: 1, held: 1, leased: 1, override: 3 })
    for (const [result, count] of counted) expect(figures).toContain(`evastream_tracker_leases_total{result="${result}"} ${count}\n`)
  })
})

describe('POST /peer-report', () => {
  it('one report of a peer that the tracker cannot reach either: it is handed out no more, until it gives a sign of life', async () => {
    const { state, send, tokenOf, namesOf, beat } = await aSwarm('peer-1', 'peer-2')
    const report = () =>
      send('/peer-report', { peerId: 'peer-2', reportedPeerId: 'peer-1', reason: 'EVA_PEER_UNREACHABLE' }, tokenOf('peer-2'))
    await report()
    expect(await namesOf('songId=song-1')).toEqual(['peer-1', 'peer-2'])
    state.isReachable = false
    await report()
    expect(await namesOf('songId=song-1')).toEqual(['peer-2'])
    await beat('peer-1')
    expect(await namesOf('songId=song-1')).toEqual(['peer-1', 'peer-2'])
  })
})

describe('GET /stats, /swarms and /metrics', () => {
  it('counts: peers, songs, announcements and the traffic that peers told', async () => {
    const { clock, send, tokenOf } = await aSwarm('peer-1', 'peer-2')
    await send(
      '/heartbeat',
      { peerId: 'peer-1', originBytes: 1000, peerBytes: 5, sentBytes: 7, uplinkBytesPerSecond: 1 },
      tokenOf('peer-1'),
    )
    await send('/heartbeat', { peerId: 'peer-1', originBytes: 1500 }, tokenOf('peer-1'))
    clock.advance(1500)
    expect((await send('/stats')).body).toEqual({
      bootId: 'boot-1',
      upMs: 1500,
      peers: 2,
      songs: 1,
      announcements: 4,
      originBytes: 1500,
      peerBytes: 5,
      sentBytes: 7,
      leases: { live: 0, granted: 0, completed: 0, returned: 0, expired: 0, failed: 0, overrides: 0 },
    })
  })

  it('a swarm: tells how often each chunk is held, and nobody by name', async () => {
    const { send } = await aSwarm('peer-1', 'peer-2')
    const reply = await send('/swarms/song-1')
    expect(reply.body.availability).toEqual([2, 1, 1, 0, 0, 0, 0, 0, 0, 0])
    expect(JSON.stringify(reply.body)).not.toMatch(/peer-|127/)
    expect(await send('/swarms/unheard')).toMatchObject({ status: 404, body: { code: 'EVA_SONG_NOT_FOUND' } })
  })

  it('/metrics: counts the living, and times the calls', async () => {
    const { clock, url } = await aSwarm('peer-1', 'peer-2')
    const figures = async () => (await fetch(`${url}/metrics`)).text()
    expect(await figures()).toMatch(/^evastream_tracker_peers 2$/m)
    expect(await figures()).toMatch(/^evastream_tracker_songs 1$/m)
    expect(await figures()).toMatch(/http_request_duration_seconds_count\{[^}]*route="\/chunk-acquired"[^}]*\} 2/)
    clock.advance(EXPIRES_MS)
    expect(await figures()).toMatch(/^evastream_tracker_peers 0$/m)
  })
})

describe('hostile requests', () => {
  // One tracker for all of them: none may leave a trace.
  let tracker: Awaited<ReturnType<typeof aTracker>>
  let token = ''
  beforeAll(async () => {
    tracker = await aTracker()
    token = (await tracker.register('peer-1')).token
    const app = open.pop()
    return () => app?.close()
  })

  const bodies: readonly (readonly [string, string])[] = [
    ['/register', '{"peerId":"../../etc/passwd","port":1}'],
    ['/register', '{"peerId":"peer 1","port":1}'],
    ['/register', '{"peerId":"","port":1}'],
    ['/register', '{"peerId":["peer-1"],"port":1}'],
    ['/register', '{"peerId":"peer-1","port":"9001"}'],
    ['/register', '{"peerId":"peer-1","port":0}'],
    ['/register', '{"peerId":"peer-1","port":65536}'],
    ['/register', '{"peerId":"peer-1","port":1e308}'],
    ['/register', '{"peerId":"peer-1","port":9001.5}'],
    ['/register', '{"peerId":"peer-1","port":9001,"admin":true}'],
    ['/register', '{"peerId":"peer-1","port":9001,"__proto__":{"admin":true}}'],
    ['/register', '{"peerId":"peer-1","port":9001,"constructor":{"prototype":{"admin":true}}}'],
    ['/register', `{"peerId":"${'x'.repeat(5000)}","port":9001}`],
    ['/register', '[]'],
    ['/register', 'null'],
    ['/register', '{'],
    ['/register', ''],
    ['/heartbeat', '{"peerId":"peer-1","originBytes":-1}'],
    ['/heartbeat', '{"peerId":"peer-1","originBytes":1e308}'],
    ['/heartbeat', '{"peerId":"peer-1","sentBytes":"12"}'],
    ['/chunk-acquired', '{"peerId":"peer-1","songId":"song-1","chunkId":-1}'],
    ['/chunk-acquired', '{"peerId":"peer-1","songId":"song-1","chunkId":"0"}'],
    ['/chunk-acquired', '{"peerId":"peer-1","songId":"song-1","chunkId":1e308}'],
    ['/chunk-acquired', '{"peerId":"peer-1","songId":"song-1","chunkIds":[]}'],
    ['/chunk-acquired', '{"peerId":"peer-1","songId":"song-1","chunkIds":[0,null]}'],
    ['/chunk-acquired', '{"peerId":"peer-1","songId":"..","chunkId":0}'],
    ['/chunk-acquired', `{"peerId":"peer-1","songId":"song-1","chunkIds":[${'1,'.repeat(10_000)}1]}`],
    ['/chunk-released', '{"peerId":"peer-1","songId":"song-1","chunkId":1}'],
    ['/heartbeat', '{"peerId":"peer-1","overrides":-1}'],
    ['/origin-lease', '{"peerId":"peer-1","songId":"song-1"}'],
    ['/origin-lease', '{"peerId":"peer-1","songId":"song-1","chunkId":0,"chunkIds":[1]}'],
    ['/origin-lease', '{"peerId":"peer-1","songId":"song-1","chunkId":-1}'],
    ['/origin-lease', '{"peerId":"peer-1","songId":"song-1","chunkId":0.5}'],
    ['/origin-lease', '{"peerId":"peer-1","songId":"song-1","chunkIds":[]}'],
    ['/origin-lease', `{"peerId":"peer-1","songId":"song-1","chunkIds":[${'1,'.repeat(64)}1]}`],
    ['/origin-lease', '{"peerId":"peer-1","songId":"song-1","chunkId":0,"expectedMs":60001}'],
    ['/origin-lease', '{"peerId":"peer-1","songId":"song-1","chunkId":0,"backlogMs":-1}'],
    ['/origin-lease', '{"peerId":"peer-1","songId":"song-1","chunkId":0,"backlogMs":"0"}'],
    ['/origin-lease', '{"peerId":"peer-1","songId":"../..","chunkId":0}'],
    ['/origin-lease-returned', '{"peerId":"peer-1","songId":"song-1","leaseIds":[]}'],
    ['/origin-lease-returned', '{"peerId":"peer-1","songId":"song-1","leaseIds":["../x"]}'],
    ['/origin-lease-returned', '{"peerId":"peer-1","songId":"song-1","leaseIds":["l-1"],"reason":"\\u001b[2J"}'],
    ['/peer-report', '{"peerId":"peer-1","reportedPeerId":"%2e%2e","reason":"x"}'],
    ['/peer-report', '{"peerId":"peer-1","reportedPeerId":"peer-2","reason":"\\u001b[2J"}'],
  ]

  it.each(bodies.map(([path, body]) => [path, body.slice(0, 90), body] as const))(
    'POST %s with %s: a clear 4xx, and the tracker goes on',
    async (path, _, body) => {
      const { send } = tracker
      const reply = await send(path, body, token)
      expect(reply.status).toBe(400)
      expect(reply.headers.get('content-type')).toContain('application/problem+json')
      expect(reply.body.code).toMatch(/^EVA_/)
      expect((await send('/heartbeat', { peerId: 'peer-1' }, token)).status).toBe(200)
      expect((await send('/stats')).body).toMatchObject({ peers: 1, songs: 0, originBytes: 0 })
      expect({}).not.toHaveProperty('admin')
    },
  )

  it.each([
    ['songId=..%2F..%2Fetc%2Fpasswd', 'EVA_SONG_ID_INVALID'],
    ['', 'EVA_REQUEST_INVALID'],
    ['songId=song-1&limit=0', 'EVA_REQUEST_INVALID'],
    ['songId=song-1&limit=201', 'EVA_REQUEST_INVALID'],
    ['songId=song-1&limit=many', 'EVA_REQUEST_INVALID'],
    ['songId=song-1&chunkId=-1', 'EVA_CHUNK_ID_INVALID'],
    ['songId=song-1&format=xml', 'EVA_REQUEST_INVALID'],
    ['songId=song-1&songId=song-2', 'EVA_REQUEST_INVALID'],
    ['songId=song-1&colour=red', 'EVA_REQUEST_INVALID'],
    ['songId=song-1&exclude=..', 'EVA_REQUEST_INVALID'],
  ])('GET /peers?%s: %s', async (query, code) => {
    const { send } = tracker
    expect(await send(`/peers?${query}`)).toMatchObject({ status: 400, body: { code } })
  })

  it('GET /swarms with a path for an id: refused', async () => {
    const { send } = tracker
    expect((await send('/swarms/..%2F..%2Fetc%2Fpasswd')).body.code).toBe('EVA_SONG_ID_INVALID')
  })

  it('a body larger than any announcement: 413', async () => {
    const { send } = tracker
    const reply = await send('/register', { peerId: 'peer-1', port: 9001, host: 'x'.repeat(BODY_LIMIT_BYTES) })
    expect(reply).toMatchObject({ status: 413, body: { code: 'EVA_REQUEST_TOO_LARGE' } })
  })

  it('the longest announcement there may be: fits', async () => {
    const { send, register } = await aTracker()
    const peerId = 'p'.repeat(128)
    const { token } = await register(peerId)
    const chunkIds = Array.from({ length: 10_000 }, (_, number) => 4_000_000 + number)
    const reply = await send('/chunk-acquired', { peerId, songId: `song-${'s'.repeat(123)}`, chunkIds }, token)
    expect(reply).toMatchObject({ status: 422, body: { code: 'EVA_CHUNK_OUT_OF_RANGE' } })
  })
})
