// The origin's HTTP interface: chunks, covers, and what was served.
// Not the files (chunk-storage.ts), not how they are answered with (file-server.ts), nor the short way of most (chunk-lane.ts).
// Invariant: whatever is refused is refused here, in words.

import { type ChunkId, parseSongId, type SongId } from '@evastream/core/ids'
import type { Millis } from '@evastream/core/units'
import { CHUNK_PATH, ChunkQuery, COVER_PATH, CoverParams, OriginStats, parseChunkId } from '@evastream/protocol/origin-http'
import type { HttpApp } from '@evastream/service-kit/http-app'
import type { Logger } from '@evastream/service-kit/logger'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Registry } from 'prom-client'
import { openChunkLane } from './chunk-lane.ts'
import type { ChunkStorage } from './chunk-storage.ts'
import { type AskedFile, type FileExchange, type FileOutcome, FileServer, type FileServerDeps } from './file-server.ts'

export interface OriginDeps extends FileServerDeps {
  readonly storage: ChunkStorage
  readonly clock: { now(): Millis }
  readonly metrics: Registry
}

/** A chunk never changes; a cover may be added or replaced, and asking again costs a 304. */
const CHUNK_CACHING = 'public, max-age=31536000, immutable'
const COVER_CACHING = 'public, max-age=3600'

export function addOriginRoutes(app: HttpApp, deps: OriginDeps): void {
  const { storage, counters } = deps
  const files = new FileServer(deps)
  const server = new FrameworkServer(files, deps.logger)
  const chunkOf = (songId: SongId, chunkId: ChunkId): AskedFile => ({
    open: () => storage.openChunk(songId, chunkId),
    caching: CHUNK_CACHING,
  })
  const counted = { onResponse: async (_request: FastifyRequest, reply: FastifyReply) => counters.countRequest(reply.statusCode) }
  const chunkSchema = { tags: ['files'], querystring: ChunkQuery }
  const coverSchema = { tags: ['files'], params: CoverParams }

  for (const method of ['HEAD', 'GET'] as const) {
    const options = { method, ...counted }
    const what = method === 'GET' ? 'The bytes' : 'The size and tag'
    app.route({
      ...options,
      url: CHUNK_PATH,
      schema: { ...chunkSchema, summary: `${what} of a chunk, or of a range of it` },
      handler: async (request, reply) => {
        const { songId, chunkId } = request.query
        return await server.serve({ request, reply }, chunkOf(parseSongId(songId), parseChunkId(chunkId)))
      },
    })
    app.route({
      ...options,
      url: `${COVER_PATH}/:songId`,
      schema: { ...coverSchema, summary: `${what} of a song's cover picture` },
      handler: async (request, reply) => {
        const song = parseSongId(request.params.songId)
        return await server.serve({ request, reply }, { open: () => storage.openCover(song), caching: COVER_CACHING })
      },
    })
  }
  app.get(
    '/stats',
    { schema: { tags: ['figures'], summary: 'What was served since the start', response: { 200: OriginStats } } },
    async (_request, reply) => reply.header('cache-control', 'no-store').send(counters.stats()),
  )
  openChunkLane(app, { ...deps, files, chunkOf })
}

/** Serves files by the framework's way, which has a word for each refusal. */
class FrameworkServer {
  readonly #files: FileServer
  readonly #logger: Logger

  constructor(files: FileServer, logger: Logger) {
    this.#files = files
    this.#logger = logger
  }

  async serve({ request, reply }: { request: FastifyRequest; reply: FastifyReply }, file: AskedFile): Promise<FastifyReply> {
    const begin: FileExchange['begin'] = ({ status, fields }) => {
      reply.hijack()
      const ownFields = Object.entries(reply.getHeaders()).flat() as string[]
      return reply.raw.writeHead(status, [...ownFields, ...fields])
    }
    const outcome = await new Promise<FileOutcome>(resolve => this.#files.serve({ ...file, request: request.raw, begin }, resolve))
    if (outcome.kind !== 'refused') return reply
    const { error, headers } = outcome
    const { code, cause } = error
    if (error.blames === 'self') this.#logger.error({ code, err: cause ?? error, url: request.url }, 'a file failed')
    reply.headers(headers)
    throw error
  }
}
