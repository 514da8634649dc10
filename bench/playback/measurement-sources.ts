// Where measurements come from: the simulator always; whatever else can measure a scenario adds itself to the list.
// Not the measuring: each source has a file of its own.
// Invariant: a source that cannot measure here says why, and its lines are left out.

import type { MeasurementSource } from './measurement-source.ts'
import { realProcesses } from './real-processes.ts'
import { measureSimulated } from './simulated-playback.ts'

const simulated: MeasurementSource = {
  setting: 'simulated',
  obstacle: async () => undefined,
  measure: async (scenario, seeds) => measureSimulated(scenario, seeds),
}

export const MEASUREMENT_SOURCES: readonly MeasurementSource[] = [simulated, realProcesses]
