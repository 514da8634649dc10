// Loudness as broadcasters measure it (ITU-R BS.1770, gated, in LUFS), used to balance the parts and the whole.
// It measures and never changes a sample.
// Invariant: silence is minus infinity, so callers must not divide by it.

import { Biquad, type Coefficients } from './biquad.ts'
import { power, square } from './power.ts'
import { type StereoBuffer, sampleRateHz } from './stereo-buffer.ts'

const hopFrames = Math.round(0.1 * sampleRateHz)
const hopsPerBlock = 4
const absoluteGateLufs = -70
const relativeGateLu = 10

/** Integrated loudness of a whole buffer. */
export function integratedLufs(buffer: StereoBuffer): number {
  const left = hopEnergies(buffer.left)
  const right = hopEnergies(buffer.right)
  const hops = left.map((energy, index) => energy + (right[index] ?? 0))
  const blocks = hops.slice(0, 1 - hopsPerBlock).map((_, index) => mean(hops.slice(index, index + hopsPerBlock)))
  const audible = blocks.filter(energy => lufs(energy) > absoluteGateLufs)
  const floorLufs = lufs(mean(audible)) - relativeGateLu
  return lufs(mean(audible.filter(energy => lufs(energy) > floorLufs)))
}

export function gainOfDb(db: number): number {
  return power(10, db / 20)
}

function hopEnergies(channel: Float32Array): number[] {
  const head = new Biquad(headShelf())
  const ear = new Biquad(earHighPass())
  const energies: number[] = []
  for (let start = 0; start + hopFrames <= channel.length; start += hopFrames) {
    let sum = 0
    for (let frame = start; frame < start + hopFrames; frame += 1) sum += square(ear.next(head.next(channel[frame] ?? 0)))
    energies.push(sum / hopFrames)
  }
  return energies
}

function lufs(energy: number): number {
  return -0.691 + 10 * Math.log10(energy)
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length
}

/** The standard prints both filters for 48 kHz only; these are the analogue prototypes behind its numbers. */
function headShelf(): Coefficients {
  const k = Math.tan((Math.PI * 1_681.974_450_955_533) / sampleRateHz)
  const q = 0.707_175_236_955_419_6
  const high = gainOfDb(3.999_843_853_973_347)
  const band = power(high, 0.499_666_774_154_541_6)
  const a0 = 1 + k / q + k * k
  return [
    (high + (band * k) / q + k * k) / a0,
    (2 * (k * k - high)) / a0,
    (high - (band * k) / q + k * k) / a0,
    (2 * (k * k - 1)) / a0,
    (1 - k / q + k * k) / a0,
  ]
}

function earHighPass(): Coefficients {
  const k = Math.tan((Math.PI * 38.135_470_876_024_44) / sampleRateHz)
  const q = 0.500_327_037_323_877_3
  const a0 = 1 + k / q + k * k
  return [1, -2, 1, (2 * (k * k - 1)) / a0, (1 - k / q + k * k) / a0]
}
