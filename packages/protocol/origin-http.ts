// The origin server's HTTP interface: where chunks and covers are, and the one door for a chunk id that arrived as text.
// Not byte ranges and entity tags (conditional-request.ts), which every file server of the house shares.
// Invariant: a chunk has exactly one spelling in a URL, so a cache never holds it twice.

import { EvaError } from '@evastream/core/errors'
import type { ChunkId, SongId } from '@evastream/core/ids'
import type { Static } from 'typebox'
import { Type } from './json-schema.ts'

export const CHUNK_PATH = '/chunk'
export const COVER_PATH = '/covers'

/** Both are checked by their own doors (`parseSongId`, `parseChunkId`), so that a bad one is refused by its own error code. */
export const ChunkQuery = Type.Object(
  {
    songId: Type.Optional(Type.String({ description: 'The id of a song.' })),
    chunkId: Type.Optional(Type.String({ description: 'The index of a chunk, from 0.' })),
  },
  { additionalProperties: false },
)
export type ChunkQuery = Static<typeof ChunkQuery>

export const CoverParams = Type.Object({ songId: Type.String({ description: 'The id of a song.' }) }, { additionalProperties: false })
export type CoverParams = Static<typeof CoverParams>

/** What this process has served since it started; the same counters as in its /metrics. */
export const OriginStats = Type.Object(
  {
    sentBytes: Type.Integer({ description: 'Bytes of chunks and covers handed to sockets, without headers.' }),
    requests: Type.Integer({ description: 'Requests for chunks and covers, whatever their answer.' }),
  },
  { title: 'OriginStats' },
)
export type OriginStats = Static<typeof OriginStats>

/** The path and query of a chunk. */
export function chunkPathOf(songId: SongId, chunkId: ChunkId): string {
  return `${CHUNK_PATH}?songId=${encodeURIComponent(songId)}&chunkId=${chunkId}`
}

export function coverPathOf(songId: SongId): string {
  return `${COVER_PATH}/${encodeURIComponent(songId)}`
}

const CHUNK_ID_EXPRESSION = /^(0|[1-9][0-9]{0,15})$/

/**
 * A chunk id from a query string: plain decimal digits, no sign, exponent, blank or leading zero.
 * @throws EvaError `EVA_CHUNK_ID_INVALID`
 */
export function parseChunkId(value: unknown): ChunkId {
  const text = typeof value === 'string' ? value : '(missing)'
  const chunkId = CHUNK_ID_EXPRESSION.test(text) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(chunkId)) throw new EvaError('EVA_CHUNK_ID_INVALID', { details: { value: text.slice(0, 64) } })
  return chunkId
}
