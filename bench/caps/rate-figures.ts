// What a series of byte counts over time says about a limit: its first ten seconds, and its worst ones.
// Not the counting.
// Invariant: every window is ten seconds long and lies within the series.

export interface Sample {
  readonly atMs: number
  /** Since the beginning of the series. */
  readonly totalBytes: number
}

/** In bytes per second. */
export interface RateFigures {
  readonly first: number
  readonly lowest: number
  readonly highest: number
  /** Over the first second after a pause. */
  readonly afterPause: number | undefined
}

const WINDOW_MS = 10_000

/** @param samples in order, over more than ten seconds; those before the first byte do not count */
export function rateFigures(samples: readonly Sample[], afterPause?: number): RateFigures {
  const from = Math.max(0, samples.findIndex(({ totalBytes }) => totalBytes > 0) - 1)
  const counted = samples.slice(from)
  const rates: number[] = []
  for (const [index, start] of counted.entries()) {
    const end = counted.slice(index).find(({ atMs }) => atMs - start.atMs >= WINDOW_MS)
    if (end !== undefined) rates.push(((end.totalBytes - start.totalBytes) * 1000) / (end.atMs - start.atMs))
  }
  return { first: rates[0] ?? Number.NaN, lowest: Math.min(...rates), highest: Math.max(...rates), afterPause }
}

/** As a share of the limit. */
export function worstDeviation({ lowest, highest }: RateFigures, limit: number): number {
  return Math.max(Math.abs(1 - lowest / limit), Math.abs(1 - highest / limit))
}

/** Samples a count every `everyMs` for `forMs`. */
export async function sampled(count: () => number | Promise<number>, { forMs, everyMs = 50 }: SamplingOptions): Promise<Sample[]> {
  const startMs = performance.now()
  const samples: Sample[] = []
  for (let atMs = 0; atMs < forMs; ) {
    const totalBytes = await count()
    atMs = performance.now() - startMs
    samples.push({ atMs, totalBytes })
    await new Promise(resolve => setTimeout(resolve, everyMs))
  }
  return samples
}

interface SamplingOptions {
  readonly forMs: number
  readonly everyMs?: number
}
