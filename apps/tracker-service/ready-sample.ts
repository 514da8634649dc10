// One sample of a large swarm, written out, for the next few who ask the same within a moment.
// Not a cache of answers: every asker gets a random sample; a few of them in a row get the same one.
// Invariant: it serves USES_MAX askers and AGE_MAX_MS at the most, none that is in it, and nobody once the crowd's version has changed.

import type { Millis } from '@evastream/core/units'
import type { PeerSlot } from './peer-table.ts'

/** Smaller swarms are sampled for each asker: a list costs little there, and everybody should be met alike. */
export const CROWD_MIN = 512
const USES_MAX = 16
const AGE_MAX_MS = 250

export interface ReadySample {
  readonly body: Buffer
  readonly slots: readonly PeerSlot[]
  readonly madeAt: Millis
  /** Of the books it was made from. */
  readonly version: number
  usesLeft: number
}

export function readySample(
  body: Buffer,
  slots: readonly PeerSlot[],
  made: { readonly at: Millis; readonly version: number },
): ReadySample {
  return { body, slots, madeAt: made.at, version: made.version, usesLeft: USES_MAX }
}

/** Whether it may be given to one more asker, who then has had it. */
export function uses(
  sample: ReadySample | undefined,
  asker: { readonly slot: PeerSlot; readonly at: Millis; readonly version: number },
): sample is ReadySample {
  if (sample === undefined || sample.usesLeft <= 0 || sample.version !== asker.version) return false
  if (asker.at - sample.madeAt >= AGE_MAX_MS || sample.slots.includes(asker.slot)) return false
  sample.usesLeft--
  return true
}
