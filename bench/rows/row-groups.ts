// The rows that `npm run bench` measures, in groups that can be asked for by name.
// Not the printing and keeping (bench-command.ts).
// Invariant: a group that cannot be measured here says why, and measures nothing.

import type { BenchRow } from '../bench-row.ts'
import type { CrowdFigures, CrowdPlan } from '../crowd/crowd-plan.ts'
import { CROWD_ROWS, type CrowdRow, judgedRows, middleOf } from '../crowd/crowd-rows.ts'
import { runEvaStream } from '../crowd/evastream-crowd.ts'
import { ShapedNetwork } from '../shaped-network.ts'
import { callRows, memoryRow, sweepRow } from '../tracker/tracker-rows.ts'
import { aloneRows } from './alone-rows.ts'
import { simulatedRows, worldNamesOf } from './simulated-rows.ts'

export interface RowGroup {
  readonly name: string
  readonly about: string
  /** Why this machine cannot measure it; undefined when it can. */
  obstacle(): Promise<string | undefined>
  measure(runCount: number): Promise<readonly BenchRow[]>
}

const WASTE_MAX_PERCENT = 2

const able = async (): Promise<undefined> => undefined
const onLinks = (): Promise<string | undefined> => ShapedNetwork.obstacle()
const overLoopback = async (): Promise<string | undefined> =>
  process.platform === 'linux' ? undefined : 'processor time and memory of processes are read from /proc'

/** What stands between a crowd and this machine. */
export function crowdObstacle({ links }: CrowdPlan): Promise<string | undefined> {
  return links === undefined ? overLoopback() : onLinks()
}

function crowdGroup(row: CrowdRow): RowGroup {
  return {
    name: row.name,
    about: row.what,
    obstacle: () => crowdObstacle(row.plan),
    measure: async runCount => {
      const runs: CrowdFigures[] = []
      for (let run = 0; run < runCount; run++) runs.push(await runEvaStream(row.plan))
      return [...judgedRows(row, runs), wasteRow(`${row.name}: ${row.what}`, middleOf(runs).wastedRatio ?? Number.NaN)]
    },
  }
}

function simulatedGroup(size: 'small' | 'large', about: string): RowGroup {
  return {
    name: `simulated-${size}`,
    about,
    obstacle: able,
    measure: async runCount =>
      worldNamesOf(size).flatMap(world => {
        const { rows, wastedRatio } = simulatedRows(world, runCount)
        return [...rows, wasteRow(`simulated: ${world}`, wastedRatio)]
      }),
  }
}

function wasteRow(what: string, ratio: number): BenchRow {
  return { what: `${what}: duplicate and wasted`, figure: 100 * ratio, unit: '%', bar: { atMost: WASTE_MAX_PERCENT }, detail: '' }
}

export const ROW_GROUPS: readonly RowGroup[] = [
  ...CROWD_ROWS.map(crowdGroup),
  { name: 'alone', about: 'one listener against curl from the same origin, 50 Mbit/s', obstacle: onLinks, measure: aloneRows },
  simulatedGroup('small', 'simulated crowds of 50 and 100, killed, powerless and trackerless ones'),
  simulatedGroup('large', 'simulated crowds of 200 and 500; minutes each'),
  {
    name: 'tracker',
    about: "the tracker's calls, memory and sweep, always with rounds of its own",
    obstacle: overLoopback,
    measure: async () => [...(await callRows()), await memoryRow(), await sweepRow()],
  },
]
