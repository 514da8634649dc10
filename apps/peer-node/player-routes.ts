// The peer's own HTTP interface, for its page, its player and the command line of this machine.
// Not reachable from elsewhere: it listens on loopback, and the guard refuses what other web pages send.
// Invariant: a route decides nothing; it asks the library, the ledger or the store and shapes the answer.

import { toEvaError } from '@evastream/core/errors'
import { parseSongId } from '@evastream/core/ids'
import { PeerPlays, PeerSongs, PeerStatus, SongParams, SongPin, SongProgress } from '@evastream/protocol/peer-http'
import { streamPathOf } from '@evastream/protocol/stream-path'
import type { HttpApp } from '@evastream/service-kit/http-app'
import { loopbackGuard } from '@evastream/service-kit/loopback-guard'
import type { SongLibrary } from './library/song-library.ts'
import { asUnavailable } from './page/service-trouble.ts'
import { STREAM_URLS } from './page/stream-routes.ts'
import type { PlaybackDesk } from './playback/playback-desk.ts'

export interface PlayerRoutesDeps {
  readonly library: Pick<SongLibrary, 'openSong' | 'download' | 'list' | 'manifestOf' | 'statusOf' | 'pin' | 'isPinned'>
  readonly playback: Pick<PlaybackDesk, 'recentPlays'>
  status(): PeerStatus
}

const NO_STORE = { 'cache-control': 'no-store' }

interface PlayerRoutesOptions {
  readonly allowedOrigins: readonly string[]
  readonly allowedHosts?: readonly string[]
}

export function addPlayerRoutes(app: HttpApp, deps: PlayerRoutesDeps, options: PlayerRoutesOptions): void {
  const { allowedHosts = [] } = options
  const guard = loopbackGuard({ allowedHosts })
  // Pages of listed origins may play, and nothing else.
  const audioGuard = loopbackGuard(options)
  app.addHook('onRequest', request => (STREAM_URLS.includes(request.routeOptions.url ?? '') ? audioGuard : guard)(request))
  addApiRoutes(app, deps)
  addPinRoutes(app, deps)
}

function addApiRoutes(app: HttpApp, { library, playback, status }: PlayerRoutesDeps): void {
  const tags = ['peer']
  const statusSchema = { tags, summary: 'What this peer holds, received and sent', response: { 200: PeerStatus } }
  app.get('/api/status', { schema: statusSchema }, async (_request, reply) => {
    reply.headers(NO_STORE)
    return status()
  })
  app.get('/api/songs', { schema: { tags, summary: 'The songs known here', response: { 200: PeerSongs } } }, async (_request, reply) => {
    reply.headers(NO_STORE)
    return { songs: library.list().flatMap(progress => describe(progress, library)) }
  })
  app.get(
    '/api/plays',
    { schema: { tags, summary: 'What was played, the newest first', response: { 200: PeerPlays } } },
    async (_request, reply) => {
      reply.headers(NO_STORE)
      return { plays: playback.recentPlays() }
    },
  )
  const downloadSchema = { tags, summary: 'Fetch the whole song', params: SongParams, response: { 202: SongProgress } }
  app.post('/api/songs/:songId/download', { schema: downloadSchema }, async (request, reply) => {
    const songId = parseSongId(request.params.songId)
    await library.download(songId).catch(thrown => {
      throw asUnavailable(toEvaError(thrown))
    })
    reply.code(202)
    return library.statusOf(songId) ?? { songId, chunkCount: 0, chunksHeld: 0, complete: false }
  })
}

function addPinRoutes(app: HttpApp, { library }: PlayerRoutesDeps): void {
  const schema = (summary: string) => ({ schema: { tags: ['peer'], summary, params: SongParams, response: { 200: SongPin } } })
  const pin = async (name: string, pinned: boolean) => {
    const songId = parseSongId(name)
    await library.pin(songId, pinned).catch(thrown => {
      throw asUnavailable(toEvaError(thrown))
    })
    return { songId, pinned }
  }
  app.put('/api/songs/:songId/pin', schema('Keep what is here of the song'), async ({ params }) => pin(params.songId, true))
  app.delete('/api/songs/:songId/pin', schema('Keep it no longer than others'), async ({ params }) => pin(params.songId, false))
}

function describe(progress: SongProgress, library: PlayerRoutesDeps['library']): PeerSongs['songs'] {
  const songId = parseSongId(progress.songId)
  const manifest = library.manifestOf(songId)
  if (manifest === undefined) return []
  const { title, artist, album, durationMs, mimeType, fileSize } = manifest
  const description = Object.fromEntries(Object.entries({ artist, album, durationMs, mimeType }).filter(([, value]) => value !== undefined))
  return [
    { ...progress, title, fileSize, ...description, pinned: library.isPinned(songId), streamPath: streamPathOf({ songId, mimeType }) },
  ]
}
