// The origin's HTTP interface: chunks, covers, and what was served.
// Not the files (chunk-storage.ts), not the limits (admission.ts), not the sending (file-sender.ts): it joins them.
// Invariant: every answer gives its slot back and closes its file, however it ends.

import { EvaError, toEvaError } from '@evastream/core/errors'
import { parseSongId } from '@evastream/core/ids'
import { answerFor } from '@evastream/protocol/conditional-request'
import { CHUNK_PATH, ChunkQuery, COVER_PATH, CoverParams, OriginStats, parseChunkId } from '@evastream/protocol/origin-http'
import type { HttpApp } from '@evastream/service-kit/http-app'
import type { Logger } from '@evastream/service-kit/logger'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Admission } from './admission.ts'
import type { ChunkStorage, StoredFile } from './chunk-storage.ts'
import type { FileSender } from './file-sender.ts'
import type { OriginCounters } from './origin-counters.ts'

export interface OriginDeps {
  readonly storage: ChunkStorage
  readonly admission: Admission
  readonly sender: FileSender
  readonly counters: OriginCounters
  readonly logger: Logger
}

interface Exchange {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
}

/** A chunk never changes; a cover may be added or replaced, and asking again costs a 304. */
const CHUNK_CACHING = 'public, max-age=31536000, immutable'
const COVER_CACHING = 'public, max-age=3600'
const STATUS_CLIENT_GONE = 499

export function addOriginRoutes(app: HttpApp, deps: OriginDeps): void {
  const { storage, counters } = deps
  const server = new FileServer(deps)
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
        const [song, chunk] = [parseSongId(songId), parseChunkId(chunkId)]
        return server.serve({ request, reply }, () => storage.openChunk(song, chunk), CHUNK_CACHING)
      },
    })
    app.route({
      ...options,
      url: `${COVER_PATH}/:songId`,
      schema: { ...coverSchema, summary: `${what} of a song's cover picture` },
      handler: async (request, reply) => {
        const song = parseSongId(request.params.songId)
        return server.serve({ request, reply }, () => storage.openCover(song), COVER_CACHING)
      },
    })
  }
  app.get(
    '/stats',
    { schema: { tags: ['figures'], summary: 'What was served since the start', response: { 200: OriginStats } } },
    async (_request, reply) => reply.header('cache-control', 'no-store').send(await counters.stats()),
  )
}

class FileServer {
  readonly #deps: OriginDeps

  constructor(deps: OriginDeps) {
    this.#deps = deps
  }

  async serve(exchange: Exchange, open: () => Promise<StoredFile>, caching: string): Promise<FastifyReply> {
    const leave = this.#deps.admission.enter()
    try {
      const file = await open()
      try {
        return await this.#answer(exchange, file, caching)
      } finally {
        await file.close()
      }
    } catch (thrown) {
      return this.#fail(exchange, toEvaError(thrown))
    } finally {
      leave()
    }
  }

  /** Past the head an error can only be told by a broken connection, which the sender has seen to. */
  #fail({ request, reply }: Exchange, error: EvaError): FastifyReply {
    if (error.blames === 'self') this.#deps.logger.error({ code: error.code, err: error.cause ?? error, url: request.url }, 'a file failed')
    if (!reply.sent) throw error
    this.#deps.counters.countRequest(error.httpStatus)
    return reply
  }

  async #answer(exchange: Exchange, file: StoredFile, caching: string): Promise<FastifyReply> {
    const { request, reply } = exchange
    const { method, headers } = request
    const { sizeBytes, entityTag } = file
    reply.headers({ etag: entityTag, 'cache-control': caching, 'accept-ranges': 'bytes' })
    const conditions = { method, range: headers.range, ifRange: onlyText(headers['if-range']), ifNoneMatch: headers['if-none-match'] }
    const answer = answerFor(conditions, file)
    if (answer.kind === 'not-modified') return reply.code(304).send()
    if (answer.kind === 'unsatisfiable') {
      reply.header('content-range', `bytes */${sizeBytes}`)
      throw new EvaError('EVA_RANGE_NOT_SATISFIABLE', { details: { sizeBytes } })
    }
    const part = answer.kind === 'part' ? answer : { firstByte: 0, lengthBytes: sizeBytes }
    reply.headers({ 'content-type': file.mimeType, 'content-length': part.lengthBytes })
    if (answer.kind === 'part')
      reply.code(206).header('content-range', `bytes ${part.firstByte}-${part.firstByte + part.lengthBytes - 1}/${sizeBytes}`)
    if (method === 'HEAD') return reply.send()
    await this.#send(exchange, file, part)
    return reply
  }

  async #send({ request, reply }: Exchange, file: StoredFile, part: { firstByte: number; lengthBytes: number }): Promise<void> {
    const { admission, sender, counters } = this.#deps
    admission.spend(part.lengthBytes)
    let unsentBytes = part.lengthBytes
    try {
      const outcome = await sender.send({
        ...part,
        file,
        socket: request.raw.socket,
        begin: () => {
          reply.hijack()
          return reply.raw.writeHead(reply.statusCode, reply.getHeaders() as Record<string, string>)
        },
        onSent: bytes => {
          unsentBytes -= bytes
          counters.countSent(bytes)
        },
      })
      if (outcome === 'client-gone') counters.countRequest(STATUS_CLIENT_GONE)
    } finally {
      admission.refund(unsentBytes)
    }
  }
}

/** Node gives some headers as lists; of these two only one makes sense. */
function onlyText(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value
}
