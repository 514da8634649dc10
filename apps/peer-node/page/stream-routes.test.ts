// The audio route as players meet it: ranges, tags, songs that are still arriving, players that leave; through real sockets.
// Not real players: tests/players.test.ts has those.

import { connect, type Socket } from 'node:net'
import { EvaError } from '@evastream/core/errors'
import type { SongId } from '@evastream/core/ids'
import type { Manifest } from '@evastream/core/manifest'
import { MIB } from '@evastream/core/units'
import type { HttpApp } from '@evastream/service-kit/http-app'
import { createHttpService } from '@evastream/service-kit/http-service'
import { createLogger } from '@evastream/service-kit/logger'
import { eventually as eventuallyNamed } from '@evastream/testkit/eventually'
import { type FakeClock, fakeClock } from '@evastream/testkit/fake-clock'
import { MemoryChunkStore } from '@evastream/testkit/memory-chunk-store'
import { RecordedLog } from '@evastream/testkit/recorded-log'
import { songFixture } from '@evastream/testkit/song-fixture'
import { Registry } from 'prom-client'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { SongFinder } from '../library/song-finder.ts'
import { PlayLog } from '../playback/play-log.ts'
import { PlaybackDesk, READERS_MAX } from '../playback/playback-desk.ts'
import { VerifiedAudio } from '../playback/verified-audio.ts'
import { addPlayerRoutes } from '../player-routes.ts'
import { addStreamRoutes } from './stream-routes.ts'

const song = songFixture({ songId: 'my.song', fileSize: 300_000, mimeType: 'audio/mpeg', title: 'T', artist: 'A' })
const bare = songFixture({ songId: 'bare', fileSize: 20, seed: 2 })
const large = songFixture({ songId: 'large', fileSize: 24 * MIB, chunkSize: MIB, seed: 3 })
const RADIO = 'https://radio.example'

let store: MemoryChunkStore
let manifests: Map<string, Manifest>
let metadataFault: EvaError | undefined
let clock: FakeClock
let audio: VerifiedAudio
let playback: PlaybackDesk
let readBytes: number
/** What the Scheduler is told, as `moved reader-1 0` or `stopped reader-1`. */
let told: string[]
let app: HttpApp
let url: string
const sockets = new Set<Socket>()

