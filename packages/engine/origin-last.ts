// Peers first, by least predicted finish; the origin when every holder failed or nobody holds the chunk, and never late:
// when the music needs the run before any peer can bring it, and the origin would be sooner, it is asked at once.
// Not leases: whoever else asks the origin for the same chunk is not known here.
// Invariant: not urgent and with a holder that has not failed, the origin is not asked.

import type { Random } from '@evastream/core/random'
import type { Millis } from '@evastream/core/units'
import type { Candidate, SourceChoice, SourceFacts, SourceSelection, Standing } from './source-selection.ts'

const ASK_ORIGIN: SourceChoice = { kind: 'ask', source: { kind: 'origin' } }

/** @param options `urgentGraceMs`: a finish this near (ms) is soon enough, whatever the deadline. */
export function originLast(options: { readonly urgentGraceMs: number }): SourceSelection {
  return {
    name: 'origin-last',
    choose(facts, random) {
      const deadlineAt = facts.deadlineAt ?? Number.POSITIVE_INFINITY
      const soonEnoughAt = Math.max(deadlineAt, facts.now + options.urgentGraceMs)
      const isLate = (finishAt: Millis) => finishAt > soonEnoughAt
      const isOriginBetter = (finishAt: Millis) =>
        isLate(finishAt) && facts.origin.standing === 'free' && facts.now + facts.origin.finishMs < finishAt

      const free = soonest(facts.candidates, 'free', random)
      if (free !== undefined)
        return isOriginBetter(facts.now + free.finishMs) ? ASK_ORIGIN : { kind: 'ask', source: { kind: 'peer', peerId: free.peerId } }
      const full = soonest(facts.candidates, 'full', random)
      if (full !== undefined) {
        if (isOriginBetter(facts.now + full.finishMs)) return ASK_ORIGIN
        return waitUntil(facts, deadlineAt - full.finishMs)
      }
      const busy = soonest(facts.candidates, 'busy', random)
      if (busy !== undefined) {
        if (isOriginBetter(busy.retryAt + busy.finishMs)) return ASK_ORIGIN
        return waitUntil(facts, Math.min(busy.retryAt, deadlineAt - busy.finishMs))
      }
      return lastResort(facts, random)
    },
  }
}

/** Among the peers nobody is left who is any good. */
function lastResort(facts: SourceFacts, random: Random): SourceChoice {
  if (facts.candidates.length === 0 && facts.lookupUntil > facts.now) return { kind: 'wait', until: facts.lookupUntil }
  if (facts.origin.standing === 'free') return ASK_ORIGIN
  const slow = soonest(facts.candidates, 'slow', random)
  if (slow !== undefined) return { kind: 'ask', source: { kind: 'peer', peerId: slow.peerId } }
  let until = facts.origin.standing === 'failed' ? facts.origin.retryAt : Number.POSITIVE_INFINITY
  for (const { standing, retryAt } of facts.candidates) if (standing === 'failed') until = Math.min(until, retryAt)
  return waitUntil(facts, until)
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
