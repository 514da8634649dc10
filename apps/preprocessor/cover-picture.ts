// The cover of a song: one picture out of its tags, if it is one that browsers show and of a sensible size.
// Not a decoder: a picture's first bytes say what it is, whatever its tag claims.
// Invariant: what is stored as a cover begins like the type that its file name says.

import { createHash } from 'node:crypto'
import { COVER_SIZE_MAX_BYTES, type CoverType, coverTypeOf } from '@evastream/protocol/storage-layout'

export interface CoverPicture {
  readonly bytes: Uint8Array
  readonly type: CoverType
  /** Lower-case hexadecimal SHA-256. */
  readonly hash: string
}

/** A cover that is left out, with the reason for people. */
export type CoverOutcome = { readonly kind: 'cover'; readonly cover: CoverPicture } | { readonly kind: 'skipped'; readonly reason: string }

export function judgeCover(bytes: Uint8Array): CoverOutcome {
  if (bytes.length > COVER_SIZE_MAX_BYTES) {
    const reason = `the cover has ${bytes.length} bytes, more than the ${COVER_SIZE_MAX_BYTES} allowed`
    return { kind: 'skipped', reason }
  }
  const type = coverTypeOf(bytes)
  if (type === undefined) return { kind: 'skipped', reason: 'the cover is not a JPEG, PNG, WebP or GIF picture' }
  return { kind: 'cover', cover: { bytes, type, hash: createHash('sha256').update(bytes).digest('hex') } }
}
