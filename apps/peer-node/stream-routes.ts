// The audio of songs for the players of this machine: GET and HEAD of /stream/{songId}, while the song may still be arriving.
// Not the bytes (song-stream.ts) and not the guard before them (player-routes.ts).
// Invariant: when the server closes, no answer is left open, however slow its player.

import type { Readable } from 'node:stream'
import { EvaError, toEvaError } from '@evastream/core/errors'
import { parseSongId } from '@evastream/core/ids'
import type { Manifest } from '@evastream/core/manifest'
import { StreamParams } from '@evastream/protocol/peer-http'
import type { HttpApp } from '@evastream/service-kit/http-app'
import type { Clock } from '@evastream/service-kit/system-clock'
import type { PlaybackDesk } from './playback-desk.ts'
import { PlayerCors } from './player-cors.ts'
import { asUnavailable } from './service-trouble.ts'
import type { SongLibrary } from './song-library.ts'
import { streamReply } from './song-stream.ts'

export interface StreamRoutesDeps {
  readonly library: Pick<SongLibrary, 'openSong' | 'manifestOf'>
  readonly playback: Pick<PlaybackDesk, 'open' | 'close'>
  readonly clock: Clock
}

export const STREAM_URL = '/stream/:songId'

export function addStreamRoutes(app: HttpApp, deps: StreamRoutesDeps, options: { readonly allowedOrigins: readonly string[] }): void {
  const { library, playback, clock } = deps
  const cors = new PlayerCors({ origins: options.allowedOrigins })
  const bodies = new Set<Readable>()
  app.addHook('preClose', async () => {
    playback.close()
    for (const body of bodies) body.destroy()
  })
  app.route({
    method: ['GET', 'HEAD'],
    url: STREAM_URL,
    exposeHeadRoute: false,
    schema: { tags: ['peer'], summary: 'The audio of a song, whole or in ranges, as it arrives', params: StreamParams },
    handler: async (request, reply) => {
      const askedAt = clock.now()
      cors.allow(request, reply)
      const manifest = await findSong(library, request.params.songId)
      const { range, 'if-range': ifRange, 'if-none-match': ifNoneMatch } = request.headers
      const conditions = { method: request.method, range, ifRange: typeof ifRange === 'string' ? ifRange : undefined, ifNoneMatch }
      // Stands in a refusal alone: every other answer has its own Content-Range or none.
      reply.header('content-range', `bytes */${manifest.fileSize}`)
      const song = { manifest, openReader: (positionBytes: number) => playback.open(manifest, positionBytes, askedAt) }
      const { status, headers, body } = streamReply(song, conditions)
      reply.removeHeader('content-range')
      if (body !== undefined) {
        bodies.add(body)
        body.once('close', () => bodies.delete(body))
        // A player that left while its song was looked up never takes this body: nobody else would end it.
        if (request.raw.socket.destroyed) body.destroy()
      }
      return reply.code(status).headers(headers).send(body)
    },
  })
  const preflightSchema = { tags: ['peer'], summary: 'Which requests a page of a listed origin may make', params: StreamParams }
  app.options(STREAM_URL, { schema: preflightSchema }, async (request, reply) => cors.answerPreflight(request, reply))
}

/** By the name as it stands, else without its extension: an id may have dots of its own. */
async function findSong(library: StreamRoutesDeps['library'], name: string): Promise<Manifest> {
  const plain = name.replace(/\.[A-Za-z0-9]{1,8}$/, '')
  const names = plain === name || plain === '' ? [name] : [name, plain]
  for (const candidate of names) {
    const known = library.manifestOf(parseSongId(candidate))
    if (known !== undefined) return known
  }
  let failure: EvaError | undefined
  for (const candidate of names) {
    const opened = await library.openSong(parseSongId(candidate)).catch(toEvaError)
    if (!(opened instanceof EvaError)) return opened
    failure ??= opened
  }
  throw asUnavailable(failure ?? new EvaError('EVA_SONG_NOT_FOUND', { details: { songId: name } }))
}
