// The process in which the tracker's books are measured, away from what the bench itself holds.
// Not the measuring.
// Invariant: each question is answered by a measurement of its own.

import { answerParent } from '../child-process.ts'
import { measureMemory, measureSweep, type SweepFigures } from '../registry-measurement.ts'

export interface RegistryQuestion {
  readonly what: 'memory' | 'sweep'
}

export interface RegistryAnswer {
  readonly bytesPerPeer?: number
  readonly sweep?: SweepFigures
}

answerParent<RegistryQuestion, RegistryAnswer>(async ({ what }) =>
  what === 'memory' ? { bytesPerPeer: measureMemory(100_000) } : { sweep: await measureSweep({ peerCount: 100_000, songCount: 10 }) },
)
