// The id of a song whose publisher named none: readable from its title, unique by its content.
// Not a check of ids that were given: packages/core/ids.ts has that.
// Invariant: the same bytes under the same title get the same id, whatever alphabet the title is written in.

import { parseSongId, type SongId } from '@evastream/core/ids'

const SLUG_LENGTH_MAX = 60
const HASH_DIGITS = 12

/** @param sha256 of the whole file, in hexadecimal; its first 48 bits keep songs of one title apart. */
export function songIdFor(title: string, sha256: string): SongId {
  return parseSongId(`${slugOf(title)}-${sha256.slice(0, HASH_DIGITS)}`)
}

function slugOf(title: string): string {
  const plain = title
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/['’]/g, '')
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, SLUG_LENGTH_MAX)
    .replace(/^-+|-+$/g, '')
  return plain === '' ? 'song' : plain
}
