// The metadata service's HTTP interface: requests to catalog calls, outcomes to replies.
// Not the rules: the catalog has those, and the schemas (packages/protocol) say what a request may be.
// Invariant: a write is refused for want of the token before its body is read.

import { parseSongId } from '@evastream/core/ids'
import { answerFor } from '@evastream/protocol/conditional-request'
import { Type } from '@evastream/protocol/json-schema'
import {
  EDIT_BODY_LIMIT_BYTES,
  ListQuery,
  METADATA_PATH,
  PUBLISH_BODY_LIMIT_BYTES,
  PublishBody,
  PublishedManifest,
  SongEdit,
  SongList,
  SongParams,
  SongSummary,
} from '@evastream/protocol/metadata-http'
import type { HttpApp } from '@evastream/service-kit/http-app'
import { addLibraryRoutes } from '@evastream/service-kit/library-routes'
import { requireToken } from '@evastream/service-kit/operator-token'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Catalog } from './catalog.ts'
import type { RenderedDocument } from './manifest-rendering.ts'

export interface RouteDeps {
  readonly catalog: Catalog
  readonly operatorToken: string
}

const tags = ['songs']
const security = [{ token: [] }]

const JSON_MEDIA_TYPE = 'application/json; charset=utf-8'

const CacheControl = Object.freeze({
  /** May change with an edit: kept, but asked about each time. */
  edited: 'no-cache',
  /** The audio of an id never changes. */
  immutable: 'public, max-age=31536000, immutable',
})

export function addRoutes(app: HttpApp, deps: RouteDeps): void {
  addReadRoutes(app, deps.catalog)
  addLibraryRoutes(app, deps.catalog)
  addWriteRoutes(app, deps)
}

function addReadRoutes(app: HttpApp, catalog: Catalog): void {
  app.get(
    METADATA_PATH,
    { schema: { tags, summary: 'Search the songs, or list them all', querystring: ListQuery, response: { 200: SongList } } },
    async (request, reply) => {
      reply.header('cache-control', CacheControl.edited)
      return await catalog.search(request.query)
    },
  )
  app.get(
    `${METADATA_PATH}/:songId`,
    { schema: { tags, summary: 'The manifest of a song', params: SongParams, response: { 200: PublishedManifest } } },
    async (request, reply) => {
      const document = await catalog.findManifest(parseSongId(request.params.songId))
      return sendDocument(request, reply, { document, mediaType: JSON_MEDIA_TYPE, cacheControl: CacheControl.edited })
    },
  )
  app.get(
    `${METADATA_PATH}/:songId/blocks`,
    {
      schema: { tags, summary: 'SHA-256 of every 16 KiB block, 32 bytes each', params: SongParams, produces: ['application/octet-stream'] },
    },
    async (request, reply) => {
      const document = await catalog.findBlocks(parseSongId(request.params.songId))
      return sendDocument(request, reply, { document, mediaType: 'application/octet-stream', cacheControl: CacheControl.immutable })
    },
  )
}

function addWriteRoutes(app: HttpApp, { catalog, operatorToken }: RouteDeps): void {
  const onRequest = requireToken(operatorToken)
  app.post(
    METADATA_PATH,
    {
      onRequest,
      bodyLimit: PUBLISH_BODY_LIMIT_BYTES,
      schema: { tags, security, summary: 'Publish a song', body: PublishBody, response: { 200: SongSummary, 201: SongSummary } },
    },
    async (request, reply) => {
      const { kind, manifest } = await catalog.publish(request.body)
      const { chunks: _, ...summary } = manifest
      return reply
        .code(kind === 'created' ? 201 : 200)
        .header('location', `${METADATA_PATH}/${manifest.id}`)
        .send(summary)
    },
  )
  app.patch(
    `${METADATA_PATH}/:songId`,
    {
      onRequest,
      bodyLimit: EDIT_BODY_LIMIT_BYTES,
      schema: {
        tags,
        security,
        summary: 'Edit the description of a song',
        params: SongParams,
        body: SongEdit,
        response: { 200: PublishedManifest },
      },
    },
    async (request, reply) => {
      const document = await catalog.edit(parseSongId(request.params.songId), request.body)
      return sendDocument(request, reply, { document, mediaType: JSON_MEDIA_TYPE, cacheControl: CacheControl.edited })
    },
  )
  app.delete(
    `${METADATA_PATH}/:songId`,
    { onRequest, schema: { tags, security, summary: 'Forget a song', params: SongParams, response: { 204: Type.Null() } } },
    async (request, reply) => {
      await catalog.remove(parseSongId(request.params.songId))
      return reply.code(204).send(null)
    },
  )
}

interface Sendable {
  readonly document: RenderedDocument
  readonly mediaType: string
  readonly cacheControl: string
}

/** The document, or 304 for who has it. Its bytes go out as they are: no reply schema walks over them. */
function sendDocument(request: FastifyRequest, reply: FastifyReply, { document, mediaType, cacheControl }: Sendable): FastifyReply {
  const entityTag = entityTagOf(document)
  reply.header('etag', entityTag).header('cache-control', cacheControl)
  const conditions = { method: request.method, ifNoneMatch: request.headers['if-none-match'] }
  const isRead = request.method === 'GET' || request.method === 'HEAD'
  const answer = answerFor(conditions, { sizeBytes: document.body.length, entityTag })
  return isRead && answer.kind === 'not-modified' ? reply.code(304).send() : reply.type(mediaType).send(document.body)
}

function entityTagOf({ digest }: RenderedDocument): string {
  return `"${digest}"`
}
