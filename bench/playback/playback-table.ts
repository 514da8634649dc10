// The measurements as one table for people: a line per scenario and setting, what it is held to, and whether it holds.
// Not the plot (playback-plot.ts).
// Invariant: columns line up in any width of digits; what was not measured is a dash.

import { MIB } from '@evastream/core/units'
import { missesOf, originCopiesOf, type PlaybackBar, type PlaybackMeasurement, wasteRatioOf } from './playback-measurement.ts'

export interface TableLine {
  readonly measured: PlaybackMeasurement
  readonly bar: PlaybackBar
  /** The project promised it to its users; otherwise it is a goal of our own. */
  readonly isPromised: boolean
}

const HEADINGS = [
  'scenario',
  'setting',
  'plays',
  'start p50',
  'p95',
  'p99 ms',
  'seek p95',
  'stalls',
  'stalled %',
  'origin MiB',
  'peers MiB',
  'copies',
  'waste %',
  'held to',
  'result',
] as const

/** Columns of words stand to the left, those of figures to the right. */
const WORD_COLUMNS: ReadonlySet<number> = new Set([0, 1, 13, 14])

export function playbackTable(lines: readonly TableLine[]): string {
  const rows = [HEADINGS, ...lines.map(cellsOf)]
  const widths = HEADINGS.map((_, column) => Math.max(...rows.map(row => (row[column] ?? '').length)))
  const text = rows.map(row =>
    row
      .map((cell, column) => padded(cell, widths[column] ?? 0, column))
      .join('  ')
      .trimEnd(),
  )
  const rule = widths.map(width => '-'.repeat(width)).join('  ')
  return [text[0], rule, ...text.slice(1)].join('\n')
}

function padded(cell: string, width: number, column: number): string {
  return WORD_COLUMNS.has(column) ? cell.padEnd(width) : cell.padStart(width)
}

function cellsOf({ measured, bar, isPromised }: TableLine): string[] {
  const { startupMs, seekMs, playCount, stallCount, stalledPlayCount, originBytes, peerBytes } = measured
  const misses = missesOf(measured, bar)
  return [
    measured.scenario,
    measured.setting,
    `${playCount}`,
    milliseconds(startupMs?.p50),
    milliseconds(startupMs?.p95),
    milliseconds(startupMs?.p99),
    milliseconds(seekMs?.p95),
    `${stallCount}`,
    playCount === 0 ? '-' : ((stalledPlayCount / playCount) * 100).toFixed(2),
    (originBytes / MIB).toFixed(1),
    (peerBytes / MIB).toFixed(1),
    originCopiesOf(measured).toFixed(2),
    (wasteRatioOf(measured) * 100).toFixed(2),
    `${isPromised ? 'promised' : 'our goal'}: ${barWords(bar)}`,
    misses.length === 0 ? 'met' : `MISSED: ${misses.join('; ')}`,
  ]
}

export function barWords(bar: PlaybackBar): string {
  const { startupP50Ms, startupP95Ms, seekP95Ms, stallCountMax, stalledPlaysRatioMax, wasteRatioMax } = bar
  return [
    ...(startupP50Ms === undefined ? [] : [`p50 ≤ ${startupP50Ms}`]),
    ...(startupP95Ms === undefined ? [] : [`p95 ≤ ${startupP95Ms}`]),
    ...(seekP95Ms === undefined ? [] : [`seek p95 ≤ ${seekP95Ms}`]),
    ...(stallCountMax === undefined ? [] : [stallCountMax === 0 ? 'no stall' : `≤ ${stallCountMax} stalls`]),
    ...(stalledPlaysRatioMax === undefined ? [] : [`stalled ≤ ${Number((stalledPlaysRatioMax * 100).toFixed(2))} %`]),
    ...(wasteRatioMax === undefined ? [] : [`waste ≤ ${Number((wasteRatioMax * 100).toFixed(2))} %`]),
  ].join(', ')
}

function milliseconds(ms: number | undefined): string {
  return ms === undefined ? '-' : `${Math.round(ms)}`
}
