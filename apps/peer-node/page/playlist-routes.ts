// Playlists for players that know nothing of us: one song, or the whole library, as extended M3U with absolute addresses.
// Not the audio (its addresses are /stream's), and not behind a guard of its own: player-routes.ts guards the whole server.
// Invariant: the addresses lead back to the host that was asked, which has passed the guard.

import { EvaError, toEvaError } from '@evastream/core/errors'
import { parseSongId, type SongId } from '@evastream/core/ids'
import type { Manifest } from '@evastream/core/manifest'
import { Type } from '@evastream/protocol/json-schema'
import { SongParams } from '@evastream/protocol/peer-http'
import type { HttpApp } from '@evastream/service-kit/http-app'
import { extendedPlaylist, PLAYLIST_MIME_TYPE, type PlaylistSong } from './extended-playlist.ts'
import { asUnavailable } from './service-trouble.ts'

export interface PlaylistRoutesDeps {
  readonly library: { openSong(songId: SongId): Promise<Manifest> }
  listLibrary(): Promise<readonly PlaylistSong[]>
}

const HEADERS = { 'content-type': PLAYLIST_MIME_TYPE, 'cache-control': 'no-store' }

export function addPlaylistRoutes(app: HttpApp, { library, listLibrary }: PlaylistRoutesDeps): void {
  const tags = ['peer']
  const librarySchema = { tags, summary: 'Every song, as a playlist', querystring: Type.Object({}, { additionalProperties: false }) }
  app.get('/library.m3u8', { schema: librarySchema }, async (request, reply) => {
    const songs = await listLibrary()
    return reply.headers(HEADERS).send(extendedPlaylist(songs, originOf(request.headers.host)))
  })
  const songSchema = { tags, summary: 'One song, as a playlist', params: SongParams }
  app.get('/songs/:songId.m3u8', { schema: songSchema }, async (request, reply) => {
    const manifest = await library.openSong(parseSongId(request.params.songId)).catch(toEvaError)
    if (manifest instanceof EvaError) throw asUnavailable(manifest)
    return reply.headers(HEADERS).send(extendedPlaylist([manifest], originOf(request.headers.host)))
  })
}

function originOf(host: string | undefined): string {
  return `http://${(host ?? '').toLowerCase()}`
}
