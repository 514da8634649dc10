// The idle-uplink rule in numbers: what one more chunk would cost a peer's uplink, and how much of that a swarm can wait for.
// Not who may have a lease (lease-turns): it weighs one peer.
// Invariant: the fastest peer with nothing to send is never beyond the limit.
//
// A chunk that nobody else has sits behind whatever its holder still owes. So the holder should be done with its backlog, its other
// leases and this chunk within about three times what the swarm's fastest uplink needs for one chunk. Without the rule mixed uplinks
// finish 3 to 5 times later.

import type { Millis } from '@evastream/core/units'
import { UPLINK_ASSUMED_BYTES_PER_SECOND, type UplinkRates } from './song-askers.ts'

const FASTEST_CHUNKS = 3
const GRACE_MS = 100

export interface UplinkFacts {
  readonly backlogMs: number
  /** Leases that the peer has already, each of which will be a chunk to pass on. */
  readonly leaseCount: number
  readonly chunkSizeBytes: number
  /** Undefined when not measured: it counts as the median. */
  readonly uplinkBytesPerSecond: number | undefined
  readonly rates: UplinkRates | undefined
}

export interface UplinkWeight {
  /** How long the uplink will have to do with all it owes and one more chunk. */
  readonly costMs: Millis
  /** How much of that the swarm can wait for. */
  readonly limitMs: Millis
  /** One chunk alone is more than that: such an uplink is of no use to bring anything. */
  readonly isSlow: boolean
}

export function uplinkWeight(facts: UplinkFacts): UplinkWeight {
  const { backlogMs, leaseCount, chunkSizeBytes, rates } = facts
  const measured = facts.uplinkBytesPerSecond === 0 ? undefined : facts.uplinkBytesPerSecond
  const own = measured ?? rates?.median ?? UPLINK_ASSUMED_BYTES_PER_SECOND
  const fastest = Math.max(own, rates?.fastest ?? own)
  const chunkMs = (rate: number) => (chunkSizeBytes / rate) * 1000
  const limitMs = FASTEST_CHUNKS * chunkMs(fastest) + GRACE_MS
  return { costMs: backlogMs + (leaseCount + 1) * chunkMs(own), limitMs, isSlow: chunkMs(own) > limitMs }
}
