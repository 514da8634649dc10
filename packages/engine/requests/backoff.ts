// How long to leave something alone that failed: doubling pauses, plain or with full jitter.
// Not a timer: it only tells until when.
// Invariant: a pause never exceeds its maximum, however many failures there were.

import type { Random } from '@evastream/core/random'
import type { Millis } from '@evastream/core/units'

/** `baseMs`, doubled with each failure after the first, up to `maxMs`. */
export function doublingPauseMs(failures: number, baseMs: number, maxMs: number): number {
  return Math.min(maxMs, baseMs * 2 ** Math.min(Math.max(failures, 1) - 1, 60))
}

/** Uniform between nothing and the doubling pause, so that many who failed together do not come back together; at least 1 ms. */
export function jitteredPauseMs(random: Random, bounds: { failures: number; baseMs: number; maxMs: number }): number {
  return Math.max(1, random.ratio() * doublingPauseMs(bounds.failures, bounds.baseMs, bounds.maxMs))
}

/** Something that failed some times in a row and is left alone until then. */
export interface Pause {
  readonly failures: number
  readonly until: Millis
}
