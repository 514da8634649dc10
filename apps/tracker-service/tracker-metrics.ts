// The tracker's own figures for Prometheus: living peers, songs, and what became of leases.
// Not the request histogram (service-kit) and not /stats.
// Invariant: figures are read from the books when they are asked for, so that they cannot drift from them.

import type { Millis } from '@evastream/core/units'
import type { LeaseBook } from '@evastream/engine/leases/lease-book'
import { Counter, Gauge, type Registry } from 'prom-client'
import type { ReportedTraffic } from './reported-traffic.ts'
import type { SwarmRegistry } from './swarm-registry.ts'

export interface MeasuredTracker {
  readonly registry: SwarmRegistry
  readonly leases: LeaseBook
  readonly traffic: ReportedTraffic
  readonly clock: { now(): Millis }
}

export function measureTracker(metrics: Registry, { registry, leases, traffic, clock }: MeasuredTracker): void {
  const registers = [metrics]
  new Gauge({
    name: 'evastream_tracker_peers',
    help: 'Living peers',
    registers,
    collect() {
      this.set(registry.peerCount(clock.now()))
    },
  })
  new Gauge({
    name: 'evastream_tracker_songs',
    help: 'Songs of which some peer holds a chunk',
    registers,
    collect() {
      this.set(registry.songCount(clock.now()))
    },
  })
  new Counter({
    name: 'evastream_tracker_leases_total',
    help: 'Origin leases: granted, how they ended, why others had to wait, and chunks fetched without one',
    labelNames: ['result'],
    registers,
    collect() {
      this.reset()
      for (const [result, count] of Object.entries(leases.counts)) this.inc({ result }, count)
      this.inc({ result: 'override' }, traffic.total.overrides)
    },
  })
}
