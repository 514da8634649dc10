// A stacked chart by uPlot: bytes a second from the server, and on top of them those from listeners.
// Not the page around it.
// Invariant: colours come from the theme's variables, so both themes fit; a stretch without a record is a gap, not a zero.

import type { SwarmHistory } from '@evastream/protocol/swarm-http'
import Plot from 'uplot'
import { rateText } from './amount-text.ts'

const HEIGHT = 220
const AXIS_WIDTH = 76
/** Above the highest bar. */
const ROOM_FOR_WORDS = 1.3
/** Room for a time of day between two marks. */
const MARKS_APART = 68
const [MINUTE, HOUR] = [60, 3600]
/** In seconds; closer marks would read the same. */
const MARK_STEPS = [1, 2, 5, 10, 15, 30]
  .map(count => count * MINUTE)
  .concat([1, 2, 3, 6, 12, 24, 48, 96, 192, 384].map(count => count * HOUR))

const SPAN_MS: Readonly<Record<string, number>> & { readonly '15m': number } = { '15m': 900_000, '24h': 86_400_000, '30d': 2_592_000_000 }

export class StackedChart {
  readonly #plot: Plot
  readonly #watch: ResizeObserver

  constructor(place: HTMLElement, history: SwarmHistory) {
    const colour = (name: string) => colourOf(place, name)
    const line = { stroke: colour('--line'), width: 1 }
    const axis = { stroke: colour('--ink-soft'), grid: line, ticks: line, font: '12px "Inter Variable", sans-serif' }
    const bars = Plot.paths.bars?.({ size: [0.9, 40] })
    const filled = (label: string, name: string): Plot.Series => ({
      label,
      stroke: colour(name),
      fill: colour(name),
      width: 1,
      points: { show: false },
      ...(bars === undefined ? {} : { paths: bars }),
    })
    const options: Plot.Options = {
      width: place.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      cursor: { show: false },
      scales: {
        x: { range: () => secondsShown(history) },
        y: { range: (_plot, _min, max) => [0, Math.max(1000, (max ?? 0) * ROOM_FOR_WORDS)] },
      },
      axes: [
        { ...axis, space: MARKS_APART, incrs: MARK_STEPS, values: (_plot, splits) => splits.map(at => momentText(at, history.span)) },
        { ...axis, size: AXIS_WIDTH, values: (_plot, splits) => splits.map(rateText) },
      ],
      // The taller one first: the server's bars stand in front of it.
      series: [{}, filled('listeners', '--from-peer'), filled('server', '--from-origin')],
      hooks: { draw: [plot => markMoment(plot, history.selfSustainingAtMs, colour('--ink'))] },
    }
    this.#plot = new Plot(options, columnsOf(history), place)
    this.#watch = new ResizeObserver(() => this.#plot.setSize({ width: place.clientWidth, height: HEIGHT }))
    this.#watch.observe(place)
  }

  close(): void {
    this.#watch.disconnect()
    this.#plot.destroy()
  }
}

function columnsOf({ points, bucketMs }: SwarmHistory): Plot.AlignedData {
  const seconds = bucketMs / 1000
  const times = points.map(({ atMs }) => (atMs + bucketMs / 2) / 1000)
  const both = points.map(({ serverBytes, listenerBytes }) => (serverBytes + listenerBytes) / seconds)
  return [times, both, points.map(({ serverBytes }) => serverBytes / seconds)]
}

/** The whole span, or what of it was recorded when that is short: an empty chart tells nothing. */
function secondsShown({ points, span, bucketMs, untilMs }: SwarmHistory): [number, number] {
  const spanMs = SPAN_MS[span] ?? SPAN_MS['15m']
  const recordedMs = untilMs - (points[0]?.atMs ?? untilMs) + 2 * bucketMs
  const shownMs = Math.min(spanMs, Math.max(spanMs / 5, recordedMs))
  return [(untilMs - shownMs) / 1000, (untilMs + bucketMs) / 1000]
}

function momentText(atSeconds: number, span: string): string {
  const format = span === '30d' ? ({ month: 'short', day: 'numeric' } as const) : ({ hour: '2-digit', minute: '2-digit' } as const)
  return new Date(atSeconds * 1000).toLocaleString(undefined, format)
}

/** A dashed line with words: told without colour. */
function markMoment(plot: Plot, atMs: number | null, colour: string): void {
  if (atMs === null) return
  const x = plot.valToPos(atMs / 1000, 'x', true)
  const { ctx, bbox } = plot
  if (x < bbox.left) return
  ctx.save()
  ctx.strokeStyle = colour
  ctx.fillStyle = colour
  ctx.lineWidth = devicePixelRatio
  ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio])
  ctx.beginPath()
  ctx.moveTo(x, bbox.top)
  ctx.lineTo(x, bbox.top + bbox.height)
  ctx.stroke()
  ctx.font = `${12 * devicePixelRatio}px "Inter Variable", sans-serif`
  const isRight = x > bbox.left + bbox.width / 2
  ctx.textAlign = isRight ? 'right' : 'left'
  ctx.fillText('by itself from here', x + (isRight ? -6 : 6) * devicePixelRatio, bbox.top + 14 * devicePixelRatio)
  ctx.restore()
}

/** Canvas knows no light-dark(): the browser resolves it on an element. */
function colourOf(place: HTMLElement, name: string): string {
  const probe = document.createElement('i')
  probe.style.color = `var(${name})`
  place.append(probe)
  const { color } = getComputedStyle(probe)
  probe.remove()
  return color
}
