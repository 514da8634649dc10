// The names of songs and peers, as types that only a check can make.
// Not the naming policy: who picks an id (an operator, a peer's first start) picks it elsewhere.
// Invariant: a SongId or PeerId matches ID_PATTERN, so it is safe as a file name, in a URL, in a header and on the wire.

import { EvaError } from './errors.ts'

declare const brand: unique symbol

export type SongId = string & { readonly [brand]: 'SongId' }
export type PeerId = string & { readonly [brand]: 'PeerId' }

/** The index of a chunk in its song, from 0. A plain number: it is only meaningful against a manifest, which checks it. */
export type ChunkId = number

/** 1 to 128 ASCII letters, digits, dots, underscores and hyphens, the first a letter or digit (so never `.` or `..`). */
export const ID_PATTERN = '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$'
export const ID_LENGTH_MAX = 128

const idExpression = new RegExp(ID_PATTERN)

export function isId(value: unknown): value is string {
  return typeof value === 'string' && idExpression.test(value)
}

/** @throws EvaError `EVA_SONG_ID_INVALID` */
export function parseSongId(value: unknown): SongId {
  if (!isId(value)) throw new EvaError('EVA_SONG_ID_INVALID', { details: { value: excerpt(value) } })
  return value as SongId
}

/** @throws EvaError `EVA_PEER_ID_INVALID` */
export function parsePeerId(value: unknown): PeerId {
  if (!isId(value)) throw new EvaError('EVA_PEER_ID_INVALID', { details: { value: excerpt(value) } })
  return value as PeerId
}

function excerpt(value: unknown): string {
  if (value === undefined) return '(missing)'
  return (typeof value === 'string' ? value : `a ${typeof value}`).slice(0, 64)
}
