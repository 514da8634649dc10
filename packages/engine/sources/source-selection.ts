// Whom to ask for a run of blocks, as an interface that policies implement: the one place where a system is hybrid.
// Not the order of chunks. A policy sees facts and chance and has no effects.
// Invariant: a policy asks only a source whose standing is `free` or `slow`.

import type { PeerId } from '@evastream/core/ids'
import type { Random } from '@evastream/core/random'
import type { Millis } from '@evastream/core/units'
import type { Source } from '../commands.ts'
import type { OriginPermit } from '../leases/origin-permits.ts'

/**
 * `free` to be asked; `full` of our own requests; `busy` with others, as it said; `slow`: could be asked but is hardly worth it;
 * `failed` lately, or for this chunk.
 */
export type Standing = 'free' | 'full' | 'busy' | 'slow' | 'failed'

export interface SourceStanding {
  readonly standing: Standing
  /** Predicted time (ms) until the run would be here if asked now. */
  readonly finishMs: number
  /** When a `busy` or `failed` one may be asked again. */
  readonly retryAt: Millis
}

export interface Candidate extends SourceStanding {
  readonly peerId: PeerId
}

export interface OriginStanding extends SourceStanding {
  readonly permit: OriginPermit
  /** When a permit comes though nothing happens. */
  readonly opensAt: Millis
  /** From when on it may be asked without one for what is urgent; such an override is counted. */
  readonly overrideFrom: Millis
  /**
   * Others fetch the song from the origin just now, and hand it on: who is late with it now is sooner with each peer that gets it. Told only of
   * what is urgent.
   */
  readonly isBeingBrought: boolean
}

export interface SourceFacts {
  readonly now: Millis
  /** When the music needs the run; undefined if it is not urgent. */
  readonly deadlineAt: Millis | undefined
  /** The peers known to hold the chunk. */
  readonly candidates: readonly Candidate[]
  readonly origin: OriginStanding
  /** Until when it is worth waiting for the tracker to say who holds the chunk, if nobody is known to; 0 if it is not. */
  readonly lookupUntil: Millis
}

/** `until`: when to look again, though nothing happened by then. */
export type SourceChoice = { readonly kind: 'ask'; readonly source: Source } | { readonly kind: 'wait'; readonly until?: Millis }

export interface SourceSelection {
  readonly name: string
  choose(facts: SourceFacts, random: Random): SourceChoice
}
