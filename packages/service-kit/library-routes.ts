// The routes of the library, the same wherever it is asked for: at the metadata service, and at each peer for its page.
// Not the finding: whoever has the songs, or knows whom to ask, does that.
// Invariant: one set of schemas and headers for both, so that a page cannot tell who answers it.

import {
  LIBRARY_PATH,
  LibraryAlbums,
  LibraryAlbumsQuery,
  LibraryArtists,
  LibraryArtistsQuery,
  LibrarySongs,
  LibrarySongsQuery,
} from '@evastream/protocol/library-http'
import type { HttpApp } from './http-app.ts'

/** Where the songs are. */
export interface LibrarySource {
  songs(wanted: LibrarySongsQuery): Promise<LibrarySongs>
  albums(wanted: LibraryAlbumsQuery): Promise<LibraryAlbums>
  artists(wanted: LibraryArtistsQuery): Promise<LibraryArtists>
}

/** @param prefix in front of the path: `/api` at a peer */
export function addLibraryRoutes(app: HttpApp, source: LibrarySource, prefix = ''): void {
  const tags = ['library']
  const headers = { 'cache-control': 'no-cache' }
  app.get(
    `${prefix}${LIBRARY_PATH}/songs`,
    { schema: { tags, summary: 'A page of songs', querystring: LibrarySongsQuery, response: { 200: LibrarySongs } } },
    async (request, reply) => reply.headers(headers).send(await source.songs(request.query)),
  )
  app.get(
    `${prefix}${LIBRARY_PATH}/albums`,
    { schema: { tags, summary: 'A page of albums', querystring: LibraryAlbumsQuery, response: { 200: LibraryAlbums } } },
    async (request, reply) => reply.headers(headers).send(await source.albums(request.query)),
  )
  app.get(
    `${prefix}${LIBRARY_PATH}/artists`,
    { schema: { tags, summary: 'A page of artists', querystring: LibraryArtistsQuery, response: { 200: LibraryArtists } } },
    async (request, reply) => reply.headers(headers).send(await source.artists(request.query)),
  )
}
