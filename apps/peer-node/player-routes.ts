// The peer's own HTTP interface, for its page, its player and the command line of this machine.
// Not reachable from elsewhere: it listens on loopback, and the guard refuses what other web pages send.
// Invariant: a route decides nothing; it asks the library, the ledger or the store and shapes the answer.

import { EvaError, toEvaError } from '@evastream/core/errors'
import { parseSongId, type SongId } from '@evastream/core/ids'
import type { Manifest } from '@evastream/core/manifest'
import { SECOND_MS } from '@evastream/core/units'
import { PeerSongs, PeerStatus, SongParams, SongProgress, StreamParams } from '@evastream/protocol/peer-http'
import type { HttpApp } from '@evastream/service-kit/http-app'
import { loopbackGuard } from '@evastream/service-kit/loopback-guard'
import { Type } from 'typebox'
import { type NodeEvents, WATCHERS_MAX } from './node-events.ts'
import type { SongLibrary } from './song-library.ts'
import { type RangeReader, streamReply } from './song-stream.ts'

export interface PlayerRoutesDeps {
  readonly library: Pick<SongLibrary, 'openSong' | 'download' | 'list' | 'manifestOf' | 'statusOf'>
  readonly store: RangeReader
  readonly events: Pick<NodeEvents, 'watch' | 'close'>
  status(): PeerStatus
}

const RETRY_AFTER_MS = 2 * SECOND_MS
const NO_STORE = { 'cache-control': 'no-store' }

export function addPlayerRoutes(app: HttpApp, deps: PlayerRoutesDeps): void {
  app.addHook('onRequest', loopbackGuard())
  addApiRoutes(app, deps)
  addEventRoute(app, deps)
  addStreamRoute(app, deps)
}

function addApiRoutes(app: HttpApp, { library, status }: PlayerRoutesDeps): void {
  const tags = ['peer']
  const statusSchema = { tags, summary: 'What this peer holds, received and sent', response: { 200: PeerStatus } }
  app.get('/api/status', { schema: statusSchema }, async (_request, reply) => {
    reply.headers(NO_STORE)
    return status()
  })
  app.get('/api/songs', { schema: { tags, summary: 'The songs known here', response: { 200: PeerSongs } } }, async (_request, reply) => {
    reply.headers(NO_STORE)
    return { songs: library.list().flatMap(progress => describe(progress, library.manifestOf(parseSongId(progress.songId)))) }
  })
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

function addEventRoute(app: HttpApp, { events }: PlayerRoutesDeps): void {
  const schema = {
    tags: ['peer'],
    summary: 'What happens, as Server-Sent Events',
    querystring: Type.Object({}, { additionalProperties: false }),
  }
  app.get('/api/events', { schema }, async (_request, reply) => {
    const stream = events.watch()
    if (stream === undefined)
      throw new EvaError('EVA_LIMIT_REACHED', { details: { what: 'watchers', limit: WATCHERS_MAX, retryAfterMs: RETRY_AFTER_MS } })
    return reply.headers({ ...NO_STORE, 'content-type': 'text/event-stream' }).send(stream)
  })
  app.addHook('preClose', async () => events.close())
}

function addStreamRoute(app: HttpApp, { library, store }: PlayerRoutesDeps): void {
  const schema = { tags: ['peer'], summary: 'The audio of a complete song, whole or a range', params: StreamParams }
  app.route({
    method: ['GET', 'HEAD'],
    url: '/stream/:songId',
    exposeHeadRoute: false,
    schema,
    handler: async (request, reply) => {
      const manifest = await findSong(library, request.params.songId)
      if (library.statusOf(manifest.id)?.complete !== true)
        throw new EvaError('EVA_SONG_INCOMPLETE', { details: { songId: manifest.id, retryAfterMs: RETRY_AFTER_MS } })
      const { range, 'if-range': ifRange, 'if-none-match': ifNoneMatch } = request.headers
      const conditions = { method: request.method, range, ifRange: typeof ifRange === 'string' ? ifRange : undefined, ifNoneMatch }
      // Stands in a refusal alone: every other answer has its own Content-Range or none.
      reply.header('content-range', `bytes */${manifest.fileSize}`)
      const { status, headers, body } = streamReply(store, manifest, conditions)
      reply.removeHeader('content-range')
      return reply.code(status).headers(headers).send(body)
    },
  })
}

/** By the name as it stands, else without its extension: an id may have dots of its own. */
async function findSong(library: PlayerRoutesDeps['library'], name: string): Promise<Manifest> {
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

function describe(progress: SongProgress, manifest: Manifest | undefined): PeerSongs['songs'] {
  if (manifest === undefined) return []
  const { title, artist, album, durationMs, mimeType, fileSize } = manifest
  const description = Object.fromEntries(Object.entries({ artist, album, durationMs, mimeType }).filter(([, value]) => value !== undefined))
  return [{ ...progress, title, fileSize, ...description, streamPath: streamPathOf(manifest.id) }]
}

function streamPathOf(songId: SongId): string {
  return `/stream/${encodeURIComponent(songId)}`
}

/** Another service's trouble is, to this node's caller, a reason to come back later. */
function asUnavailable(error: EvaError): EvaError {
  if (error.blames !== 'service') return error
  const reason = error.message.replace(/\.$/, '')
  return new EvaError('EVA_NOT_READY', { details: { reason, retryAfterMs: RETRY_AFTER_MS }, cause: error })
}
