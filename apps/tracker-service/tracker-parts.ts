// The tracker's memory and its desk, wired to one another: who leaves takes reports, leases and totals along.
// Not the process: no HTTP, no timers, no sockets of its own.
// Invariant: nothing is remembered of a peer that has gone, but what it said it had received and sent.

import type { Random } from '@evastream/core/random'
import type { Millis } from '@evastream/core/units'
import { LeaseBook } from '@evastream/engine/leases/lease-book'
import { HandoutPolicy } from './handout-policy.ts'
import type { ReachabilityCheck } from './reachability-check.ts'
import { ReportedTraffic } from './reported-traffic.ts'
import type { SongDirectory } from './song-directory.ts'
import { type RegistryOptions, SwarmRegistry } from './swarm-registry.ts'
import { TrackerDesk, type TrackerDeskOptions } from './tracker-desk.ts'

export interface TrackerPartsDeps {
  readonly directory: SongDirectory
  readonly reachability: Pick<ReachabilityCheck, 'isReachable'>
  readonly clock: { now(): Millis }
  readonly random: Random
}

export interface TrackerPartsOptions extends TrackerDeskOptions, Omit<RegistryOptions, 'onAdmitted' | 'onRemoved'> {
  readonly originCopies: number
}

export interface TrackerParts {
  readonly desk: TrackerDesk
  readonly registry: SwarmRegistry
  readonly leases: LeaseBook
  readonly traffic: ReportedTraffic
}

const DEPARTED_TOTALS_MAX = 20_000
const LEASE_ID_PREFIX_LENGTH = 6

export function makeTrackerParts(deps: TrackerPartsDeps, options: TrackerPartsOptions): TrackerParts {
  const { originCopies, bootId } = options
  const leases = new LeaseBook({ originCopies, idPrefix: bootId.slice(0, LEASE_ID_PREFIX_LENGTH) })
  const policy = new HandoutPolicy(options)
  const traffic = new ReportedTraffic({ departedMax: DEPARTED_TOTALS_MAX })
  const registry: SwarmRegistry = new SwarmRegistry({
    ...options,
    onAdmitted: (peerId, slot) => traffic.recall(registry.peerRegistry, slot, peerId),
    onRemoved: (peerId, slot) => {
      traffic.keep(registry.peerRegistry, slot, peerId)
      policy.forget(peerId)
      leases.peerFailed(peerId)
    },
  })
  const desk = new TrackerDesk({ ...deps, registry, policy, traffic, leases }, options)
  return { desk, registry, leases, traffic }
}
