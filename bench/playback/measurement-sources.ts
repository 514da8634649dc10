// Where measurements come from: the simulator always; whatever else can measure a scenario adds itself to the list.
// Not the measuring: each source has a file of its own.
// Invariant: a source that cannot measure here says why, and its lines are left out.

import type { PlaybackWorldName } from '@evastream/simulator/playback-worlds'
import type { PlaybackMeasurement } from './playback-measurement.ts'
import { realProcesses } from './real-processes.ts'
import { measureSimulated, type Seeds } from './simulated-playback.ts'

export interface MeasurementSource {
  readonly setting: PlaybackMeasurement['setting']
  /** Why this machine cannot measure; undefined when it can. */
  obstacle(): Promise<string | undefined>
  /** Undefined for a scenario that this source does not know. */
  measure(scenario: PlaybackWorldName, seeds: Seeds): Promise<PlaybackMeasurement | undefined>
}

const simulated: MeasurementSource = {
  setting: 'simulated',
  obstacle: async () => undefined,
  measure: async (scenario, seeds) => measureSimulated(scenario, seeds),
}

export const MEASUREMENT_SOURCES: readonly MeasurementSource[] = [simulated, realProcesses]