beforeEach(async () => {
  store = new MemoryChunkStore()
  manifests = new Map([song, bare, large].map(({ manifest }) => [manifest.id, manifest]))
  metadataFault = undefined
  clock = fakeClock(0)
  readBytes = 0
  told = []
  for (const { manifest } of [song, bare, large]) await store.openSong(manifest)
  await hold(song)
  await hold(bare)
  const readRange = async (songId: SongId, offsetBytes: number, lengthBytes: number) => {
    readBytes += lengthBytes
    return store.readRange(songId, offsetBytes, lengthBytes)
  }
  audio = new VerifiedAudio({
    store: { hasChunk: (songId, chunkId) => store.hasChunk(songId, chunkId), readRange },
    arriving: { verifiedBytes: () => new Uint8Array(0) },
  })
  const plays = new PlayLog({ clock, timers: clock, registry: new Registry(), playStarted: () => {}, playEnded: () => {} })
  const coordinator = {
    playbackMoved: (_songId: SongId, readerId: string, positionBytes: number) => void told.push(`moved ${readerId} ${positionBytes}`),
    readingAhead: (_songId: SongId, readerId: string, positionBytes: number) => void told.push(`ahead ${readerId} ${positionBytes}`),
    playbackStopped: (_songId: SongId, readerId: string) => void told.push(`stopped ${readerId}`),
  }
  playback = new PlaybackDesk({ audio, coordinator, plays, clock, timers: clock, log: new RecordedLog() })
  const library = {
    manifestOf: (songId: SongId) => (metadataFault === undefined ? manifests.get(songId) : undefined),
    openSong: async (songId: SongId): Promise<Manifest> => {
      const manifest = manifests.get(songId)
      if (metadataFault === undefined && manifest !== undefined) return manifest
      throw metadataFault ?? new EvaError('EVA_SONG_NOT_FOUND', { details: { songId } })
    },
  }
  const logger = createLogger({ name: 'peer', level: 'silent' })
  app = await createHttpService(
    { logger, registry: new Registry(), isReady: () => undefined },
    { service: 'peer', title: 'p', version: '1' },
  )
  const options = { allowedOrigins: [RADIO] }
  const songs = { download: async () => {}, list: () => [], statusOf: () => undefined, pin: async () => {}, isPinned: () => false }
  const status = () => ({
    peerId: 'p',
    uploadPort: 9,
    httpPort: 8,
    sharing: 'on' as const,
    peers: { downloadingFrom: 0, uploadingTo: 0 },
    cache: { usedBytes: 0, limitBytes: 0 },
    limits: { uploadBytesPerSecond: 0, downloadBytesPerSecond: 0 },
    playing: { songIds: [] },
    songs: [],
    received: { originBytes: 0, peerBytes: 0 },
    sentBytes: 0,
    wastedBytes: 0,
  })
  addPlayerRoutes(app, { library: { ...library, ...songs }, playback, status }, options)
  const cache = { read: async () => undefined }
  const getSong = async (songId: SongId) => ({ manifest: await library.openSong(songId), blockHashes: undefined })
  const finder = new SongFinder({ library, cache, metadata: { getManifest: library.openSong, getSong }, clock })
  addStreamRoutes(app, { library, finder, playback, clock, timers: clock }, options)
  url = await app.listen({ host: '127.0.0.1', port: 0 })
})

afterEach(async () => {
  for (const socket of sockets) socket.destroy()
  sockets.clear()
  await app.close()
})

async function hold({ manifest, chunkBytes }: typeof song, chunkIds = manifest.chunks.map(({ chunkId }) => chunkId)): Promise<void> {
  for (const chunkId of chunkIds) await store.saveChunk(manifest.id, chunkId, chunkBytes(chunkId))
}

function get(path: string, headers: Record<string, string> = {}, method: 'GET' | 'HEAD' | 'OPTIONS' = 'GET') {
  return app.inject({ method, url: path, headers: { host: '127.0.0.1:8090', ...headers } })
}

const eventually = (attempt: () => void) =>
  eventuallyNamed('what the route does', () => {
    attempt()
    return true
  })

/** A player's connection, written by hand. */
async function dial(request: string): Promise<Socket> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  sockets.add(socket)
  await new Promise<void>(resolve => socket.once('connect', resolve))
  socket.write(request)
  return socket
}

const request = (path: string, lines = '') => `GET ${path} HTTP/1.1\r\nHost: ${new URL(url).host}\r\n${lines}\r\n`

