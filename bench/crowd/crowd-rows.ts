// The crowds that are measured with real processes, and what each is held to.
// Not the measuring (evastream-crowd.ts and, for others, against/), and not the simulated crowds (rows/simulated-rows.ts).
// Invariant: bars over links are multiples of a bound of those links, not of a figure of ours.

import { MIB } from '@evastream/core/units'
import type { BenchRow } from '../bench-row.ts'
import { median } from '../median.ts'
import type { CrowdFigures, CrowdPlan } from './crowd-plan.ts'
import { boundSeconds, type CrowdLinks, freeBoundSeconds } from './link-bounds.ts'

/** The most a figure may be; what is absent is shown in the detail and not judged. */
type CrowdBars = Partial<Record<keyof CrowdFigures, number>>

export interface CrowdRow {
  readonly name: string
  readonly what: string
  readonly plan: CrowdPlan
  readonly bars: CrowdBars
  /** Systems that may not take less processor time for a gigabyte in the same run; judged side by side (`--against`). */
  readonly lighterThan?: readonly string[]
}

const SMALL_SONG_BYTES = 8 * MIB
const SONG_BYTES = 16 * MIB
const LARGE_SONG_BYTES = 256 * MIB
const COPIES_MAX = 1.05
const FIRST_SECONDS_MAX = 0.3
/** What aria2 took on a machine like this; `--against aria2` compares in one run. */
const SMALL_CPU_MAX = 4.9

function alike(count: number): CrowdLinks {
  return linksOf(Array.from({ length: count }, () => 20))
}

function linksOf(uplinksMbit: readonly number[]): CrowdLinks {
  return { originMbit: 50, peers: uplinksMbit.map(upMbit => ({ upMbit, downMbit: 50 })) }
}

function together(peerCount: number, bars: CrowdBars = {}, lighterThan: readonly string[] = []): CrowdRow {
  const what = `${peerCount} together, 8 MiB, unshaped`
  return {
    name: `copies-${peerCount}`,
    what,
    plan: { songBytes: SMALL_SONG_BYTES, peerCount },
    bars: { originCopies: COPIES_MAX, ...bars },
    lighterThan,
  }
}

interface ShapedWords {
  readonly name: string
  readonly what: string
  readonly links: CrowdLinks
  readonly bars: CrowdBars
  readonly more?: Partial<CrowdPlan>
}

function shaped({ name, what, links, bars, more = {} }: ShapedWords): CrowdRow {
  return { name, what, plan: { songBytes: SONG_BYTES, peerCount: links.peers.length, links, ...more }, bars }
}

const SIX = alike(6)
const TWELVE = alike(12)
const MIXED = linksOf([2, 5, 10, 20, 40, 50])
const TEN = alike(10)

export const CROWD_ROWS: readonly CrowdRow[] = [
  together(4),
  together(8, { cpuSecondsPerGb: SMALL_CPU_MAX }, ['aria2']),
  together(16),
  shaped({
    name: 'six',
    what: '6 peers, 20 up / 50 down',
    links: SIX,
    bars: { originCopies: COPIES_MAX, seconds: 1.1 * boundSeconds(SONG_BYTES, SIX, 1), firstSeconds: FIRST_SECONDS_MAX },
  }),
  shaped({
    name: 'six-two-copies',
    what: '6 peers, --origin-copies 2',
    links: SIX,
    bars: { originCopies: 1.8, seconds: 1.1 * freeBoundSeconds(SONG_BYTES, SIX) },
    more: { originCopies: 2 },
  }),
  shaped({
    name: 'twelve',
    what: '12 peers, 20 up / 50 down',
    links: TWELVE,
    bars: { originCopies: COPIES_MAX, seconds: 1.12 * boundSeconds(SONG_BYTES, TWELVE, 1) },
  }),
  shaped({
    name: 'six-mixed',
    what: '6 peers, 2 to 50 up / 50 down',
    links: MIXED,
    bars: { originCopies: COPIES_MAX, seconds: 1.2 * boundSeconds(SONG_BYTES, MIXED, 1) },
  }),
  shaped({
    name: 'killed',
    what: '10 peers, 2 killed midway',
    links: TEN,
    bars: { originCopies: 1.25 },
    more: { killedCount: 2 },
  }),
  {
    name: 'large',
    what: '4 together, 256 MiB, unshaped',
    plan: { songBytes: LARGE_SONG_BYTES, peerCount: 4 },
    bars: { cpuSecondsPerGb: 2, peakPeerBytes: 95 * MIB },
    lighterThan: ['libtorrent', 'aria2'],
  },
]

const FIGURES: readonly { readonly key: keyof CrowdFigures; readonly words: string; readonly unit: string; readonly size?: number }[] = [
  { key: 'originCopies', words: 'copies from the origin', unit: 'copies' },
  { key: 'seconds', words: 'the last peer has it', unit: 's' },
  { key: 'firstSeconds', words: 'first sound, median peer', unit: 's' },
  { key: 'cpuSecondsPerGb', words: 'CPU of all processes', unit: 's/GB' },
  { key: 'peakPeerBytes', words: 'peak of a peer process', unit: 'MiB', size: MIB },
]

/** A line for each figure that has a bar; every run stands in the detail. */
export function judgedRows({ name, what, bars }: Pick<CrowdRow, 'name' | 'what' | 'bars'>, runs: readonly CrowdFigures[]): BenchRow[] {
  return FIGURES.flatMap(({ key, words, unit, size = 1 }) => {
    const bar = bars[key]
    if (bar === undefined) return []
    const measured = runs.map(run => (run[key] ?? Number.NaN) / size)
    const detail = `runs: ${measured.map(figure => figure.toFixed(2)).join(', ')}`
    return [{ what: `${name}: ${what}: ${words}`, figure: median(measured), unit, bar: { atMost: bar / size }, detail }]
  })
}

/** The median of each figure. */
export function middleOf(runs: readonly CrowdFigures[]): CrowdFigures {
  const of = (key: keyof CrowdFigures) => median(runs.map(run => run[key] ?? Number.NaN))
  const told = (key: keyof CrowdFigures) => (runs.some(run => run[key] !== undefined) ? of(key) : undefined)
  return {
    seconds: of('seconds'),
    originCopies: of('originCopies'),
    firstSeconds: told('firstSeconds'),
    cpuSecondsPerGb: told('cpuSecondsPerGb'),
    wastedRatio: told('wastedRatio'),
    peakPeerBytes: told('peakPeerBytes'),
  }
}
