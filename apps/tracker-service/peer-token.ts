// The tokens by which peers prove, call after call, that they are who registered.
// Not the operator's token, and not a peer's identity beyond this tracker.
// Invariant: the tracker keeps digests only, so what it remembers speaks for nobody.
//
// A peer that presents a token with its registration keeps it, as long as it looks like one of ours: a tracker that restarted
// empty, or a reply that got lost, then costs the peer nothing. Whoever makes up a token of its own harms only itself.

import { createHash, hash } from 'node:crypto'
import { EvaError } from '@evastream/core/errors'
import { randomToken } from '@evastream/service-kit/token-generator'

/** 32 bytes in base64url, as `randomToken` makes them. */
const TOKEN_EXPRESSION = /^[A-Za-z0-9_-]{43}$/

/** The token of a new registration: the presented one if it is well-formed, else a fresh one. */
export function tokenFor(presented: string | undefined): string {
  return presented !== undefined && TOKEN_EXPRESSION.test(presented) ? presented : randomToken()
}

export function tokenDigest(token: string): Uint8Array {
  return createHash('sha256').update(token).digest()
}

/** Says whether a digest, each character a byte of it, is the one that is kept; takes the same time whatever it is. */
export type DigestCheck = (digest: string) => boolean

export function isTokenOf(presented: string | undefined, isDigest: DigestCheck): boolean {
  return presented !== undefined && isDigest(hash('sha256', presented, 'binary'))
}

/** @throws EvaError `EVA_TOKEN_REQUIRED` without a token, `EVA_TOKEN_REJECTED` for a wrong one. */
export function checkToken(presented: string | undefined, isDigest: DigestCheck): void {
  if (presented === undefined) throw new EvaError('EVA_TOKEN_REQUIRED')
  if (!isTokenOf(presented, isDigest)) throw new EvaError('EVA_TOKEN_REJECTED')
}