describe('stream route', () => {
  it.each(['/stream/my.song', '/stream/my.song.mp3', '/stream/my.song.FLAC', '/stream/my.song/my.song.mp3', '/stream/my.song/any%2fname'])(
    '%s: the whole song, with its type, length and tag',
    async url => {
      const reply = await get(url)
      expect(reply.statusCode).toBe(200)
      expect(reply.headers).toMatchObject({ 'content-type': 'audio/mpeg', 'content-length': '300000', 'accept-ranges': 'bytes' })
      expect(reply.headers).not.toHaveProperty('content-range')
      expect(reply.headers.etag).toMatch(/^"[0-9a-f]{32}"$/)
      expect(Buffer.compare(reply.rawPayload, song.bytes)).toBe(0)
    },
  )

  it.each([
    ['bytes=0-', 0, 299_999],
    ['bytes=0-0', 0, 0],
    ['bytes=65530-65545', 65_530, 65_545],
    ['bytes=299999-', 299_999, 299_999],
    ['bytes=100-9999999', 100, 299_999],
    ['bytes=-5', 299_995, 299_999],
    ['bytes=-9999999', 0, 299_999],
  ])('a range (%s): 206 with exactly those bytes', async (range, first, last) => {
    const reply = await get('/stream/my.song', { range })
    expect(reply.statusCode).toBe(206)
    expect(reply.headers['content-range']).toBe(`bytes ${first}-${last}/300000`)
    expect(reply.headers['content-length']).toBe(String(last - first + 1))
    expect(Buffer.compare(reply.rawPayload, song.bytes.subarray(first, last + 1))).toBe(0)
  })

  it.each(['bytes=300000-', 'bytes=-0', 'bytes=999999-1000000'])(
    'a range outside the song (%s): 416 with the length there is',
    async range => {
      const reply = await get('/stream/my.song', { range })
      expect(reply.statusCode).toBe(416)
      expect(reply.headers['content-range']).toBe('bytes */300000')
      expect(reply.json()).toMatchObject({ code: 'EVA_RANGE_NOT_SATISFIABLE', sizeBytes: 300_000 })
    },
  )

  it.each(['bytes=5-2', 'bytes=a-b', 'bytes=0-1,6-5', 'items=0-5'])('a range that is none (%s): the whole song', async range => {
    expect((await get('/stream/my.song', { range })).statusCode).toBe(200)
  })

  it('If-Range and If-None-Match: follow the tag', async () => {
    const etag = String((await get('/stream/my.song')).headers.etag)
    expect((await get('/stream/my.song', { range: 'bytes=0-1', 'if-range': etag })).statusCode).toBe(206)
    expect((await get('/stream/my.song', { range: 'bytes=0-1', 'if-range': '"other"' })).statusCode).toBe(200)
    const unchanged = await get('/stream/my.song', { 'if-none-match': `"x", ${etag}` })
    expect([unchanged.statusCode, unchanged.body, unchanged.headers.etag]).toEqual([304, '', etag])
    expect((await get('/stream/bare')).headers.etag).not.toBe(etag)
  })

  it('HEAD: the headers of the whole, no body', async () => {
    const reply = await get('/stream/my.song', {}, 'HEAD')
    expect([reply.statusCode, reply.body]).toEqual([200, ''])
    expect(reply.headers).toMatchObject({ 'content-type': 'audio/mpeg', 'content-length': '300000' })
  })

  it('a song without a type: is said to be bytes', async () => {
    expect((await get('/stream/bare')).headers['content-type']).toBe('application/octet-stream')
  })

  it('a song nobody knows: 404; when nobody can say: 503', async () => {
    expect((await get('/stream/nowhere.mp3')).json()).toMatchObject({ status: 404, code: 'EVA_SONG_NOT_FOUND' })
    metadataFault = new EvaError('EVA_SERVICE_UNREACHABLE', { details: { service: 's', url: 'u', reason: 'r' } })
    const reply = await get('/stream/nowhere.mp3')
    expect(reply.json()).toMatchObject({ status: 503, code: 'EVA_NOT_READY' })
    expect(reply.headers['retry-after']).toBe('2')
  })

  it.each(['/stream/..%2f..%2fetc%2fpasswd', '/stream/__proto__', '/stream/a%00b', `/stream/${'x'.repeat(129)}`])(
    'a name that no song can have (%s): 400',
    async url => {
      expect((await get(url)).json()).toMatchObject({ status: 400, code: 'EVA_SONG_ID_INVALID' })
    },
  )

  it('several ranges: a multipart answer whose parts are just those bytes', async () => {
    const reply = await get('/stream/my.song', { range: 'bytes=100000-100099,0-9,-5' })
    expect(reply.statusCode).toBe(206)
    expect(reply.headers).not.toHaveProperty('content-range')
    expect(reply.headers['content-length']).toBe(String(reply.rawPayload.length))
    const boundary = /^multipart\/byteranges; boundary=(\S+)$/.exec(String(reply.headers['content-type']))?.[1]
    const sections = reply.rawPayload.toString('latin1').split(`--${boundary}`)
    const parts = sections
      .slice(1, -1)
      .map(section => /Content-Range: bytes (\d+)-(\d+)\/300000\r\n\r\n([\s\S]*)\r\n$/.exec(section)?.slice(1))
    expect(parts.map(part => [Number(part?.[0]), Number(part?.[1])])).toEqual([
      [100_000, 100_099],
      [0, 9],
      [299_995, 299_999],
    ])
    for (const part of parts) {
      const bytes = song.bytes.subarray(Number(part?.[0]), Number(part?.[1]) + 1)
      expect(Buffer.compare(Buffer.from(part?.[2] ?? '', 'latin1'), bytes)).toBe(0)
    }
  })

  it('several ranges that are one: a single 206; more than sixteen: the whole song', async () => {
    expect((await get('/stream/my.song', { range: 'bytes=0-9,5-99' })).headers['content-range']).toBe('bytes 0-99/300000')
    const many = Array.from({ length: 17 }, (_, index) => `${index * 1000}-${index * 1000}`).join(',')
    expect((await get('/stream/my.song', { range: `bytes=${many}` })).statusCode).toBe(200)
  })

  it('a thousand HEADs at once: each gets the headers, no reader is opened and nothing is read', async () => {
    const replies = await Promise.all(Array.from({ length: 1000 }, () => get('/stream/my.song', {}, 'HEAD')))
    expect(new Set(replies.map(({ statusCode }) => statusCode))).toEqual(new Set([200]))
    expect([readBytes, told, playback.playingSongIds]).toEqual([0, [], []])
  })
})

