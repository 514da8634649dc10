// The peer's own HTTP interface as a browser, a player and a hostile page meet it; through Fastify's own injection.
// Not sockets: whole nodes are asked over real ones in peer-node.test.ts.
// Invariant: every reply is checked with its status and its headers.

import { EvaError } from '@evastream/core/errors'
import type { SongId } from '@evastream/core/ids'
import type { Manifest } from '@evastream/core/manifest'
import { KIB } from '@evastream/core/units'
import type { HttpApp } from '@evastream/service-kit/http-app'
import { createHttpService } from '@evastream/service-kit/http-service'
import { createLogger } from '@evastream/service-kit/logger'
import { fakeClock } from '@evastream/testkit/fake-clock'
import { MemoryChunkStore } from '@evastream/testkit/memory-chunk-store'
import { songFixture } from '@evastream/testkit/song-fixture'
import { Registry } from 'prom-client'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { NodeEvents } from './node-events.ts'
import { addEventRoutes } from './page/event-routes.ts'
import { EventTopics } from './page/event-topics.ts'
import { addPlayerRoutes } from './player-routes.ts'

const song = songFixture({ songId: 'my.song', fileSize: 300_000, mimeType: 'audio/mpeg', title: 'T', artist: 'A' })
const bare = songFixture({ songId: 'bare', fileSize: 20, seed: 2 })
const store = new MemoryChunkStore()
const manifests = new Map<string, Manifest>()
const clock = fakeClock(0)
const pinned = new Set<SongId>()
let metadataFault: EvaError | undefined
let events: NodeEvents
let app: HttpApp

beforeEach(async () => {
  metadataFault = undefined
  manifests.clear()
  pinned.clear()
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
    pin: async (songId: SongId, isPinned: boolean) => {
      await openSong(songId)
      if (isPinned) pinned.add(songId)
      else pinned.delete(songId)
    },
    isPinned: (songId: SongId) => pinned.has(songId),
  }
  const logger = createLogger({ name: 'peer', level: 'silent' })
  app = await createHttpService(
    { logger, registry: new Registry(), isReady: () => undefined },
    { service: 'peer', title: 'p', version: '1' },
  )
  const sharing = 'on' as const
  const peers = { downloadingFrom: 1, uploadingTo: 2 }
  const cache = { usedBytes: 5, limitBytes: 6 }
  const limits = { uploadBytesPerSecond: 7, downloadBytesPerSecond: 8 }
  const playing = { songIds: ['bare'], bufferMs: 9 }
  const ports = { uploadPort: 9, httpPort: 8 }
  const status = () => ({ peerId: 'p', ...ports, sharing, peers, cache, limits, playing, songs: library.list(), ...totals })
  addPlayerRoutes(app, { library, playback: { recentPlays: () => [] }, status }, { allowedOrigins: [] })
  addEventRoutes(app, { events, topics: new EventTopics({ timers: clock }) })
})

afterEach(async () => {
  await app.close()
})

function get(url: string, headers: Record<string, string> = {}, method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE' = 'GET') {
  return app.inject({ method, url, headers: { host: '127.0.0.1:8090', ...headers } })
}

describe('player routes: /api', () => {
  it('/api/events about more songs than a page shows: is refused before anything is read', async () => {
    const songIds = Array.from({ length: 9 }, () => 'my.song').join(',')
    const refused = await get(`/api/events?topics=song&songId=${songIds}`)
    expect([refused.statusCode, refused.json().field]).toEqual([400, 'songId'])
  })

  it('/api/status: exactly the promised fields', async () => {
    expect((await get('/api/status')).json()).toEqual({
      peerId: 'p',
      uploadPort: 9,
      httpPort: 8,
      sharing: 'on',
      peers: { downloadingFrom: 1, uploadingTo: 2 },
      cache: { usedBytes: 5, limitBytes: 6 },
      limits: { uploadBytesPerSecond: 7, downloadBytesPerSecond: 8 },
      playing: { songIds: ['bare'], bufferMs: 9 },
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
        {
          songId: 'my.song',
          title: 'T',
          artist: 'A',
          mimeType: 'audio/mpeg',
          fileSize: 300_000,
          streamPath: '/stream/my.song/my.song.mp3',
        },
        { songId: 'bare', title: 'Noise 2', streamPath: '/stream/bare/bare' },
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

  it('a pin: is set and taken away, and told with the song; unknown 404; nobody to ask 503; an id that is none 400', async () => {
    const isPinned = async () => (await get('/api/songs')).json().songs.map((known: { pinned: boolean }) => known.pinned)
    const pin = await get('/api/songs/my.song/pin', {}, 'PUT')
    expect([pin.statusCode, pin.json(), await isPinned()]).toEqual([200, { songId: 'my.song', pinned: true }, [true, false]])
    const unpin = await get('/api/songs/my.song/pin', {}, 'DELETE')
    expect([unpin.statusCode, unpin.json(), await isPinned()]).toEqual([200, { songId: 'my.song', pinned: false }, [false, false]])
    expect((await get('/api/songs/nowhere/pin', {}, 'PUT')).json()).toMatchObject({ status: 404, code: 'EVA_SONG_NOT_FOUND' })
    expect((await get('/api/songs/..%2f/pin', {}, 'PUT')).json()).toMatchObject({ status: 400, code: 'EVA_SONG_ID_INVALID' })
    metadataFault = new EvaError('EVA_SERVICE_TIMEOUT', { details: { service: 'metadata service' } })
    expect((await get('/api/songs/my.song/pin', {}, 'PUT')).json()).toMatchObject({ status: 503, code: 'EVA_NOT_READY' })
    expect((await get('/api/songs/my.song/pin')).statusCode).toBe(405)
  })

  it.each([{ origin: 'https://evil.example' }, { host: 'evil.example' }, { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' }])(
    'a foreign page (%j): is refused, for reading and for acting',
    async headers => {
      for (const [url, method] of [
        ['/api/status', 'GET'],
        ['/api/songs/my.song/download', 'POST'],
        ['/api/songs/my.song/pin', 'PUT'],
        ['/api/songs/my.song/pin', 'DELETE'],
        ['/api/events', 'GET'],
        ['/api/events?topics=song&songId=my.song', 'GET'],
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
