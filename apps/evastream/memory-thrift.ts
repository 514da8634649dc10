// A peer that has grown is made to save memory rather than processor time: V8 is told so once, and not before it matters.
// Not a limit: nothing is refused, and no buffer is given up.
// Why not from the start: V8 then collects its garbage more thoroughly and more often, just when somebody waits for a first sound
// (docs/decisions/0020).
// Invariant: told at most once; after that, and after a stop, no timer of it is left.

import { setFlagsFromString } from 'node:v8'
import { MIB } from '@evastream/core/units'
import { systemTimers, type Timers } from '@evastream/service-kit/system-clock'

export interface MemoryThriftDeps {
  readonly timers: Pick<Timers, 'every'>
  residentBytes(): number
  save(): void
}

/** A peer with its page idles at about 70 MiB and plays a song of 16 MiB below 85; it is to stay below 95 whatever passes. */
export const THRIFTY_FROM_BYTES = 80 * MIB
const LOOK_INTERVAL_MS = 250

const ofThisProcess: MemoryThriftDeps = {
  timers: systemTimers,
  residentBytes: () => process.memoryUsage.rss(),
  save: () => setFlagsFromString('--optimize-for-size'),
}

/** @returns what stops it. */
export function keepThrifty({ timers, residentBytes, save }: MemoryThriftDeps = ofThisProcess): () => void {
  const stop = timers.every(LOOK_INTERVAL_MS, () => {
    if (residentBytes() < THRIFTY_FROM_BYTES) return
    stop()
    save()
  })
  return stop
}
