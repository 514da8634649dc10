// A stacked chart by uPlot: bytes a second from the server, and on top of them those from listeners.
// Not the page around it.
// Invariant: colours come from the theme's variables, so both themes fit; a stretch without a record is a gap, not a zero.

import type { SwarmHistory } from '@evastream/protocol/swarm-http'
import Plot from 'uplot'
import { rateText } from './amount-text.ts'

const HEIGHT = 220
const AXIS_WIDTH = 76

type Series = (number | null)[]

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
      scales: { y: { range: (_plot, _min, max) => [0, Math.max(1000, (max ?? 0) * 1.1)] } },
      axes: [axis, { ...axis, size: AXIS_WIDTH, values: (_plot, splits) => splits.map(rateText) }],
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

function columnsOf({ points, bucketMs, untilMs, span }: SwarmHistory): Plot.AlignedData {
  const seconds = bucketMs / 1000
  const spanMs = { '15m': 900_000, '24h': 86_400_000, '30d': 2_592_000_000 }[span] ?? 900_000
  const times = [(untilMs - spanMs) / 1000]
  const [both, server]: [Series, Series] = [[null], [null]]
  for (const { atMs, serverBytes, listenerBytes } of points) {
    times.push((atMs + bucketMs / 2) / 1000)
    both.push((serverBytes + listenerBytes) / seconds)
    server.push(serverBytes / seconds)
  }
  times.push(Math.max(untilMs / 1000, (times.at(-1) ?? 0) + 0.001))
  both.push(null)
  server.push(null)
  return [times, both, server]
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
