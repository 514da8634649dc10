// What is measured of a scenario's plays, and how good is good enough; the same for simulated swarms and for real processes.
// Not the measuring: simulated-playback.ts does it on virtual time, and whatever else measures gives the same shape.
// Invariant: a percentile is a value that was measured (nearest rank); what was not measured is undefined, never zero.

/** One play, wherever it happened. */
export interface MeasuredPlay {
  /** From play to the first verified audio (ms); undefined when there was none. */
  readonly startupMs: number | undefined
  /** How long the listener had waited (ms) when a play ended in silence. */
  readonly silentForMs: number
  readonly stallCount: number
  readonly stalledMs: number
  /** From each jump to its first verified audio (ms). */
  readonly seekMs: readonly number[]
}

export interface MeasuredBytes {
  readonly originBytes: number
  readonly peerBytes: number
  readonly wastedBytes: number
  /** What the songs of the scenario weigh together, once for every time the swarm began with nothing. */
  readonly songBytes: number
}

export interface PlaybackMeasurement extends MeasuredBytes {
  readonly scenario: string
  readonly setting: 'simulated' | 'processes'
  readonly runCount: number
  readonly playCount: number
  readonly startupMs: Percentiles | undefined
  readonly seekMs: Percentiles | undefined
  readonly seekCount: number
  readonly stallCount: number
  readonly stalledMs: number
  readonly stalledPlayCount: number
}

export interface Percentiles {
  readonly p50: number
  readonly p95: number
  readonly p99: number
  readonly max: number
}

/** What a scenario is held to; what is absent is shown and not judged. */
export interface PlaybackBar {
  readonly startupP50Ms?: number
  readonly startupP95Ms?: number
  readonly seekP95Ms?: number
  readonly stallCountMax?: number
  readonly stalledPlaysRatioMax?: number
  readonly wasteRatioMax?: number
}

/** Who gives up sooner than this had no reason to complain; who waited longer counts with the time waited. */
const PATIENCE_MS = 500

export interface PlaybackRun extends MeasuredBytes {
  /** Every play: stalls count in all of them. */
  readonly plays: readonly MeasuredPlay[]
  /** The plays whose start is measured. */
  readonly starts: readonly MeasuredPlay[]
}

type MeasurementName = Pick<PlaybackMeasurement, 'scenario' | 'setting'>

export function measurementOf(name: MeasurementName, runs: readonly PlaybackRun[]): PlaybackMeasurement {
  const plays = runs.flatMap(run => run.plays)
  const seeks = plays.flatMap(play => play.seekMs)
  const sum = (figureOf: (run: PlaybackRun) => number) => runs.reduce((total, run) => total + figureOf(run), 0)
  return {
    ...name,
    runCount: runs.length,
    playCount: plays.length,
    startupMs: percentilesOf(runs.flatMap(run => run.starts.flatMap(startupOf))),
    seekMs: percentilesOf(seeks),
    seekCount: seeks.length,
    stallCount: plays.reduce((total, play) => total + play.stallCount, 0),
    stalledMs: rounded(plays.reduce((total, play) => total + play.stalledMs, 0)),
    stalledPlayCount: plays.filter(play => play.stallCount > 0).length,
    originBytes: sum(run => run.originBytes),
    peerBytes: sum(run => run.peerBytes),
    wastedBytes: sum(run => run.wastedBytes),
    songBytes: sum(run => run.songBytes),
  }
}

function startupOf({ startupMs, silentForMs }: MeasuredPlay): number[] {
  if (startupMs !== undefined) return [startupMs]
  return silentForMs >= PATIENCE_MS ? [silentForMs] : []
}

export function percentilesOf(values: readonly number[]): Percentiles | undefined {
  if (values.length === 0) return undefined
  const sorted = [...values].sort((a, b) => a - b)
  const at = (share: number) => rounded(sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0)
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) }
}

export function originCopiesOf({ originBytes, songBytes }: MeasuredBytes): number {
  return songBytes === 0 ? 0 : originBytes / songBytes
}

export function wasteRatioOf({ originBytes, peerBytes, wastedBytes }: MeasuredBytes): number {
  return originBytes + peerBytes === 0 ? 0 : wastedBytes / (originBytes + peerBytes)
}

/** @returns each figure that misses its bar, in words; none when all is well. */
export function missesOf(measured: PlaybackMeasurement, bar: PlaybackBar): string[] {
  const { startupMs, seekMs, stallCount, stalledPlayCount, playCount } = measured
  const stalledRatio = playCount === 0 ? 0 : stalledPlayCount / playCount
  return [
    ...over('startup p50', startupMs?.p50, bar.startupP50Ms, 'ms'),
    ...over('startup p95', startupMs?.p95, bar.startupP95Ms, 'ms'),
    ...over('seek p95', seekMs?.p95, bar.seekP95Ms, 'ms'),
    ...over('stalls', stallCount, bar.stallCountMax, ''),
    ...over('stalled plays', stalledRatio * 100, bar.stalledPlaysRatioMax && bar.stalledPlaysRatioMax * 100, '%'),
    ...over('waste', wasteRatioOf(measured) * 100, bar.wasteRatioMax && bar.wasteRatioMax * 100, '%'),
  ]
}

function over(what: string, value: number | undefined, bar: number | undefined, unit: string): string[] {
  if (bar === undefined) return []
  const limit = `${unit === '%' ? Number(bar.toFixed(2)) : bar}${unit === '' ? '' : ` ${unit}`}`
  if (value === undefined) return [`${what}: nothing measured (≤ ${limit})`]
  return value <= bar ? [] : [`${what} ${Number(value.toFixed(2))} > ${limit}`]
}

function rounded(ms: number): number {
  return Math.round(ms * 10) / 10
}
