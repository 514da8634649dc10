// The peer's own HTTP interface as a browser, a player and a hostile page meet it; through Fastify's own injection.
// Not sockets: whole nodes are asked over real ones in peer-node.test.ts.
// Invariant: every reply is checked with its status and its headers.

import type { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { EvaError } from '@evastream/core/errors'
import type { SongId } from '@evastream/core/ids'
import type { Manifest } from '@evastream/core/manifest'
import { KIB, MIB } from '@evastream/core/units'
import type { HttpApp } from '@evastream/service-kit/http-app'
import { createHttpService } from '@evastream/service-kit/http-service'
import { createLogger } from '@evastream/service-kit/logger'
import { fakeClock } from '@evastream/testkit/fake-clock'
import { MemoryChunkStore } from '@evastream/testkit/memory-chunk-store'
import { songFixture } from '@evastream/testkit/song-fixture'
import { Registry } from 'prom-client'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { NodeEvents } from './node-events.ts'
import { addPlayerRoutes } from './player-routes.ts'
import { streamReply } from './song-stream.ts'

const song = songFixture({ songId: 'my.song', fileSize: 300_000, mimeType: 'audio/mpeg', title: 'T', artist: 'A' })
const bare = songFixture({ songId: 'bare', fileSize: 20, seed: 2 })
const store = new MemoryChunkStore()
const manifests = new Map<string, Manifest>()
const clock = fakeClock(0)
let metadataFault: EvaError | undefined
let events: NodeEvents
let app: HttpApp

beforeEach(async () => {
  metadataFault = undefined
  manifests.clear()
  for (const { manifest, chunkBytes } of [song, bare]) {
    await store.openSong(manifest)
    for (const { chunkId } of manifest.chunks) await store.saveChunk(manifest.id, chunkId, chunkBytes(chunkId))
    manifests.set(manifest.id, manifest)
  }
  const totals = { received: { originBytes: 1, peerBytes: 2 }, sentBytes: 3, wastedBytes: 4 }
  events = new NodeEvents({ timers: clock, totals: () => ({ kind: 'totals', ...totals, peers: { downloadingFrom: 0, uploadingTo: 0 } }) })
  const statusOf = (songId: SongId) => {
    const chunkCount = manifests.get(songId)?.chunkCount ?? 0
    const chunksHeld = store.heldChunks(songId).length
    return { songId, chunkCount, chunksHeld, complete: chunksHeld === chunkCount }
  }
  const openSong = async (songId: SongId): Promise<Manifest> => {
    if (metadataFault !== undefined) throw metadataFault
    const manifest = manifests.get(songId)
    if (manifest === undefined) throw new EvaError('EVA_SONG_NOT_FOUND', { details: { songId } })
    return manifest
  }
  const library = {
    openSong,
    download: async (songId: SongId) => void (await openSong(songId)),
    list: () => [...manifests.values()].map(manifest => statusOf(manifest.id)),
    manifestOf: (songId: SongId) => manifests.get(songId),
    statusOf,
  }
  const logger = createLogger({ name: 'peer', level: 'silent' })
  app = await createHttpService(
    { logger, registry: new Registry(), isReady: () => undefined },
    { service: 'peer', title: 'p', version: '1' },
  )
  const status = () => ({ peerId: 'p', uploadPort: 9, httpPort: 8, songs: library.list(), ...totals })
  addPlayerRoutes(app, { library, store, events, status })
})

afterEach(async () => {
  await app.close()
})

function get(url: string, headers: Record<string, string> = {}, method: 'GET' | 'HEAD' | 'POST' = 'GET') {
  return app.inject({ method, url, headers: { host: '127.0.0.1:8090', ...headers } })
}

describe('player routes: /stream', () => {
  it.each(['/stream/my.song', '/stream/my.song.mp3', '/stream/my.song.FLAC'])(
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

  it.each(['bytes=5-2', 'bytes=a-b', 'bytes=0-1,5-6', 'items=0-5'])('a range that is none (%s): the whole song', async range => {
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

  it('an incomplete song: 409, with what to do', async () => {
    store.loseChunk(song.manifest.id, 2)
    const reply = await get('/stream/my.song')
    expect(reply.statusCode).toBe(409)
    expect(reply.json()).toMatchObject({ code: 'EVA_SONG_INCOMPLETE', songId: 'my.song' })
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

  it('a slow player of a large song: no more is read than it takes, and its leaving ends the reading', async () => {
    const { manifest } = songFixture({ songId: 'large', fileSize: 24 * MIB, chunkSize: MIB })
    let readBytes = 0
    const reader = {
      readRange: async (_songId: SongId, _offsetBytes: number, lengthBytes: number) => {
        readBytes += lengthBytes
        return new Uint8Array(lengthBytes)
      },
    }
    const { body } = streamReply(reader, manifest, { method: 'GET' })
    const turns = async () => {
      for (let turn = 0; turn < 100; turn++) await new Promise(resolve => setImmediate(resolve))
    }
    body?.once('readable', () => body.read(1))
    await turns()
    expect(readBytes).toBeGreaterThan(0)
    expect(readBytes).toBeLessThanOrEqual(MIB)
    const before = readBytes
    body?.destroy()
    await turns()
    expect(readBytes).toBe(before)
  })

  it('a chunk that turns out rotten midway: the connection breaks instead of ending early or sending it', async () => {
    const { manifest } = song
    let readCount = 0
    const reader = {
      readRange: async (songId: SongId, offsetBytes: number, lengthBytes: number) => {
        if (readCount++ > 0) throw new EvaError('EVA_STORED_CHUNK_ROTTEN')
        return store.readRange(songId, offsetBytes, lengthBytes)
      },
    }
    const { body } = streamReply(reader, manifest, { method: 'GET' })
    const received: Uint8Array[] = []
    body?.on('data', data => received.push(data))
    await expect(finished(body as Readable)).rejects.toMatchObject({ code: 'EVA_STORED_CHUNK_ROTTEN' })
    expect(Buffer.concat(received).length).toBe(256 * KIB)
  })
})

describe('player routes: /api', () => {
  it('/api/status: exactly the promised fields', async () => {
    expect((await get('/api/status')).json()).toEqual({
      peerId: 'p',
      uploadPort: 9,
      httpPort: 8,
      songs: [
        { songId: 'my.song', chunkCount: 5, chunksHeld: 5, complete: true },
        { songId: 'bare', chunkCount: 1, chunksHeld: 1, complete: true },
      ],
      received: { originBytes: 1, peerBytes: 2 },
      sentBytes: 3,
      wastedBytes: 4,
    })
  })

  it('/api/songs: what is known of each, and where it plays', async () => {
    expect((await get('/api/songs')).json()).toMatchObject({
      songs: [
        { songId: 'my.song', title: 'T', artist: 'A', mimeType: 'audio/mpeg', fileSize: 300_000, streamPath: '/stream/my.song' },
        { songId: 'bare', title: 'Noise 2' },
      ],
    })
  })

  it('a download: 202 with the progress; unknown 404; nobody to ask 503; an id that is none 400', async () => {
    const reply = await get('/api/songs/my.song/download', {}, 'POST')
    expect([reply.statusCode, reply.json()]).toEqual([202, { songId: 'my.song', chunkCount: 5, chunksHeld: 5, complete: true }])
    expect((await get('/api/songs/nowhere/download', {}, 'POST')).json()).toMatchObject({ status: 404, code: 'EVA_SONG_NOT_FOUND' })
    expect((await get('/api/songs/..%2f/download', {}, 'POST')).json()).toMatchObject({ status: 400, code: 'EVA_SONG_ID_INVALID' })
    metadataFault = new EvaError('EVA_SERVICE_TIMEOUT', { details: { service: 'metadata service' } })
    expect((await get('/api/songs/my.song/download', {}, 'POST')).json()).toMatchObject({ status: 503, code: 'EVA_NOT_READY' })
    expect((await get('/api/songs/my.song/download')).statusCode).toBe(405)
  })

  it.each([{ origin: 'https://evil.example' }, { host: 'evil.example' }, { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' }])(
    'a foreign page (%j): is refused, for reading and for acting',
    async headers => {
      for (const [url, method] of [
        ['/api/status', 'GET'],
        ['/stream/my.song', 'GET'],
        ['/api/songs/my.song/download', 'POST'],
        ['/api/events', 'GET'],
        ['/metrics', 'GET'],
      ] as const)
        expect((await get(url, headers as Record<string, string>, method)).json()).toMatchObject({
          status: 403,
          code: 'EVA_ORIGIN_FORBIDDEN',
        })
    },
  )

  it('/metrics: is there', async () => {
    expect((await get('/metrics')).body).toContain('process_cpu_seconds_total')
  })
})

describe('player routes: /api/events', () => {
  it('a watcher: gets the totals, what happens, and the end when the node stops', async () => {
    const replied = get('/api/events')
    while (events.watcherCount === 0) await new Promise(resolve => setImmediate(resolve))
    events.publish({
      kind: 'chunk-stored',
      songId: 's',
      chunkCount: 3,
      chunksHeld: 2,
      complete: false,
      chunkId: 1,
      originBytes: 5,
      peerBytes: 7,
    })
    events.close()
    const reply = await replied
    expect(reply.headers['content-type']).toBe('text/event-stream')
    const told = reply.body.split('\n\n').filter(text => text !== '')
    expect(told[0]).toMatch(/^event: totals\ndata: \{"kind":"totals","received":\{"originBytes":1,"peerBytes":2\}/)
    expect(told[1]).toBe(
      'event: chunk-stored\ndata: {"kind":"chunk-stored","songId":"s","chunkCount":3,"chunksHeld":2,"complete":false,"chunkId":1,"originBytes":5,"peerBytes":7}',
    )
  })

  it('a watcher that does not read: is let go before its events fill the memory; the others go on', () => {
    const [deaf, reading] = [events.watch(), events.watch()]
    reading?.resume()
    const event = { kind: 'song-opened', songId: 'x'.repeat(KIB), chunkCount: 1, chunksHeld: 0, complete: false } as const
    for (let count = 0; count < 300; count++) {
      events.publish(event)
      reading?.read()
    }
    expect([deaf?.destroyed, reading?.destroyed]).toEqual([true, false])
    expect(deaf?.readableLength).toBeLessThanOrEqual(256 * KIB)
  })

  it('a watcher too many: is told to come back', async () => {
    const watchers = Array.from({ length: 64 }, () => events.watch())
    expect(watchers.every(watcher => watcher !== undefined)).toBe(true)
    expect((await get('/api/events')).json()).toMatchObject({ status: 429, code: 'EVA_LIMIT_REACHED' })
  })

  it('nothing happens: totals are not repeated, a comment keeps the line; nobody watches: no timer stays', async () => {
    const watcher = events.watch()
    const told: string[] = []
    watcher?.on('data', data => told.push(String(data)))
    for (let turn = 0; turn < 70; turn++) {
      clock.advance(500)
      await new Promise(resolve => setImmediate(resolve))
    }
    expect(told.filter(text => text.startsWith('event: totals')).length).toBeLessThanOrEqual(2)
    expect(told).toContain(': still here\n\n')
    watcher?.destroy()
    await new Promise(resolve => setImmediate(resolve))
    clock.advance(1000)
    expect(clock.pendingCount).toBe(0)
  })
})
