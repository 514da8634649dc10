// Whose turn it is, in a crowd, to bring one more chunk of a song from the origin.
// Not which chunk is free and not who is alone (lease-book), and not the numbers of one uplink (uplink-rule).
// Why a bound: the origin's link is shared by all it sends, and a chunk is worth something only when its blocks come faster than they are
// handed on. Why the idlest, and not only the idle: in a crowd everybody always owes something, and would wait for new audio for ever.
// Invariant: while few chunks are on their way the idlest who asks, unless its uplink is slow, gets one; a peer whose uplink nobody has seen
// yet gets one at a time.

import { MIB, type Millis, SECOND_MS } from '@evastream/core/units'
import type { Asker, SongAskers } from './song-askers.ts'
import { uplinkWeight } from './uplink-rule.ts'

export interface TurnFacts {
  readonly asker: Asker
  readonly askers: SongAskers
  readonly backlogMs: number
  /** Leases that the asker has. */
  readonly leaseCount: number
  /** Leases of the whole song that were granted in the last `BRINGING_MS` and have not ended. */
  readonly bringingCount: number
  readonly chunkSizeBytes: number
  readonly originCopies: number
  /** Somebody else has the chunk, or brings it: another copy of it spares the uplinks, whosever it is, and adds nothing that is waited for. */
  readonly isFurther: boolean
  readonly at: Millis
}

export interface Obstacle {
  readonly reason: 'uplink' | 'limit'
  readonly retryAfterMs: Millis
}

/** A lease counts as bringing something for so long: one that stalls must not keep the others from bringing more. */
export const BRINGING_MS = SECOND_MS
/** On their way at once, for each copy: about what a link carries in its round trips. More share the origin's link and come later, all of them. */
const BRINGING_MAX = 12
const BRINGING_MAX_BYTES = 3 * MIB
/** Of these at the most the share of copies that somebody else has or brings as well: what is new to the swarm comes first. */
const FURTHER_SHARE = 1 / 2
/** So many askers make it worth while to have one more chunk on its way, however much all of them owe. */
const ASKERS_PER_CHUNK = 3
/** An uplink that nobody has seen yet has shown itself within this time (ms), if others want what it brought. */
const UNSEEN_PAUSE_MS = SECOND_MS
/** Whoever asks is compared with those who asked within this time (ms). */
const COMPARED_MS = 300
/** A peer that has been kept from everything for so long (ms) gets one lease when nothing else is on its way: nobody better wants the chunk. */
const PATIENCE_MS = 5 * SECOND_MS
const RETRY_MIN_MS = 100
const RETRY_SLOW_MS = 250
const RETRY_MAX_MS = SECOND_MS
/** Many who wait ask less often, each of them. */
const RETRY_MS_PER_ASKER = 2

/** What keeps the asker from one more lease; undefined when it may have it. */
export function obstacleOf(facts: TurnFacts): Obstacle | undefined {
  const { asker, at, leaseCount, bringingCount } = facts
  const bringingMax =
    (facts.isFurther ? FURTHER_SHARE : facts.originCopies) * Math.max(BRINGING_MAX, Math.ceil(BRINGING_MAX_BYTES / facts.chunkSizeBytes))
  if (bringingCount >= bringingMax) return { reason: 'limit', retryAfterMs: RETRY_MIN_MS }
  if (facts.isFurther) return undefined
  const obstacle = uplinkObstacle(facts, bringingMax)
  const isPatient = bringingCount > 0 || at - (asker.refusedSince ?? at) < PATIENCE_MS
  if (obstacle === undefined || !isPatient) {
    asker.refusedSince = undefined
    return undefined
  }
  asker.refusedSince ??= leaseCount > 0 ? undefined : at
  return obstacle
}

/** To be called with each lease that is granted. */
export function noteGrant(asker: Asker, at: Millis): void {
  asker.unseenGrants = isPaused(asker, at) ? asker.unseenGrants + 1 : 1
  asker.grantedAt = at
}

function uplinkObstacle(facts: TurnFacts, bringingMax: number): Obstacle | undefined {
  const { asker, askers, at } = facts
  const { uplinkBytesPerSecond } = asker
  // What an unseen uplink brought a moment ago counts as if it still had to hand all of it on.
  const leaseCount = isPaused(asker, at) ? Math.max(facts.leaseCount, asker.unseenGrants) : facts.leaseCount
  const { costMs, limitMs, isSlow } = uplinkWeight({ ...facts, leaseCount, uplinkBytesPerSecond, rates: askers.rates(at) })
  asker.costMs = isSlow ? undefined : costMs
  if (isSlow) return { reason: 'uplink', retryAfterMs: RETRY_SLOW_MS }
  if (costMs <= limitMs && !isPaused(asker, at)) return undefined
  const room = Math.min(bringingMax, Math.max(1, Math.floor(askers.count / ASKERS_PER_CHUNK))) - facts.bringingCount
  if (room > 0 && askers.countBelow(costMs, at - COMPARED_MS, room) < room) return undefined
  // Before it has sent what it owes too much of, it is no better than now.
  const retryAfterMs = Math.min(
    RETRY_MAX_MS,
    Math.max(RETRY_MIN_MS, RETRY_MS_PER_ASKER * askers.count, Math.min(costMs - limitMs, RETRY_SLOW_MS)),
  )
  return { reason: 'uplink', retryAfterMs }
}

/** It was granted something a moment ago, and nobody has seen its uplink yet. */
function isPaused({ uplinkBytesPerSecond = 0, grantedAt }: Asker, at: Millis): boolean {
  return uplinkBytesPerSecond === 0 && grantedAt !== undefined && at - grantedAt < UNSEEN_PAUSE_MS
}
