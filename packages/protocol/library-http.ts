// The library as people browse it: pages of songs, albums and artists, by schemas that the metadata service and the peer share.
// Not manifests (metadata-http.ts): nothing here says how a song is fetched.
// Invariant: a page is a slice of one order; `total` counts what matches, whatever the slice.

import type { Static } from 'typebox'
import { Type } from './json-schema.ts'
import { TEXT_LENGTH_MAX } from './metadata-http.ts'

/** Followed by `songs`, `albums` or `artists`; the peer passes the same on below `/api`. */
export const LIBRARY_PATH = '/library'

export const LIBRARY_LIMIT_DEFAULT = 100
/** More than a screen of any size shows at once. */
const LIBRARY_LIMIT_MAX = 500
const OFFSET_MAX = 10_000_000

/** `?artist=` and no `artist` at all say the same: pages send their form as it stands. */
const filter = (description: string, maxLength: number) => Type.Optional(Type.String({ maxLength, description }))
const query = filter('Words as they are being typed: each begins or stands within a word; case and accents do not count', 200)
const artist = filter('Of this artist alone; case and accents do not count', TEXT_LENGTH_MAX)
const album = filter('Of this album alone; case and accents do not count', TEXT_LENGTH_MAX)
const slice = {
  offset: Type.Optional(Type.Integer({ minimum: 0, maximum: OFFSET_MAX, default: 0 })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: LIBRARY_LIMIT_MAX, default: LIBRARY_LIMIT_DEFAULT })),
}
const closed = { additionalProperties: false }

export const LibrarySongsQuery = Type.Object({ query, artist, album, ...slice }, closed)
export type LibrarySongsQuery = Static<typeof LibrarySongsQuery>
export const LibraryAlbumsQuery = Type.Object({ query, artist, ...slice }, closed)
export type LibraryAlbumsQuery = Static<typeof LibraryAlbumsQuery>
export const LibraryArtistsQuery = Type.Object({ query, ...slice }, closed)
export type LibraryArtistsQuery = Static<typeof LibraryArtistsQuery>

const Count = Type.Integer({ minimum: 0 })
const text = Type.String()

/** Of one album by its discs and tracks; else by title, what begins as the query does first. */
export const LibrarySongs = Type.Object({
  total: Count,
  songs: Type.Array(
    Type.Object({
      songId: text,
      title: text,
      artist: Type.Optional(text),
      album: Type.Optional(text),
      trackNumber: Type.Optional(Count),
      durationMs: Type.Optional(Count),
      mimeType: Type.Optional(text),
      hasCover: Type.Boolean(),
    }),
  ),
})
export type LibrarySongs = Static<typeof LibrarySongs>

/** Two albums of one name are two by their album artists, or, where these are not told, by their artists. */
export const LibraryAlbums = Type.Object({
  total: Count,
  albums: Type.Array(Type.Object({ album: text, artist: Type.Optional(text), songCount: Count, coverSongId: Type.Optional(text) })),
})
export type LibraryAlbums = Static<typeof LibraryAlbums>

/** Album artists where they are told, else artists: a guest on one song is found by searching. */
export const LibraryArtists = Type.Object({
  total: Count,
  artists: Type.Array(Type.Object({ artist: text, songCount: Count, albumCount: Count })),
})
export type LibraryArtists = Static<typeof LibraryArtists>
