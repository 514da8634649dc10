// The check of our own invariants.
// Not for input: what a caller, a peer or a disk got wrong is an EvaError with its own code.
// Invariant: a failed assertion is a bug in this house and ends the work at hand.

import { EvaError } from './errors.ts'

export function assert(condition: unknown, reason: string): asserts condition {
  if (!condition) throw new EvaError('EVA_INTERNAL', { details: { reason }, cause: reason })
}
