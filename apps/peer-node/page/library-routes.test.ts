// Checks what the peer's page gets of the operator's library and covers, through Fastify's own injection; the operator is a stub.

import { EvaError } from '@evastream/core/errors'
import type { SongId } from '@evastream/core/ids'
import type { HttpApp } from '@evastream/service-kit/http-app'
import { createHttpService } from '@evastream/service-kit/http-service'
import { createLogger } from '@evastream/service-kit/logger'
import { fakeClock } from '@evastream/testkit/fake-clock'
import { Registry } from 'prom-client'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CoverShelf } from './cover-shelf.ts'
import { addLibraryRoutes } from './library-routes.ts'

const unreachable = new EvaError('EVA_SERVICE_UNREACHABLE', { details: { service: 'origin', url: 'x', reason: 'gone' } })
const picture = Uint8Array.of(0xff, 0xd8, 0xff, 0)
const clock = fakeClock(0)
const wanted: object[] = []
const fetched: string[] = []
let fault: EvaError | undefined
let app: HttpApp

beforeEach(async () => {
  fault = undefined
  wanted.length = 0
  fetched.length = 0
  const answer = async <T>(query: object, page: T): Promise<T> => {
    wanted.push(query)
    if (fault !== undefined) throw fault
    return page
  }
  const catalog = {
    songs: (query: object) => answer(query, { total: 1, songs: [{ songId: 's', title: '<b>', hasCover: false }] }),
    albums: (query: object) => answer(query, { total: 1, albums: [{ album: 'A', songCount: 1 }] }),
    artists: (query: object) => answer(query, { total: 1, artists: [{ artist: 'A', songCount: 1, albumCount: 1 }] }),
  }
  const origin = {
    fetchCover: async (songId: SongId) => {
      fetched.push(songId)
      if (fault !== undefined) throw fault
      if (songId.startsWith('bare')) throw new EvaError('EVA_COVER_NOT_FOUND', { details: { songId } })
      return { bytes: picture, mimeType: 'image/jpeg' }
    },
  }
  const logger = createLogger({ name: 'peer', level: 'silent' })
  app = await createHttpService(
    { logger, registry: new Registry(), isReady: () => undefined },
    { service: 'peer', title: 'p', version: '1' },
  )
  addLibraryRoutes(app, { catalog, covers: new CoverShelf({ origin, clock }) })
})
afterEach(() => app.close())

const get = (url: string, headers: Record<string, string> = {}) => app.inject({ method: 'GET', url, headers })

describe('library routes', () => {
  it('a page: is passed on as it was asked for, and as it came', async () => {
    const reply = await get('/api/library/songs?query=lo&offset=20&limit=10&artist=&album=X')
    expect(reply.json()).toEqual({ total: 1, songs: [{ songId: 's', title: '<b>', hasCover: false }] })
    expect(wanted).toEqual([{ query: 'lo', offset: 20, limit: 10, artist: '', album: 'X' }])
    expect((await get('/api/library/albums')).json()).toMatchObject({ albums: [{ album: 'A' }] })
    expect((await get('/api/library/artists')).json()).toMatchObject({ artists: [{ artist: 'A' }] })
    expect(wanted.at(-1)).toEqual({ offset: 0, limit: 100 })
  })

  it.each(['limit=0', 'limit=501', 'offset=-1', 'page=1', 'limit=x'])('%s: is refused', async query => {
    expect((await get(`/api/library/songs?${query}`)).statusCode).toBe(400)
    expect(wanted).toEqual([])
  })

  it('an operator who is away: 503 and when to come back', async () => {
    fault = unreachable
    const reply = await get('/api/library/songs')
    expect([reply.statusCode, reply.headers['retry-after']]).toEqual([503, '2'])
  })
})

describe('cover routes', () => {
  it('a cover: a picture and nothing else, kept by the browser, 304 when it has it', async () => {
    const reply = await get('/covers/song-1')
    expect([reply.statusCode, reply.rawPayload, reply.headers['content-type']]).toEqual([200, Buffer.from(picture), 'image/jpeg'])
    expect(reply.headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'cache-control': 'private, max-age=3600' })
    expect((await get('/covers/song-1', { 'if-none-match': String(reply.headers.etag) })).statusCode).toBe(304)
  })

  it('many rows of one song, and again later, the origin away: it is asked once', async () => {
    await Promise.all([get('/covers/song-1'), get('/covers/song-1')])
    fault = unreachable
    expect((await get('/covers/song-1')).statusCode).toBe(200)
    expect(fetched).toEqual(['song-1'])
  })

  it('a song without one: 404, and asked again only after a while', async () => {
    expect((await get('/covers/bare')).statusCode).toBe(404)
    expect((await get('/covers/bare')).statusCode).toBe(404)
    expect(fetched).toEqual(['bare'])
    clock.advance(5 * 60_000)
    expect((await get('/covers/bare')).statusCode).toBe(404)
    expect(fetched).toEqual(['bare', 'bare'])
  })

  it('an origin that is away: 503, and asked again at once; an id that is none: 400', async () => {
    fault = unreachable
    expect((await get('/covers/song-2')).statusCode).toBe(503)
    fault = undefined
    expect((await get('/covers/song-2')).statusCode).toBe(200)
    expect((await get('/covers/..%2f')).statusCode).toBe(400)
  })
})
