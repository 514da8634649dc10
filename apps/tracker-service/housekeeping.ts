// What the tracker does unasked: it sweeps out expired peers, and forgets songs that the metadata service no longer has.
// Not what keeps answers right: expired peers are in none even between sweeps. This frees memory and keeps figures honest.
// Invariant: at most one round of asking the metadata service runs at a time, and none after `stop`.

import type { Millis } from '@evastream/core/units'
import type { Logger } from '@evastream/service-kit/logger'
import type { Timers } from '@evastream/service-kit/system-clock'
import type { LeaseBook } from './lease-book.ts'
import { REVALIDATION_INTERVAL_MS, type SongDirectory } from './song-directory.ts'
import type { SwarmRegistry } from './swarm-registry.ts'

export interface HousekeepingDeps {
  readonly registry: SwarmRegistry
  readonly leases: LeaseBook
  readonly directory: SongDirectory
  readonly clock: { now(): Millis }
  readonly timers: Timers
  readonly logger: Logger
}

/** @returns the function that stops it. */
export function startHousekeeping(deps: HousekeepingDeps, options: { readonly sweepIntervalMs: number }): () => void {
  const { registry, leases, clock, timers, logger } = deps
  let isAsking = false
  const stopSweeping = timers.every(options.sweepIntervalMs, () => {
    const peers = registry.sweep(clock.now())
    leases.sweep(clock.now())
    if (peers > 0) logger.info({ peers }, 'peers expired')
  })
  const stopAsking = timers.every(REVALIDATION_INTERVAL_MS, () => {
    if (isAsking) return
    isAsking = true
    void forgetOutdatedSongs(deps).finally(() => {
      isAsking = false
    })
  })
  return () => {
    stopSweeping()
    stopAsking()
  }
}

async function forgetOutdatedSongs({ registry, leases, directory, clock, logger }: HousekeepingDeps): Promise<void> {
  try {
    for (const songId of await directory.revalidate(registry.trackedSongs(clock.now()))) {
      registry.forgetSong(songId)
      leases.forgetSong(songId)
      logger.info({ songId }, 'the song was deleted or replaced; its swarm is forgotten')
    }
  } catch (thrown) {
    logger.error({ err: thrown }, 'songs could not be checked against the metadata service')
  }
}
