// The scenarios of the playback bench: how many seeds each takes, which plays' starts count, and what it is held to.
// Not the worlds themselves (packages/simulator/worlds/playback-worlds.ts) and not how they are run.
// Invariant: every world has an entry; a bar marked `promised` is one the project made to its users, the others are our own.

import type { PlaybackWorldName } from '@evastream/simulator/worlds/playback-worlds'
import type { PlaybackBar } from './playback-measurement.ts'

export interface PlaybackScenario {
  /** Enough for its percentiles: some hundred starts, or a thousand plays where one in a thousand may stall. */
  readonly seedCount: number
  /** Starts that count: by a listener who pressed play, or by the queue. */
  readonly starts: 'pressed' | 'queued'
  readonly isPromised: boolean
  readonly bar: PlaybackBar
}

const WASTE = { wasteRatioMax: 0.02 }
const COLD = { startupP50Ms: 200, startupP95Ms: 500, stallCountMax: 0, ...WASTE }

export const PLAYBACK_SCENARIOS: Readonly<Record<PlaybackWorldName, PlaybackScenario>> = Object.freeze({
  calm: { seedCount: 5, starts: 'pressed', isPromised: true, bar: COLD },
  'cold-alone': { seedCount: 20, starts: 'pressed', isPromised: true, bar: COLD },
  'cold-swarm': { seedCount: 10, starts: 'pressed', isPromised: true, bar: COLD },
  prefetched: { seedCount: 4, starts: 'queued', isPromised: true, bar: { startupP95Ms: 20, stallCountMax: 0, ...WASTE } },
  churn: { seedCount: 5, starts: 'pressed', isPromised: true, bar: { stalledPlaysRatioMax: 0.001, ...WASTE } },
  tarpits: { seedCount: 3, starts: 'pressed', isPromised: true, bar: { startupP95Ms: 2500, stallCountMax: 0, ...WASTE } },
  'slow-uplinks': { seedCount: 4, starts: 'pressed', isPromised: false, bar: { startupP95Ms: 1000, stallCountMax: 0, ...WASTE } },
  'origin-stops': { seedCount: 6, starts: 'pressed', isPromised: false, bar: { startupP95Ms: 500, stallCountMax: 0, ...WASTE } },
  'seek-storm': { seedCount: 4, starts: 'pressed', isPromised: false, bar: { seekP95Ms: 500, stallCountMax: 0, ...WASTE } },
  'crowd-500': { seedCount: 1, starts: 'pressed', isPromised: false, bar: { startupP95Ms: 2500, stalledPlaysRatioMax: 0.001, ...WASTE } },
  'six-together': { seedCount: 8, starts: 'pressed', isPromised: false, bar: { startupP95Ms: 500, stallCountMax: 0, ...WASTE } },
})