describe('stream route: a song that is still arriving', () => {
  it('bytes that are not here: are told as wanted, waited for, and sent as they come', async () => {
    const replied = get('/stream/large', { range: 'bytes=1000000-2200000' })
    await eventually(() => expect(told).toEqual(['moved reader-1 1000000']))
    await hold(large, [0, 1])
    audio.arrived(large.manifest.id)
    await eventually(() => expect(told.at(-1)).toBe(`moved reader-1 ${2 * MIB}`))
    await hold(large, [2])
    audio.arrived(large.manifest.id)
    const reply = await replied
    expect(Buffer.compare(reply.rawPayload, large.bytes.subarray(1_000_000, 2_200_001))).toBe(0)
  })

  it('a player that hangs up while it waits: is told as stopped soon, and nothing is read for it any more', async () => {
    const socket = await dial(request('/stream/large'))
    await eventually(() => expect(told).toEqual(['moved reader-1 0']))
    socket.destroy()
    await eventually(() => {
      clock.advance(500)
      expect(playback.positionsOf(large.manifest.id)).toEqual([])
    })
    clock.advance(100)
    expect(told).toEqual(['moved reader-1 0', 'stopped reader-1'])
    await hold(large, [0])
    audio.arrived(large.manifest.id)
    await new Promise(resolve => setImmediate(resolve))
    expect(readBytes).toBe(0)
  })

  it('a player that shuts its sending half down: still gets all it asked for, here already or not', async () => {
    await hold(large, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22])
    const socket = await dial(request('/stream/large', 'Connection: close\r\n'))
    const ended = new Promise(resolve => socket.once('end', resolve))
    socket.end()
    await eventually(() => expect(told).not.toEqual([]))
    socket.resume()
    await eventually(() => expect(told.at(-1)).toBe(`moved reader-1 ${23 * MIB}`))
    await hold(large, [23])
    audio.arrived(large.manifest.id)
    await ended
    expect(socket.bytesRead).toBeGreaterThan(24 * MIB)
  })

  it('several players of one song: each gets its own part', async () => {
    await hold(large, [0, 5, 23])
    const ranges = [
      [10, 99],
      [5 * MIB, 5 * MIB + 99],
      [24 * MIB - 100, 24 * MIB - 1],
    ] as const
    const replies = await Promise.all(ranges.map(([first, last]) => get('/stream/large', { range: `bytes=${first}-${last}` })))
    for (const [index, reply] of replies.entries())
      expect(Buffer.compare(reply.rawPayload, large.bytes.subarray(ranges[index]?.[0], (ranges[index]?.[1] ?? 0) + 1))).toBe(0)
  })

  it('a player too many: is told to come back, and the others play on', async () => {
    for (let count = 0; count < READERS_MAX; count++) await dial(request('/stream/large'))
    await eventually(() => expect(playback.positionsOf(large.manifest.id)).toHaveLength(READERS_MAX))
    const reply = await get('/stream/my.song')
    expect([reply.statusCode, reply.headers['retry-after'], reply.headers['content-range']]).toEqual([429, '2', undefined])
    expect((await get('/stream/my.song', {}, 'HEAD')).statusCode).toBe(200)
  })

  it('the server closes: an answer that waits ends, and so does one whose player does not read', async () => {
    await hold(large)
    const waiting = await dial(request('/stream/my.song').replace('my.song', 'large'))
    store.loseChunk(song.manifest.id, 0)
    const other = await dial(request('/stream/my.song'))
    await eventually(() => expect(playback.positionsOf(song.manifest.id)).toEqual([0]))
    waiting.pause()
    const ended = Promise.all([waiting, other].map(socket => new Promise(resolve => socket.resume().once('close', resolve))))
    await app.close()
    await ended
    expect(playback.positionsOf(song.manifest.id)).toEqual([])
  })

  it('a slow player of a large song: no more is read than it takes, and its leaving ends the reading', async () => {
    await hold(large)
    const socket = await dial(request('/stream/large'))
    socket.pause()
    await eventually(() => expect(readBytes).toBeGreaterThan(0))
    for (let turn = 0; turn < 200; turn++) await new Promise(resolve => setImmediate(resolve))
    expect(readBytes).toBeLessThan(20 * MIB)
    socket.destroy()
    await eventually(() => expect(playback.positionsOf(large.manifest.id)).toEqual([]))
  })
})

