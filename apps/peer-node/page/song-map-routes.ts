// A song's map, over the peer's own HTTP interface.
// Not behind a guard of its own: player-routes.ts guards the whole server.
// Invariant: who asks for the map of a song makes it known here, and fetches nothing of it.

import { EvaError, toEvaError } from '@evastream/core/errors'
import { parseSongId, type SongId } from '@evastream/core/ids'
import { SongMap } from '@evastream/protocol/page-http'
import { SongParams } from '@evastream/protocol/peer-http'
import type { HttpApp } from '@evastream/service-kit/http-app'
import type { SongMaps } from '../playback/song-map.ts'
import { asUnavailable } from './service-trouble.ts'

export interface SongMapRoutesDeps {
  readonly library: { openSong(songId: SongId): Promise<unknown> }
  readonly maps: Pick<SongMaps, 'mapOf'>
}

export function addSongMapRoutes(app: HttpApp, { library, maps }: SongMapRoutesDeps): void {
  const schema = { tags: ['page'], summary: 'Where each chunk of a song came from', params: SongParams, response: { 200: SongMap } }
  app.get('/api/songs/:songId/map', { schema }, async (request, reply) => {
    const songId = parseSongId(request.params.songId)
    await library.openSong(songId).catch(thrown => {
      throw asUnavailable(toEvaError(thrown))
    })
    const map = maps.mapOf(songId)
    if (map === undefined) throw new EvaError('EVA_SONG_NOT_FOUND', { details: { songId } })
    reply.header('cache-control', 'no-store')
    return map
  })
}
