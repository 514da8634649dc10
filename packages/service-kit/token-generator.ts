// Secrets and unguessable names, from the platform's cryptographic generator.
// Not the seeded Random of the engine: nothing here can be replayed.
// Invariant: the only file that draws cryptographic chance for tokens.

import { randomBytes } from 'node:crypto'

/** @param sizeBytes 32 gives 256 bits; @returns base64url text, safe in headers, URLs and file names. */
export function randomToken(sizeBytes = 32): string {
  return randomBytes(sizeBytes).toString('base64url')
}
