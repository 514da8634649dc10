// The simulated crowds as rows: copies, the last peer against the bound, first sounds, and whether everybody finishes.
// Not the worlds and not their playing (packages/simulator).
// Invariant: a world with a peer that never finished misses its row, whatever else it did well.

import type { CrowdFigures } from '@evastream/simulator/worlds/crowd-figures'
import { playCrowd } from '@evastream/simulator/worlds/crowd-figures'
import type { CrowdWorldName } from '@evastream/simulator/worlds/crowd-worlds'
import type { BenchRow } from '../bench-row.ts'
import { median } from '../median.ts'

interface SimulatedBars {
  readonly copies: number
  readonly boundRatio?: number
  readonly isHeard?: boolean
}

const EVEN_BARS = { boundRatio: 1.25, isHeard: true }

const WORLDS: readonly (readonly [CrowdWorldName, SimulatedBars])[] = [
  ['crowd-one-copy-50', { copies: 1.02, ...EVEN_BARS }],
  ['crowd-one-copy-50-mixed', { copies: 1.02, ...EVEN_BARS }],
  ['crowd-one-copy-100', { copies: 1.03, ...EVEN_BARS }],
  ['crowd-one-copy-100-mixed', { copies: 1.03, ...EVEN_BARS }],
  ['crowd-one-copy-200', { copies: 1.05, ...EVEN_BARS }],
  ['crowd-one-copy-200-mixed', { copies: 1.05, ...EVEN_BARS }],
  ['crowd-one-copy-500', { copies: 1.1, isHeard: true, boundRatio: 1.3 }],
  ['crowd-one-copy-500-mixed', { copies: 1.1, isHeard: true, boundRatio: 1.3 }],
  ['crowd-killed-50', { copies: 1.25 }],
  ['crowd-powerless-50', { copies: 1.25 }],
  ['crowd-trackerless-50', { copies: 3 }],
]

const FIRST_SOUND_P50_MS = 700
const FIRST_SOUND_P95_MS = 1500

/** Worlds by name, those of up to 100 peers apart from the rest, which take minutes each. */
export function worldNamesOf(size: 'small' | 'large'): CrowdWorldName[] {
  return WORLDS.map(([name]) => name).filter(name => /-(200|500)/.test(name) === (size === 'large'))
}

/** @param seedCount worlds of each name, beginning at seed 1 */
export function simulatedRows(world: CrowdWorldName, seedCount: number): { readonly rows: BenchRow[]; readonly wastedRatio: number } {
  const bars = WORLDS.find(([name]) => name === world)?.[1] ?? { copies: 1 }
  const runs = Array.from({ length: seedCount }, (_, index) => playCrowd(world, index + 1))
  return { rows: rowsOf(world, bars, runs), wastedRatio: median(runs.map(({ wasteRatio }) => wasteRatio)) }
}

export function rowsOf(world: string, bars: SimulatedBars, runs: readonly CrowdFigures[]): BenchRow[] {
  const row = (what: string, unit: string, atMost: number, of: (run: CrowdFigures) => number): BenchRow => {
    const figures = runs.map(of)
    const detail = `seeds 1 to ${runs.length}: ${figures.map(figure => figure.toFixed(2)).join(', ')}`
    return { what: `simulated: ${world}: ${what}`, figure: median(figures), unit, bar: { atMost }, detail }
  }
  const { copies, boundRatio, isHeard = false } = bars
  return [
    row('copies from the origin', 'copies', copies, run => run.copies),
    row('peers that never finished', 'peers', 0, run => run.survivorCount - run.finishedCount),
    ...(boundRatio === undefined ? [] : [row('the last peer has it', 'x bound', boundRatio, run => run.boundRatio ?? Number.NaN)]),
    ...(isHeard
      ? [
          row('first sound, p50', 'ms', FIRST_SOUND_P50_MS, run => run.firstSoundP50Ms),
          row('first sound, p95', 'ms', FIRST_SOUND_P95_MS, run => run.firstSoundP95Ms),
        ]
      : []),
  ]
}
