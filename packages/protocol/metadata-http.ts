// The HTTP interface of the metadata service as schemas: both ends import these.
// Not the checks that one field owes another: parseManifest in packages/core has those.
// Invariant: requests are closed (an unknown field is refused), replies are open (a newer service may say more).

import { ID_PATTERN } from '@evastream/core/ids'
import { CHUNK_SIZE_MAX_BYTES, CHUNK_SIZE_MIN_BYTES } from '@evastream/core/units'
import type { Static } from 'typebox'
import { Type } from './json-schema.ts'

export const METADATA_PATH = '/metadata'

/** 32 MiB: a manifest of 340,000 chunks, or the block hashes of a 12 GiB song. */
export const PUBLISH_BODY_LIMIT_BYTES = 32 * 1024 * 1024
export const EDIT_BODY_LIMIT_BYTES = 64 * 1024
export const LIST_LIMIT_DEFAULT = 50
export const LIST_LIMIT_MAX = 200
export const TEXT_LENGTH_MAX = 512

const HASH_PATTERN = '^[0-9a-f]{64}$'
/** What a player may be told to play; nothing that a browser would run. */
const MIME_TYPE_PATTERN = '^((audio|video)/[A-Za-z0-9.+-]{1,64}|application/(ogg|octet-stream))(; ?codecs="?[A-Za-z0-9., -]{1,64}"?)?$'

/** Any text but the NUL, which one database would keep and another refuse. */
const text = (description: string) => Type.String({ description, minLength: 1, maxLength: TEXT_LENGTH_MAX, pattern: '^[^\\u0000]*$' })
const count = (description: string, maximum: number) => Type.Integer({ description, minimum: 0, maximum })

const Id = Type.String({ pattern: ID_PATTERN, description: 'The id of the song' })

/** Every optional field of a SongDescription; title alone is required when a song is published. */
const OPTIONAL_DESCRIPTION = {
  artist: text('Who plays'),
  album: text('What it appeared on'),
  albumArtist: text('Who the album is by'),
  trackNumber: count('From 1', 99_999),
  discNumber: count('From 1', 9_999),
  year: count('Of the recording', 9_999),
  genre: text('In the operator’s words'),
  durationMs: count('Whole milliseconds', 366 * 24 * 60 * 60 * 1000),
  mimeType: Type.String({ pattern: MIME_TYPE_PATTERN, description: 'audio/mpeg, audio/flac, …' }),
  coverHash: Type.String({ pattern: HASH_PATTERN, description: 'Lower-case hexadecimal SHA-256 of the cover picture' }),
}

const description = {
  title: text('What the song is called'),
  artist: Type.Optional(OPTIONAL_DESCRIPTION.artist),
  album: Type.Optional(OPTIONAL_DESCRIPTION.album),
  albumArtist: Type.Optional(OPTIONAL_DESCRIPTION.albumArtist),
  trackNumber: Type.Optional(OPTIONAL_DESCRIPTION.trackNumber),
  discNumber: Type.Optional(OPTIONAL_DESCRIPTION.discNumber),
  year: Type.Optional(OPTIONAL_DESCRIPTION.year),
  genre: Type.Optional(OPTIONAL_DESCRIPTION.genre),
  durationMs: Type.Optional(OPTIONAL_DESCRIPTION.durationMs),
  mimeType: Type.Optional(OPTIONAL_DESCRIPTION.mimeType),
  coverHash: Type.Optional(OPTIONAL_DESCRIPTION.coverHash),
}

const shape = {
  fileSize: Type.Integer({ minimum: 1, description: 'Bytes of the whole file' }),
  chunkSize: Type.Integer({ description: `Bytes of every chunk but the last, ${CHUNK_SIZE_MIN_BYTES} to ${CHUNK_SIZE_MAX_BYTES}` }),
  chunkCount: Type.Integer({ description: 'ceil(fileSize / chunkSize)' }),
}

const chunks = Type.Array(
  Type.Object({
    chunkId: Type.Integer({ description: 'From 0, in order' }),
    hash: Type.String({ description: 'Lower-case hexadecimal SHA-256 of the chunk' }),
  }),
)

/** What GET answers; `parseManifest` checks the rest. Block hashes are left out, being many. */
export const PublishedManifest = Type.Object({ id: Id, ...description, ...shape, chunks })

export const PublishBody = Type.Object(
  {
    id: Id,
    ...description,
    ...shape,
    chunks,
    blockHashes: Type.Optional(
      Type.String({ description: 'Base64 of 32 bytes of SHA-256 for each 16 KiB block, in order; blocks restart in each chunk' }),
    ),
  },
  { additionalProperties: false },
)
/** The body of `POST /metadata`. */
export type PublishBody = Static<typeof PublishBody>

/** A song without its chunks, as lists and the reply to a publication show it. */
export const SongSummary = Type.Object({ id: Id, ...description, ...shape })
export type SongSummary = Static<typeof SongSummary>

export const SongParams = Type.Object({ songId: Id }, { additionalProperties: false })

export const ListQuery = Type.Object(
  {
    query: Type.Optional(
      Type.String({ maxLength: 200, description: 'Words that title, artist and album hold between them; case and accents do not count' }),
    ),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: LIST_LIMIT_MAX, default: LIST_LIMIT_DEFAULT })),
    cursor: Type.Optional(Type.String({ minLength: 1, maxLength: 4096, description: 'nextCursor of the page before' })),
  },
  { additionalProperties: false },
)
export type ListQuery = Static<typeof ListQuery>

export const SongList = Type.Object({
  songs: Type.Array(SongSummary),
  nextCursor: Type.Optional(Type.String({ description: 'Absent on the last page' })),
})
export type SongList = Static<typeof SongList>

const orNull = <T extends keyof typeof OPTIONAL_DESCRIPTION>(name: T) =>
  Type.Optional(Type.Union([OPTIONAL_DESCRIPTION[name], Type.Null()]))

/** What may be edited; null takes an optional field away. Hashes and sizes are not here: they never change. */
export const SongEdit = Type.Object(
  {
    title: Type.Optional(description.title),
    artist: orNull('artist'),
    album: orNull('album'),
    albumArtist: orNull('albumArtist'),
    trackNumber: orNull('trackNumber'),
    discNumber: orNull('discNumber'),
    year: orNull('year'),
    genre: orNull('genre'),
    durationMs: orNull('durationMs'),
    mimeType: orNull('mimeType'),
    coverHash: orNull('coverHash'),
  },
  { additionalProperties: false, minProperties: 1 },
)
export type SongEdit = Static<typeof SongEdit>
