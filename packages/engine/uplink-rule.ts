// The idle-uplink rule: a lease goes to a peer that can soon pass the chunk on.
// Not who asked or holds what: it judges numbers.
// Invariant: the fastest peer with nothing to send is never kept waiting.
//
// A chunk that nobody else has sits behind whatever its holder still owes. So the holder should be done with its backlog, its other
// leases and this chunk within about three times what the swarm's fastest uplink needs for one chunk. Without the rule mixed uplinks
// finish 3 to 5 times later.

import type { UplinkRates } from './song-askers.ts'

const FASTEST_CHUNKS = 3
const GRACE_MS = 50
/** 20 Mbit/s: what an uplink is taken for while nobody in the swarm has measured one. */
const UPLINK_ASSUMED_BYTES_PER_SECOND = 2_500_000

export interface UplinkFacts {
  readonly backlogMs: number
  /** Leases that the peer has already, each of which will be a chunk to pass on. */
  readonly leaseCount: number
  readonly chunkSizeBytes: number
  /** Undefined when not measured: it counts as the median. */
  readonly uplinkBytesPerSecond: number | undefined
  readonly rates: UplinkRates | undefined
}

/** By how much the peer's uplink is too busy for one more chunk; 0 or less when it may have it. In milliseconds. */
export function uplinkExcessMs(facts: UplinkFacts): number {
  const { backlogMs, leaseCount, chunkSizeBytes, rates } = facts
  const measured = facts.uplinkBytesPerSecond === 0 ? undefined : facts.uplinkBytesPerSecond
  const own = measured ?? rates?.median ?? UPLINK_ASSUMED_BYTES_PER_SECOND
  const fastest = Math.max(own, rates?.fastest ?? own)
  const chunkMs = (rate: number) => (chunkSizeBytes / rate) * 1000
  return backlogMs + (leaseCount + 1) * chunkMs(own) - (FASTEST_CHUNKS * chunkMs(fastest) + GRACE_MS)
}
