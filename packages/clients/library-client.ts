// The library of the metadata service as people browse it: pages of songs, albums and artists.
// Not manifests and not publishing (metadata-client.ts), and no cache: what was typed a moment ago is asked for once.
// Invariant: what is handed out fits its schema, or the call was thrown.

import {
  LIBRARY_PATH,
  LibraryAlbums,
  type LibraryAlbumsQuery,
  LibraryArtists,
  type LibraryArtistsQuery,
  LibrarySongs,
  type LibrarySongsQuery,
} from '@evastream/protocol/library-http'
import { type SchemaCheck, schemaCheck } from '@evastream/service-kit/schema-check'
import { ServiceCaller, type ServiceCallOptions } from './service-call.ts'

const checks = { songs: schemaCheck(LibrarySongs), albums: schemaCheck(LibraryAlbums), artists: schemaCheck(LibraryArtists) }

export class LibraryClient {
  readonly #caller: ServiceCaller

  constructor(options: ServiceCallOptions) {
    this.#caller = new ServiceCaller('metadata service', options)
  }

  /** @throws EvaError `EVA_SERVICE_*` */
  songs(wanted: LibrarySongsQuery): Promise<LibrarySongs> {
    return this.#page('songs', wanted, checks.songs)
  }

  /** @throws EvaError `EVA_SERVICE_*` */
  albums(wanted: LibraryAlbumsQuery): Promise<LibraryAlbums> {
    return this.#page('albums', wanted, checks.albums)
  }

  /** @throws EvaError `EVA_SERVICE_*` */
  artists(wanted: LibraryArtistsQuery): Promise<LibraryArtists> {
    return this.#page('artists', wanted, checks.artists)
  }

  async close(): Promise<void> {
    await this.#caller.close()
  }

  async #page<T>(name: string, wanted: object, check: SchemaCheck<T>): Promise<T> {
    const query = new URLSearchParams()
    for (const [field, value] of Object.entries(wanted)) if (value !== undefined) query.set(field, String(value))
    return this.#caller.json(check, { method: 'GET', path: `${LIBRARY_PATH}/${name}${query.size === 0 ? '' : `?${query}`}` })
  }
}
