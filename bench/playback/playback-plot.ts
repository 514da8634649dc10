// The measurements as a small picture: per scenario the wait for the first sound (median to p99) with its bar, and how many plays stalled.
// Not a charting library: a few lines of SVG, the same bytes for the same figures.
// Invariant: it is well-formed XML whatever the names are, and readable in light and dark.

import type { TableLine } from './playback-table.ts'

const WIDTH = 900
const LABEL_WIDTH = 170
const NOTE_WIDTH = 200
const TOP = 64
const LINE_HEIGHT = 34
const TICKS_MS = [10, 20, 50, 100, 200, 500, 1000, 2500, 10_000, 60_000]

const STYLE = `
  svg { background: #fff; font: 13px system-ui, sans-serif; fill: #222 }
  .grid { stroke: #ddd } .wait { stroke: #2b6cb0; stroke-width: 8; stroke-linecap: round; opacity: .45 }
  .median { fill: #2b6cb0 } .bar { stroke: #c53030; stroke-width: 2 } .small { font-size: 11px; fill: #555 } .missed { fill: #c53030 }
  @media (prefers-color-scheme: dark) {
    svg { background: #16181c; fill: #e6e6e6 } .grid { stroke: #3a3d44 } .small { fill: #a5a9b0 }
    .wait { stroke: #63b3ed } .median { fill: #63b3ed } .bar { stroke: #fc8181 } .missed { fill: #fc8181 }
  }`

/** @param lines in the order of the table */
export function playbackPlot(lines: readonly TableLine[]): string {
  const height = TOP + lines.length * LINE_HEIGHT + 24
  const widest = Math.max(...lines.map(({ measured, bar }) => Math.max(measured.startupMs?.p99 ?? 1, bar.startupP95Ms ?? 1)))
  const ticks = TICKS_MS.filter((ms, index) => ms <= widest || (TICKS_MS[index - 1] ?? 0) < widest)
  const x = scale(ticks.at(-1) ?? 1)
  const grid = ticks.map(ms => {
    const at = x(ms).toFixed(1)
    const label = ms === TICKS_MS[0] ? `≤ ${ms} ms` : ms < 1000 ? `${ms} ms` : `${ms / 1000} s`
    return `<line class="grid" x1="${at}" y1="${TOP - 14}" x2="${at}" y2="${height - 20}"/><text class="small" x="${at}" y="${TOP - 20}" text-anchor="middle">${label}</text>`
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">`,
    '<title>Playback: the wait for the first sound, and stalls</title>',
    `<style>${STYLE}\n</style>`,
    '<text x="12" y="24" font-size="15">From play to the first verified audio</text>',
    `<text class="small" x="${WIDTH - 12}" y="24" text-anchor="end">dot: median · line: to p95, thin to p99 · red: the p95 it is held to</text>`,
    ...grid,
    ...lines.map((line, index) => drawnLine(line, TOP + index * LINE_HEIGHT + LINE_HEIGHT / 2, x)),
    '</svg>',
    '',
  ].join('\n')
}

/** Logarithmic, from 10 ms (and what is faster) to the widest. */
function scale(widestMs: number): (ms: number) => number {
  const span = WIDTH - LABEL_WIDTH - NOTE_WIDTH
  const decades = Math.log10(Math.max(100, widestMs) / 10)
  return ms => LABEL_WIDTH + (Math.log10(Math.max(10, ms) / 10) / decades) * span
}

function drawnLine({ measured, bar }: TableLine, y: number, x: (ms: number) => number): string {
  const { scenario, setting, startupMs, stalledPlayCount, playCount } = measured
  const name = setting === 'simulated' ? scenario : `${scenario} (${setting})`
  const parts = [`<text x="${LABEL_WIDTH - 12}" y="${y + 4}" text-anchor="end">${escaped(name)}</text>`]
  if (startupMs !== undefined) {
    const [p50, p95, p99] = [x(startupMs.p50), x(startupMs.p95), x(startupMs.p99)].map(at => at.toFixed(1))
    parts.push(`<line class="wait" x1="${p50}" y1="${y}" x2="${p95}" y2="${y}"/>`)
    parts.push(`<line class="wait" style="stroke-width:2" x1="${p95}" y1="${y}" x2="${p99}" y2="${y}"/>`)
    parts.push(`<circle class="median" cx="${p50}" cy="${y}" r="5"/>`)
  }
  if (bar.startupP95Ms !== undefined) {
    const at = x(bar.startupP95Ms).toFixed(1)
    parts.push(`<line class="bar" x1="${at}" y1="${y - 11}" x2="${at}" y2="${y + 11}"/>`)
  }
  const share = playCount === 0 ? 0 : (stalledPlayCount / playCount) * 100
  const stalls = stalledPlayCount === 0 ? `no stall in ${playCount} plays` : `${share.toFixed(2)} % of ${playCount} plays stalled`
  parts.push(
    `<text class="${stalledPlayCount === 0 ? 'small' : 'small missed'}" x="${WIDTH - 12}" y="${y + 4}" text-anchor="end">${stalls}</text>`,
  )
  return parts.join('')
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
