// Several systems and one crowd, turn by turn in one run, and their figures below one another.
// Not how any of them is run.
// Invariant: every round has each system once; a figure that a system does not tell is a dash.

import { EvaError, toEvaError } from '@evastream/core/errors'
import { type BenchRow, linedUp } from '../bench-row.ts'
import type { CrowdFigures } from '../crowd/crowd-plan.ts'
import { type CrowdRow, middleOf } from '../crowd/crowd-rows.ts'
import { crowdObstacle } from '../rows/row-groups.ts'
import type { CrowdSystem } from './crowd-system.ts'

export interface Comparison {
  readonly crowd: string
  readonly what: string
  readonly system: string
  /** Medians; undefined when it could not be measured. */
  readonly middle: CrowdFigures | undefined
  readonly runs: readonly CrowdFigures[]
  /** Why it was not measured. */
  readonly obstacle?: string
}

interface SideBySide {
  readonly crowd: CrowdRow
  readonly systems: readonly CrowdSystem[]
  readonly runCount: number
  readonly tell: (line: string) => void
}

export async function measureAgainst({ crowd, systems, runCount, tell }: SideBySide): Promise<Comparison[]> {
  const { name, what, plan } = crowd
  const missing = await crowdObstacle(plan)
  const runs = new Map<string, CrowdFigures[]>(systems.map(system => [system.name, []]))
  const obstacles = new Map<string, string>()
  for (let round = 0; round < runCount && missing === undefined; round++) {
    for (const system of systems) {
      const figures = await system.run(plan).catch(toEvaError)
      if (figures instanceof EvaError) obstacles.set(system.name, String(figures.details.reason ?? figures.stack))
      else runs.get(system.name)?.push(figures)
      tell(`${name}: ${system.name}: ${figures instanceof EvaError ? `FAILED: ${obstacles.get(system.name)}` : JSON.stringify(figures)}`)
    }
  }
  return systems.map(system => {
    const measured = runs.get(system.name) ?? []
    const obstacle = missing ?? obstacles.get(system.name)
    const middle = measured.length === 0 ? undefined : middleOf(measured)
    return { crowd: name, what, system: system.name, middle, runs: measured, ...(obstacle === undefined ? {} : { obstacle }) }
  })
}

/** Our processor time beside that of each system that the crowd is held to; a system that was not measured is not judged. */
export function judgedAgainst({ name, what, lighterThan = [] }: CrowdRow, compared: readonly Comparison[]): BenchRow[] {
  const cpuOf = (system: string | undefined) => compared.find(each => each.system === system)?.middle?.cpuSecondsPerGb
  const ours = cpuOf(compared[0]?.system) ?? Number.NaN
  return lighterThan.flatMap(system => {
    const theirs = cpuOf(system)
    if (theirs === undefined) return []
    const detail = `${ours.toFixed(2)} and ${theirs.toFixed(2)} s/GB in the same run`
    return [{ what: `${name}: ${what}: CPU of all processes`, figure: ours / theirs, unit: `x ${system}`, bar: { atMost: 1 }, detail }]
  })
}

export function comparisonTable(compared: readonly Comparison[]): string {
  const lines = compared.map(({ crowd, what, system, middle, obstacle }) => {
    const { originCopies, seconds, firstSeconds, cpuSecondsPerGb } = middle ?? {}
    const figures = [originCopies, seconds, firstSeconds, cpuSecondsPerGb].map(figure => figure?.toFixed(2) ?? '-')
    return [`${crowd}: ${what}`, system, ...figures, obstacle === undefined ? '' : `NOT MEASURED: ${obstacle}`]
  })
  return linedUp([['crowd', 'system', 'copies', 'seconds', 'first s', 'CPU-s/GB', ''], ...lines])
}
