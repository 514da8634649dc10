// The cover of a song: one picture out of its tags, if it is one that browsers show and of a sensible size.
// Not a decoder: a picture's first bytes say what it is, whatever its tag claims.
// Invariant: what is stored as a cover begins like the type that its file name says.

import { createHash } from 'node:crypto'
import { MIB } from '@evastream/core/units'
import { COVER_TYPES, type CoverType } from '@evastream/protocol/storage-layout'

export interface CoverPicture {
  readonly bytes: Uint8Array
  readonly type: CoverType
  /** Lower-case hexadecimal SHA-256. */
  readonly hash: string
}

/** A cover that is left out, with the reason for people. */
export type CoverOutcome = { readonly kind: 'cover'; readonly cover: CoverPicture } | { readonly kind: 'skipped'; readonly reason: string }

/** Larger pictures are scans for printing; a page would load them for every song in its list. */
export const COVER_SIZE_MAX_BYTES = 5 * MIB

/** How each type begins; undefined stands for any byte. */
const SIGNATURES: Readonly<Record<string, readonly (number | undefined)[]>> = {
  'image/jpeg': [0xff, 0xd8, 0xff],
  'image/png': [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a],
  'image/webp': [0x52, 0x49, 0x46, 0x46, undefined, undefined, undefined, undefined, 0x57, 0x45, 0x42, 0x50],
  'image/gif': [0x47, 0x49, 0x46, 0x38],
}

export function judgeCover(bytes: Uint8Array): CoverOutcome {
  if (bytes.length > COVER_SIZE_MAX_BYTES) {
    const reason = `the cover has ${bytes.length} bytes, more than the ${COVER_SIZE_MAX_BYTES} allowed`
    return { kind: 'skipped', reason }
  }
  const type = COVER_TYPES.find(({ mimeType }) => begins(bytes, SIGNATURES[mimeType] ?? [undefined]))
  if (type === undefined) return { kind: 'skipped', reason: 'the cover is not a JPEG, PNG, WebP or GIF picture' }
  return { kind: 'cover', cover: { bytes, type, hash: createHash('sha256').update(bytes).digest('hex') } }
}

function begins(bytes: Uint8Array, signature: readonly (number | undefined)[]): boolean {
  return bytes.length > signature.length && signature.every((byte, index) => byte === undefined || byte === bytes[index])
}
