// The shape of whatever can measure scenarios: a simulator, or real processes on shaped links.
// Not the list of those there are (measurement-sources.ts).
// Invariant: a source that cannot measure here says why, and measures nothing.

import type { PlaybackWorldName } from '@evastream/simulator/worlds/playback-worlds'
import type { PlaybackMeasurement } from './playback-measurement.ts'
import type { Seeds } from './simulated-playback.ts'

export interface MeasurementSource {
  readonly setting: PlaybackMeasurement['setting']
  /** Why this machine cannot measure; undefined when it can. */
  obstacle(): Promise<string | undefined>
  /** Undefined for a scenario that this source does not know. */
  measure(scenario: PlaybackWorldName, seeds: Seeds): Promise<PlaybackMeasurement | undefined>
}
