// Peers first, by least predicted finish; the origin when every holder failed or nobody holds the chunk, and never late:
// when the music needs the run before any peer can bring it, and the origin would be sooner, it is asked at once; in a swarm that is being
// brought more, for what peers have, only when the deadline is near.
// Who else asks the origin for the same chunk is the tracker's to know: without its permit the origin is asked only for what is urgent.
// Invariant: not urgent, it is asked only with a permit; and, with a holder that has not failed, only for what is ours to bring.

import type { Random } from '@evastream/core/random'
import type { Millis } from '@evastream/core/units'
import type { Candidate, SourceChoice, SourceFacts, SourceSelection, Standing } from './source-selection.ts'

/** A deadline is near when this many times what the origin needs, and `overrideLeadMs` besides, would miss it. */
const RISK_FACTOR = 2
/** Where peers have it and are only late, in a swarm that is being brought more, this (ms) besides. */
const LATE_LEAD_MS = 100
const ASK_ORIGIN: SourceChoice = { kind: 'ask', source: { kind: 'origin' } }

export interface OriginLastOptions {
  /** A finish this near (ms) is soon enough, whatever the deadline. */
  readonly urgentGraceMs: number
  /** What nobody brings is asked of the origin without its permit this long (ms) before its deadline. */
  readonly overrideLeadMs: number
}

export function originLast(options: OriginLastOptions): SourceSelection {
  return {
    name: 'origin-last',
    choose(facts, random) {
      const deadlineAt = facts.deadlineAt ?? Number.POSITIVE_INFINITY
      const soonEnoughAt = Math.max(deadlineAt, facts.now + options.urgentGraceMs)
      const isLate = (finishAt: Millis) => finishAt > soonEnoughAt
      const { overrideFrom, isBeingBrought, finishMs } = facts.origin
      const lateFrom = isBeingBrought ? Math.max(overrideFrom, deadlineAt - RISK_FACTOR * finishMs - LATE_LEAD_MS) : overrideFrom
      const isOriginBetter = (finishAt: Millis) =>
        isLate(finishAt) && mayAsk(facts, lateFrom) && facts.now + facts.origin.finishMs < finishAt

      // What is ours to bring nobody has whole, or the lease would have been given back.
      if (facts.origin.permit === 'leased' && facts.origin.standing === 'free') return ASK_ORIGIN
      const free = soonest(facts.candidates, 'free', random)
      if (free !== undefined)
        return isOriginBetter(facts.now + free.finishMs) ? ASK_ORIGIN : { kind: 'ask', source: { kind: 'peer', peerId: free.peerId } }
      const full = soonest(facts.candidates, 'full', random)
      if (full !== undefined) {
        if (isOriginBetter(facts.now + full.finishMs)) return ASK_ORIGIN
        return waitUntil(facts, Math.max(deadlineAt - full.finishMs, lateFrom))
      }
      const busy = soonest(facts.candidates, 'busy', random)
      if (busy !== undefined) {
        if (isOriginBetter(busy.retryAt + busy.finishMs)) return ASK_ORIGIN
        return waitUntil(facts, Math.min(busy.retryAt, Math.max(deadlineAt - busy.finishMs, lateFrom)))
      }
      return lastResort(facts, random, options)
    },
  }
}

/** Among the peers nobody is left who is any good. */
function lastResort(facts: SourceFacts, random: Random, options: OriginLastOptions): SourceChoice {
  if (facts.candidates.length === 0 && facts.lookupUntil > facts.now) return { kind: 'wait', until: facts.lookupUntil }
  const overrideAt = overrideTime(facts, options)
  if (mayAsk(facts, overrideAt)) return ASK_ORIGIN
  const slow = soonest(facts.candidates, 'slow', random)
  if (slow !== undefined) return { kind: 'ask', source: { kind: 'peer', peerId: slow.peerId } }
  let until = facts.origin.standing === 'failed' ? facts.origin.retryAt : Number.POSITIVE_INFINITY
  if (facts.origin.permit === 'none') until = Math.min(until, facts.origin.opensAt, overrideAt)
  for (const { standing, retryAt } of facts.candidates) if (standing === 'failed') until = Math.min(until, retryAt)
  return waitUntil(facts, until)
}

/** The origin is free, and we have its permit or, for what is urgent, do without from this moment on. */
function mayAsk({ origin, deadlineAt, now }: SourceFacts, overrideAt: Millis): boolean {
  return origin.standing === 'free' && (origin.permit !== 'none' || (deadlineAt !== undefined && now >= overrideAt))
}

/** When what nobody brings must be asked of the origin to be in time; never if nobody waits for it. */
function overrideTime({ origin, deadlineAt }: SourceFacts, { overrideLeadMs }: OriginLastOptions): Millis {
  if (deadlineAt === undefined) return Number.POSITIVE_INFINITY
  return Math.max(origin.overrideFrom, deadlineAt - RISK_FACTOR * origin.finishMs - overrideLeadMs)
}

/** Moments that are past cause no waking: then only an event can change anything. */
function waitUntil(facts: SourceFacts, until: Millis): SourceChoice {
  return Number.isFinite(until) && until > facts.now ? { kind: 'wait', until } : { kind: 'wait' }
}

/** The one of this standing that can finish soonest (a busy one after its pause); ties by chance. */
function soonest(candidates: readonly Candidate[], standing: Standing, random: Random): Candidate | undefined {
  let best: Candidate | undefined
  let bestAt = Number.POSITIVE_INFINITY
  let ties = 1
  for (const candidate of candidates) {
    if (candidate.standing !== standing) continue
    const at = candidate.finishMs + (standing === 'busy' ? candidate.retryAt : 0)
    if (best === undefined || at < bestAt) {
      best = candidate
      bestAt = at
      ties = 1
    } else if (at === bestAt && random.below(++ties) === 0) best = candidate
  }
  return best
}
