// The audio of songs for the players of this machine: GET and HEAD below /stream, while the song may still be arriving.
// Not the bytes (song-stream.ts) and not the guard before them (player-routes.ts).
// Invariant: when the server closes, no answer is left open, however slow its player.

import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { toEvaError } from '@evastream/core/errors'
import { parseSongId } from '@evastream/core/ids'
import type { Manifest } from '@evastream/core/manifest'
import { SECOND_MS } from '@evastream/core/units'
import { NamedStreamParams, StreamFileParams } from '@evastream/protocol/peer-http'
import type { HttpApp, HttpReply, HttpRequest } from '@evastream/service-kit/http-app'
import type { Clock, Timers } from '@evastream/service-kit/system-clock'
import type { SongFinder } from '../library/song-finder.ts'
import type { SongLibrary } from '../library/song-library.ts'
import type { PlaybackDesk } from '../playback/playback-desk.ts'
import { type StreamReply, streamReply } from '../playback/song-stream.ts'
import { PlayerCors } from './player-cors.ts'
import { asUnavailable } from './service-trouble.ts'

export interface StreamRoutesDeps {
  readonly library: Pick<SongLibrary, 'openSong'>
  readonly finder: Pick<SongFinder, 'find'>
  readonly playback: Pick<PlaybackDesk, 'open' | 'close'>
  readonly clock: Clock
  readonly timers: Timers
}

/** How long a connection that its player has half closed may stand still. */
const HALF_CLOSED_PATIENCE_MS = SECOND_MS / 2

/** What people type: the id of a song, with an extension or without. */
const NAMED_URL = '/stream/:name'
/** What we hand out: the id alone says which song it is, and what follows is for players that go by an extension. */
const FILE_URL = '/stream/:songId/:fileName'

export const STREAM_URLS: readonly string[] = [NAMED_URL, FILE_URL]

export function addStreamRoutes(app: HttpApp, deps: StreamRoutesDeps, options: { readonly allowedOrigins: readonly string[] }): void {
  const { library, finder, playback } = deps
  const cors = new PlayerCors({ origins: options.allowedOrigins })
  const answers = new StreamAnswers(deps, cors)
  // A player may close its half of the connection once its request is sent, and still wants the answer.
  Object.assign(app.server, { httpAllowHalfOpen: true })
  app.addHook('preClose', async () => {
    playback.close()
    answers.close()
  })
  const get = { method: ['GET', 'HEAD'], exposeHeadRoute: false }
  const tags = ['peer']
  const summary = 'The audio of a song, whole or in ranges, as it arrives'
  app.route({
    ...get,
    url: FILE_URL,
    schema: { tags, summary, params: StreamFileParams },
    handler: async (request, reply) => answers.send(request, reply, () => library.openSong(parseSongId(request.params.songId))),
  })
  app.route({
    ...get,
    url: NAMED_URL,
    schema: { tags, summary: `${summary}; an extension may follow the id`, params: NamedStreamParams },
    handler: async (request, reply) => answers.send(request, reply, () => finder.find(request.params.name)),
  })
  const preflight = 'Which requests a page of a listed origin may make'
  const answerPreflight = async (request: HttpRequest, reply: HttpReply) => cors.answerPreflight(request, reply)
  app.options(FILE_URL, { schema: { tags, summary: preflight, params: StreamFileParams } }, answerPreflight)
  app.options(NAMED_URL, { schema: { tags, summary: preflight, params: NamedStreamParams } }, answerPreflight)
}

class StreamAnswers {
  readonly #deps: Pick<StreamRoutesDeps, 'playback' | 'clock' | 'timers'>
  readonly #cors: PlayerCors
  readonly #bodies = new Set<Readable>()

  constructor(deps: Pick<StreamRoutesDeps, 'playback' | 'clock' | 'timers'>, cors: PlayerCors) {
    this.#deps = deps
    this.#cors = cors
  }

  async send(request: HttpRequest, reply: HttpReply, openSong: () => Promise<Manifest>): Promise<HttpReply> {
    const askedAt = this.#deps.clock.now()
    this.#cors.allow(request, reply)
    const manifest = await openSong().catch(thrown => {
      throw asUnavailable(toEvaError(thrown))
    })
    const { status, headers, body } = this.#answer(manifest, { request, reply, askedAt })
    if (body !== undefined) this.#keepUntilClosed(body, request)
    return reply.code(status).headers(headers).send(body)
  }

  /** Ends every answer that is still under way. */
  close(): void {
    for (const body of this.#bodies) body.destroy()
  }

  #answer(manifest: Manifest, { request, reply, askedAt }: { request: HttpRequest; reply: HttpReply; askedAt: number }): StreamReply {
    const { range, 'if-range': ifRange, 'if-none-match': ifNoneMatch } = request.headers
    const conditions = { method: request.method, range, ifRange: typeof ifRange === 'string' ? ifRange : undefined, ifNoneMatch }
    const { playback } = this.#deps
    try {
      return streamReply({ manifest, openReader: positionBytes => playback.open(manifest, positionBytes, askedAt) }, conditions)
    } catch (thrown) {
      const error = toEvaError(thrown)
      if (error.code === 'EVA_RANGE_NOT_SATISFIABLE') reply.header('content-range', `bytes */${manifest.fileSize}`)
      throw error
    }
  }

  #keepUntilClosed(body: Readable, { raw }: HttpRequest): void {
    this.#bodies.add(body)
    body.once('close', () => this.#bodies.delete(body))
    // A player that left while its song was looked up never takes this body: nobody else would end it.
    if (raw.socket.destroyed) body.destroy()
    const leave = () => this.#leaveWhenIdle(body, raw.socket)
    raw.socket.once('end', leave)
    body.once('close', () => raw.socket.off('end', leave))
  }

  /** A player that has hung up looks the same as one that closed its half, until something is sent to it: who has to wait is let go. */
  #leaveWhenIdle(body: Readable, socket: Socket): void {
    let bytesWritten = -1
    const stop = this.#deps.timers.every(HALF_CLOSED_PATIENCE_MS, () => {
      if (socket.bytesWritten === bytesWritten && socket.writableLength === 0) body.destroy()
      bytesWritten = socket.bytesWritten
    })
    body.once('close', stop)
  }
}
