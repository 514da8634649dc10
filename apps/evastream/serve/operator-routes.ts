// The operator's part of the page's HTTP interface: upload a song, edit what is said of it, delete it, see how the folder stands.
// Not the doing (operator-desk.ts, the keeper of the folder).
// Invariant: where others can reach this server, every act but a listener's own takes the token, before a byte of a body is read.

import type { Readable } from 'node:stream'
import { EvaError } from '@evastream/core/errors'
import { parseSongId } from '@evastream/core/ids'
import { MINUTE_MS } from '@evastream/core/units'
import type { LibraryKeeper } from '@evastream/music-library/library-keeper'
import { EDIT_BODY_LIMIT_BYTES, SongEdit, SongParams, SongSummary } from '@evastream/protocol/metadata-http'
import type { HttpApp, HttpRequest } from '@evastream/service-kit/http-app'
import { requireToken } from '@evastream/service-kit/operator-token'
import type { Timers } from '@evastream/service-kit/system-clock'
import { Type } from 'typebox'
import type { OperatorDesk } from './operator-desk.ts'
import type { UploadFiles } from './upload-files.ts'

export interface OperatorRoutesDeps {
  readonly desk: Pick<OperatorDesk, 'publish' | 'edit'>
  readonly keeper: Pick<LibraryKeeper, 'adopt' | 'hide' | 'state'>
  readonly uploads: UploadFiles
  readonly timers: Pick<Timers, 'after'>
}

export interface OperatorRoutesOptions {
  /** Undefined: only this machine's own user reaches this server, and the guard before it keeps other pages out. */
  readonly token: string | undefined
}

const PATH = '/api/operator'
/** What a listener may do besides looking and listening. */
const LISTENER_ACTS: ReadonlySet<string> = new Set(['PUT /api/queue'])
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])
/** Room for the longest recording over a slow wireless network. */
const UPLOAD_TIME_LIMIT_MS = 2 * 3600_000
/** For any other body, also one that was refused before it was read: who drips it has no use for the answer. */
const BODY_TIME_LIMIT_MS = 2 * MINUTE_MS
const UPLOAD_MEDIA_TYPES = /^(audio\/|video\/|application\/(octet-stream|ogg)\b)/

const tags = ['operator']
const security = [{ token: [] }]
const Published = Type.Object({ songId: Type.String(), title: Type.String(), result: Type.String() })
const ScanState = Type.Object({
  folder: Type.String(),
  awayReason: Type.Optional(Type.String()),
  isBusy: Type.Boolean(),
  fileCount: Type.Integer(),
  songCount: Type.Integer(),
  pendingCount: Type.Integer(),
  missingCount: Type.Integer(),
  refused: Type.Array(Type.Object({ path: Type.String(), reason: Type.String() })),
})

export function addOperatorRoutes(app: HttpApp, deps: OperatorRoutesDeps, { token }: OperatorRoutesOptions): void {
  // First: a request that is refused is not seen by the guards behind.
  guardBodies(app, deps.timers)
  guardActs(app, token)
  const { desk, keeper } = deps
  app.patch(
    `${PATH}/songs/:songId`,
    {
      bodyLimit: EDIT_BODY_LIMIT_BYTES,
      schema: {
        tags,
        security,
        summary: 'Edit what is said of a song',
        params: SongParams,
        body: SongEdit,
        response: { 200: SongSummary },
      },
    },
    async request => desk.edit(parseSongId(request.params.songId), request.body),
  )
  app.delete(
    `${PATH}/songs/:songId`,
    { schema: { tags, security, summary: 'Take a song away; its file stays', params: SongParams, response: { 204: Type.Null() } } },
    async (request, reply) => {
      const songId = parseSongId(request.params.songId)
      if (!(await keeper.hide(songId))) throw new EvaError('EVA_SONG_NOT_FOUND', { details: { songId } })
      return reply.code(204).send(null)
    },
  )
  app.get(
    `${PATH}/scan`,
    { schema: { tags, security, summary: 'How the folder stands', response: { 200: ScanState } } },
    async (_request, reply) => {
      reply.header('cache-control', 'no-store')
      const { refused, ...state } = keeper.state()
      return { ...state, refused: [...refused] }
    },
  )
  addUploadRoute(app, deps)
}

function addUploadRoute(app: HttpApp, { desk, keeper, uploads }: OperatorRoutesDeps): void {
  // The body is not read here: it goes to the disk as it comes.
  app.addContentTypeParser(UPLOAD_MEDIA_TYPES, (_request, payload, done) => done(null, payload))
  app.server.requestTimeout = UPLOAD_TIME_LIMIT_MS
  const querystring = Type.Object({ name: Type.String({ minLength: 1, maxLength: 512, description: 'The name of the file' }) })
  app.post(
    `${PATH}/songs`,
    {
      schema: {
        tags,
        security,
        summary: 'Publish the audio file that is the body',
        querystring,
        response: { 200: Published, 201: Published },
      },
    },
    async (request, reply) => {
      if (!isStream(request.body))
        throw new EvaError('EVA_MEDIA_TYPE_UNSUPPORTED', { details: { value: request.headers['content-type'] ?? '' } })
      const gone = new AbortController()
      request.raw.once('close', () => !request.raw.complete && gone.abort())
      const song = await uploads.receive(request.query.name, request.body, path => desk.publish(path, gone.signal))
      keeper.adopt(song.songId)
      return reply.code(song.result === 'created' ? 201 : 200).send(song)
    },
  )
}

/** Judged for every route of this server, those of the peer included: who may not manage the library may not turn the peer's switches. */
function guardActs(app: HttpApp, token: string | undefined): void {
  if (token === undefined) return
  const judge = requireToken(token)
  app.addHook('onRequest', async request => {
    if (isListeners(request)) return
    await judge(request)
  })
}

/** The server itself has one time for all requests, and that is the uploads'. */
function guardBodies(app: HttpApp, timers: Pick<Timers, 'after'>): void {
  const limit = ({ headers, raw }: HttpRequest) => {
    if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined) return
    const stop = timers.after(BODY_TIME_LIMIT_MS, () => raw.complete || raw.socket.destroy())
    raw.once('close', stop)
  }
  app.addHook('onRequest', async request => {
    if (!isUpload(request)) limit(request)
  })
  app.addHook('onError', async request => {
    if (isUpload(request)) limit(request)
  })
}

function isUpload({ method, routeOptions }: HttpRequest): boolean {
  return method === 'POST' && routeOptions.url === `${PATH}/songs`
}

function isListeners({ method, routeOptions }: HttpRequest): boolean {
  const url = routeOptions.url ?? ''
  return SAFE_METHODS.has(method) ? !url.startsWith(PATH) : LISTENER_ACTS.has(`${method} ${url}`)
}

function isStream(body: unknown): body is Readable {
  return typeof body === 'object' && body !== null && 'pipe' in body
}
