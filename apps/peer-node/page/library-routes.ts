// The operator's library and covers, passed on to this peer's page, so that the page talks to one address only.
// Not this peer's own songs (/api/songs), and not behind a guard of its own: player-routes.ts guards the whole server.
// Invariant: nothing but a picture is ever served as a cover, whatever the origin sent.

import { createHash } from 'node:crypto'
import { toEvaError } from '@evastream/core/errors'
import { parseSongId } from '@evastream/core/ids'
import { answerFor } from '@evastream/protocol/conditional-request'
import { COVER_PATH } from '@evastream/protocol/origin-http'
import { SongParams } from '@evastream/protocol/peer-http'
import type { HttpApp } from '@evastream/service-kit/http-app'
import { addLibraryRoutes as addPages, type LibrarySource } from '@evastream/service-kit/library-routes'
import type { CoverShelf } from './cover-shelf.ts'
import { asUnavailable } from './service-trouble.ts'

export interface LibraryRoutesDeps {
  readonly catalog: LibrarySource
  readonly covers: Pick<CoverShelf, 'take'>
}

const COVER_CACHING = 'private, max-age=3600'

export function addLibraryRoutes(app: HttpApp, { catalog, covers }: LibraryRoutesDeps): void {
  const source: LibrarySource = {
    songs: wanted => catalog.songs(wanted).catch(refuse),
    albums: wanted => catalog.albums(wanted).catch(refuse),
    artists: wanted => catalog.artists(wanted).catch(refuse),
  }
  addPages(app, source, '/api')
  const schema = { tags: ['library'], summary: "A song's cover picture", params: SongParams }
  app.get(`${COVER_PATH}/:songId`, { schema }, async (request, reply) => {
    const { bytes, mimeType } = await covers.take(parseSongId(request.params.songId)).catch(refuse)
    const entityTag = `"${createHash('sha256').update(bytes).digest('base64url')}"`
    reply.headers({ etag: entityTag, 'cache-control': COVER_CACHING })
    const conditions = { method: request.method, ifNoneMatch: request.headers['if-none-match'] }
    if (answerFor(conditions, { sizeBytes: bytes.length, entityTag }).kind === 'not-modified') return reply.code(304).send()
    return reply.type(mimeType).send(bytes)
  })
}

function refuse(thrown: unknown): never {
  throw asUnavailable(toEvaError(thrown))
}
