// What the tracker does unasked: it sweeps out expired peers, and forgets songs that the metadata service no longer has.
// Not what keeps answers right: expired peers are in none even between sweeps. This frees memory and keeps figures honest.
// Invariant: at most one round of asking the metadata service runs at a time, and none after `stop`.

import type { Millis } from '@evastream/core/units'
import type { LeaseBook } from '@evastream/engine/leases/lease-book'
import type { Logger } from '@evastream/service-kit/logger'
import type { Timers } from '@evastream/service-kit/system-clock'
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

/** A slice of sweeping, after which everybody else has a turn. Short: what the compiler and the collector do meanwhile comes on top. */
const SLICE_MS = 0.5
/** A million entries take some three seconds with it. */
const SLICE_PAUSE_MS = 2
/** Looking at the clock costs, too; but a loop that is not compiled yet takes a tenth of a slice for so many. */
const EFFORT_PER_LOOK = 16

/** @returns the function that stops it. */
export function startHousekeeping(deps: HousekeepingDeps, options: { readonly sweepIntervalMs: number }): () => void {
  const { timers } = deps
  let isAsking = false
  const sweeper = new Sweeper(deps)
  const stopSweeping = timers.every(options.sweepIntervalMs, () => sweeper.start())
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
    sweeper.stop()
  }
}

/** Sweeps slice by slice, with pauses, until nothing is left; a start while it does changes nothing. */
class Sweeper {
  readonly #deps: HousekeepingDeps
  #cancelNext: (() => void) | undefined
  #peerCountBefore = 0

  constructor(deps: HousekeepingDeps) {
    this.#deps = deps
  }

  start(): void {
    if (this.#cancelNext !== undefined) return
    this.#peerCountBefore = this.#deps.registry.peerRegistry.size
    this.#slice()
  }

  stop(): void {
    this.#cancelNext?.()
  }

  #slice(): void {
    const { registry, leases, clock, timers, logger } = this.#deps
    const startedAt = clock.now()
    this.#cancelNext = undefined
    for (let isOver = false; !isOver; ) {
      if (registry.sweepSome(startedAt, EFFORT_PER_LOOK) && leases.sweep(startedAt, EFFORT_PER_LOOK)) {
        const peers = this.#peerCountBefore - registry.peerRegistry.size
        if (peers > 0) logger.info({ peers }, 'peers expired')
        return
      }
      isOver = clock.now() - startedAt >= SLICE_MS
    }
    this.#cancelNext = timers.after(SLICE_PAUSE_MS, () => this.#slice())
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
