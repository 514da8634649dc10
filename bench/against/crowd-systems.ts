// The systems that a crowd can be served by, EvaStream first.
// Not how they are run.
// Invariant: names are what `--against` takes.

import { runEvaStream } from '../crowd/evastream-crowd.ts'
import type { CrowdSystem } from './crowd-system.ts'
import { OTHER_SYSTEMS } from './other-systems.ts'

const evastream: CrowdSystem = { name: 'evastream', obstacle: async () => undefined, run: runEvaStream }

export const CROWD_SYSTEMS: readonly CrowdSystem[] = [evastream, ...OTHER_SYSTEMS]