describe('stream route: pages of other origins', () => {
  const ADDRESSES = ['/stream/my.song', '/stream/my.song/my.song.mp3']

  it.each(ADDRESSES)('a listed page (%s): may play and read the headers it needs', async address => {
    const reply = await get(address, { origin: RADIO, range: 'bytes=0-1' })
    expect(reply.statusCode).toBe(206)
    expect(reply.headers['access-control-allow-origin']).toBe(RADIO)
    expect(reply.headers['access-control-expose-headers']).toContain('Content-Range')
    expect(reply.headers.vary).toBe('Origin')
  })

  it.each(ADDRESSES)('a listed page that asks first (%s): is told what it may send', async address => {
    const headers = { origin: RADIO, 'access-control-request-method': 'GET', 'access-control-request-private-network': 'true' }
    const reply = await get(address, headers, 'OPTIONS')
    expect(reply.statusCode).toBe(204)
    expect(reply.headers).toMatchObject({
      'access-control-allow-origin': RADIO,
      'access-control-allow-headers': 'Range, If-Range, If-None-Match',
      'access-control-allow-private-network': 'true',
    })
  })

  it('a listed page: may play and nothing else; a page that is not listed: nothing at all', async () => {
    expect((await get('/api/status', { origin: RADIO })).statusCode).toBe(403)
    expect((await get('/api/plays', { origin: RADIO })).statusCode).toBe(403)
    for (const address of ADDRESSES) {
      const refused = await get(address, { origin: 'https://evil.example' })
      expect(refused.statusCode).toBe(403)
      expect(refused.headers).not.toHaveProperty('access-control-allow-origin')
    }
    expect((await get('/stream/my.song', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' })).statusCode).toBe(403)
  })

  it('the own page: needs no Access-Control headers and gets none', async () => {
    expect((await get('/stream/my.song')).headers).not.toHaveProperty('access-control-allow-origin')
  })
})
