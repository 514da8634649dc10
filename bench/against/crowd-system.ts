// The shape of whatever can serve a crowd: EvaStream, and those it is put beside.
// Not the list of them (crowd-systems.ts).
// Invariant: a system that cannot run here says why, and runs nothing.

import type { CrowdFigures, CrowdPlan } from '../crowd/crowd-plan.ts'

export interface CrowdSystem {
  readonly name: string
  /** Why it cannot run here, and what to install; undefined when it can. */
  obstacle(): Promise<string | undefined>
  run(plan: CrowdPlan): Promise<CrowdFigures>
}
