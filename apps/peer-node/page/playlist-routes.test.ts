// The playlist and queue routes as players and pages meet them; through Fastify's own injection.

import { EvaError } from '@evastream/core/errors'
import { parseSongId, type SongId } from '@evastream/core/ids'
import type { HttpApp } from '@evastream/service-kit/http-app'
import { createHttpService } from '@evastream/service-kit/http-service'
import { createLogger } from '@evastream/service-kit/logger'
import { fakeClock } from '@evastream/testkit/fake-clock'
import { songFixture } from '@evastream/testkit/song-fixture'
import { Registry } from 'prom-client'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { PlayQueueDesk } from '../playback/play-queue-desk.ts'
import type { PlaylistSong } from './extended-playlist.ts'
import { addPlaylistRoutes } from './playlist-routes.ts'
import { addQueueRoutes } from './queue-routes.ts'

const manifests = ['song-1', 'song.two.m3u8'].map((songId, index) =>
  songFixture({ songId, fileSize: 20, seed: index, title: `T${index}`, artist: 'A', mimeType: 'audio/flac', durationMs: 61_000 }),
)
let app: HttpApp
let library: readonly PlaylistSong[]
let fault: EvaError | undefined

beforeEach(async () => {
  fault = undefined
  library = manifests.map(({ manifest }) => manifest)
  const logger = createLogger({ name: 'peer', level: 'silent' })
  app = await createHttpService(
    { logger, registry: new Registry(), isReady: () => undefined },
    { service: 'peer', title: 'p', version: '1' },
  )
  const openSong = async (songId: SongId) => {
    const found = manifests.find(({ manifest }) => manifest.id === songId)
    if (fault !== undefined) throw fault
    if (found === undefined) throw new EvaError('EVA_SONG_NOT_FOUND', { details: { songId } })
    return found.manifest
  }
  addPlaylistRoutes(app, { library: { openSong }, listLibrary: async () => library })
  addQueueRoutes(app, { queue: new PlayQueueDesk({ clock: fakeClock(0), library: { openSong }, coordinator: { setQueue: () => {} } }) })
})

afterEach(() => app.close())

function get(url: string, host = '127.0.0.1:8090') {
  return app.inject({ method: 'GET', url, headers: { host } })
}

function order(payload: unknown) {
  return app.inject({ method: 'PUT', url: '/api/queue', headers: { host: '127.0.0.1:8090' }, payload: payload as object })
}

describe('playlist routes', () => {
  it('one song: an extended M3U under the type that players take for one, with an address at the host that was asked', async () => {
    const reply = await get('/songs/song-1.m3u8', 'LocalHost:1234')
    expect(reply.statusCode).toBe(200)
    expect(reply.headers).toMatchObject({ 'content-type': 'audio/x-mpegurl', 'cache-control': 'no-store' })
    expect(reply.body).toBe('#EXTM3U\n#EXTINF:61,A - T0\nhttp://localhost:1234/stream/song-1/song-1.flac\n')
  })

  it('HEAD: the same headers and no body', async () => {
    const reply = await app.inject({ method: 'HEAD', url: '/songs/song-1.m3u8', headers: { host: '127.0.0.1:8090' } })
    expect(reply).toMatchObject({ statusCode: 200, body: '' })
    expect(reply.headers['content-type']).toBe('audio/x-mpegurl')
  })

  it('an id with dots, one that ends like a playlist: is taken whole', async () => {
    expect((await get('/songs/song.two.m3u8.m3u8')).body).toContain('/stream/song.two.m3u8/song.two.m3u8.flac')
  })

  it('the library: every song in its order', async () => {
    const reply = await get('/library.m3u8')
    expect(reply.headers['content-type']).toBe('audio/x-mpegurl')
    expect(reply.body.match(/^http.*$/gm)).toEqual([
      'http://127.0.0.1:8090/stream/song-1/song-1.flac',
      'http://127.0.0.1:8090/stream/song.two.m3u8/song.two.m3u8.flac',
    ])
  })

  it.each([
    ['/songs/missing.m3u8', 404, 'EVA_SONG_NOT_FOUND'],
    ['/songs/..%2F..%2Fetc.m3u8', 400, 'EVA_SONG_ID_INVALID'],
    ['/songs/.m3u8', 400, 'EVA_SONG_ID_INVALID'],
    ['/songs/song-1', 404, 'EVA_ROUTE_NOT_FOUND'],
  ])('%s: %d %s', async (url, status, code) => {
    const reply = await get(url)
    expect(reply.json()).toMatchObject({ status, code })
  })

  it('a metadata service that is down, and a song not known here: 503 with a time to come back', async () => {
    fault = new EvaError('EVA_SERVICE_TIMEOUT', { details: { service: 'metadata service' } })
    const reply = await get('/songs/song-1.m3u8')
    expect(reply.statusCode).toBe(503)
    expect(reply.headers['retry-after']).toBe('2')
  })
})

describe('queue routes', () => {
  it('an order: is answered with the queue, and read back', async () => {
    const songIds = ['song-1', 'song.two.m3u8', 'song-1']
    expect((await get('/api/queue')).json()).toEqual({ songIds: [] })
    expect(await order({ songIds })).toMatchObject({ statusCode: 200 })
    expect((await get('/api/queue')).json()).toEqual({ songIds })
  })

  it('a listener by name: has a queue of its own, and all of them are told by turns', async () => {
    const url = (listener: string) => `/api/queue?listener=${listener}`
    for (const [listener, songIds] of [
      ['ann', ['song-1']],
      ['ben', ['song.two.m3u8', 'song-1']],
    ] as const)
      await app.inject({ method: 'PUT', url: url(listener), headers: { host: '127.0.0.1:8090' }, payload: { songIds } })
    expect((await get(url('ann'))).json()).toEqual({ songIds: ['song-1'] })
    expect((await get('/api/queue')).json()).toEqual({ songIds: [] })
    expect((await get('/api/queues')).json()).toEqual({ songIds: ['song.two.m3u8', 'song-1', 'song-1'] })
    expect((await get(url('..%2F'))).statusCode).toBe(400)
  })

  it('an unknown song: 404 with its name, and the queue as it was', async () => {
    await order({ songIds: ['song-1'] })
    const reply = await order({ songIds: ['song-1', 'missing'] })
    expect(reply.statusCode).toBe(404)
    expect(reply.json()).toMatchObject({ code: 'EVA_SONG_NOT_FOUND', songId: 'missing' })
    expect((await get('/api/queue')).json()).toEqual({ songIds: ['song-1'] })
  })

  it.each([
    ['no list', { songIds: 'song-1' }],
    ['no id', { songIds: ['../x'] }],
    ['no text', { songIds: [1] }],
    ['nothing', {}],
    ['more than it should', { songIds: [], also: true }],
    ['201 songs', { songIds: Array.from({ length: 201 }, () => 'song-1') }],
  ])('%s: 400', async (_what, payload) => {
    expect((await order(payload)).json()).toMatchObject({ status: 400, code: 'EVA_REQUEST_INVALID' })
  })

  it('200 songs, and none: are taken', async () => {
    expect((await order({ songIds: Array.from({ length: 200 }, () => parseSongId('song-1')) })).statusCode).toBe(200)
    expect((await order({ songIds: [] })).json()).toEqual({ songIds: [] })
  })
})
