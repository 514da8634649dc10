// Second-order filters after the well-known cookbook formulas, and their use on whole stereo buffers.
// One instance filters one channel; it keeps two samples of memory.
// Invariant: stable for every frequency below half the sample rate.

import { power } from './power.ts'
import { type StereoBuffer, sampleRateHz } from './stereo-buffer.ts'

/** Normalised so that a0 is 1. */
export type Coefficients = readonly [b0: number, b1: number, b2: number, a1: number, a2: number]

/** Memory this quiet is let go: numbers near the floor of floating point slow a processor down a hundredfold. */
const forgottenLevel = 1e-18

/** A filter with its memory. */
export class Biquad {
  private readonly b0: number
  private readonly b1: number
  private readonly b2: number
  private readonly a1: number
  private readonly a2: number
  private first = 0
  private second = 0

  constructor(coefficients: Coefficients) {
    ;[this.b0, this.b1, this.b2, this.a1, this.a2] = coefficients
  }

  next(sample: number): number {
    const out = this.b0 * sample + this.first
    const first = this.b1 * sample - this.a1 * out + this.second
    const second = this.b2 * sample - this.a2 * out
    this.first = Math.abs(first) < forgottenLevel ? 0 : first
    this.second = Math.abs(second) < forgottenLevel ? 0 : second
    return out
  }
}

function angles(hz: number, q: number): { cos: number; alpha: number } {
  const omega = (2 * Math.PI * hz) / sampleRateHz
  return { cos: Math.cos(omega), alpha: Math.sin(omega) / (2 * q) }
}

export function lowPass(hz: number, q = Math.SQRT1_2): Coefficients {
  const { cos, alpha } = angles(hz, q)
  const a0 = 1 + alpha
  return [(1 - cos) / 2 / a0, (1 - cos) / a0, (1 - cos) / 2 / a0, (-2 * cos) / a0, (1 - alpha) / a0]
}

export function highPass(hz: number, q = Math.SQRT1_2): Coefficients {
  const { cos, alpha } = angles(hz, q)
  const a0 = 1 + alpha
  return [(1 + cos) / 2 / a0, -(1 + cos) / a0, (1 + cos) / 2 / a0, (-2 * cos) / a0, (1 - alpha) / a0]
}

export function bandPass(hz: number, q: number): Coefficients {
  const { cos, alpha } = angles(hz, q)
  const a0 = 1 + alpha
  return [alpha / a0, 0, -alpha / a0, (-2 * cos) / a0, (1 - alpha) / a0]
}

export function peak(hz: number, q: number, gainDb: number): Coefficients {
  const { cos, alpha } = angles(hz, q)
  const amplitude = power(10, gainDb / 40)
  const a0 = 1 + alpha / amplitude
  return [(1 + alpha * amplitude) / a0, (-2 * cos) / a0, (1 - alpha * amplitude) / a0, (-2 * cos) / a0, (1 - alpha / amplitude) / a0]
}

export function highShelf(hz: number, gainDb: number): Coefficients {
  const amplitude = power(10, gainDb / 40)
  const { cos, alpha } = angles(hz, Math.SQRT1_2)
  const bend = 2 * Math.sqrt(amplitude) * alpha
  const [up, down] = [amplitude + 1, amplitude - 1]
  const a0 = up - down * cos + bend
  return [
    (amplitude * (up + down * cos + bend)) / a0,
    (-2 * amplitude * (down + up * cos)) / a0,
    (amplitude * (up + down * cos - bend)) / a0,
    (2 * (down - up * cos)) / a0,
    (up - down * cos - bend) / a0,
  ]
}

/** Filters both channels in place, one filter after the other. */
export function filterStereo(buffer: StereoBuffer, chain: readonly Coefficients[]): void {
  for (const channel of [buffer.left, buffer.right]) {
    for (const coefficients of chain) {
      const filter = new Biquad(coefficients)
      for (let frame = 0; frame < channel.length; frame += 1) channel[frame] = filter.next(channel[frame] ?? 0)
    }
  }
}
