// A quiet drum kit: kick, brush, rim, hat, shaker and a cymbal swell, all from sines and filtered noise.
// It plays single hits; the grooves are written in percussion.ts.
// Invariant: every hit passes through a gate, so it begins and ends in silence.

import { Biquad, bandPass, type Coefficients, highPass, lowPass } from './biquad.ts'
import { square } from './power.ts'
import type { Drum } from './score.ts'
import type { Random } from './seeded-random.ts'
import { sine } from './sine.ts'
import { sampleRateHz } from './stereo-buffer.ts'
import { ease, type Gate, type Instrument, sound } from './voice.ts'

const kick: Instrument = (voice, stem) => {
  const shape: Gate = { attackSeconds: 0.003, holdSeconds: 0.3, releaseSeconds: 0.15 }
  let turns = 0
  sound(voice, shape, stem, seconds => {
    turns += (47 + 62 * Math.exp(-seconds / 0.028)) / sampleRateHz
    return 0.7 * voice.velocity * sine(turns) * Math.exp(-seconds / 0.15)
  })
}

const brush: Instrument = (voice, stem, random) => {
  const shape: Gate = { attackSeconds: 0.006, holdSeconds: 0.16, releaseSeconds: 0.14 }
  const noise = filteredNoise(random, [highPass(900), lowPass(5_200), bandPass(2_400, 0.4)])
  sound(voice, shape, stem, seconds => {
    const skin = 0.35 * sine(188 * seconds) * Math.exp(-seconds / 0.05)
    return voice.velocity * (noise() * Math.exp(-seconds / 0.085) + skin)
  })
}

const rim: Instrument = (voice, stem, random) => {
  const shape: Gate = { attackSeconds: 0.0015, holdSeconds: 0.06, releaseSeconds: 0.06 }
  const noise = filteredNoise(random, [bandPass(2_100, 1.5)])
  sound(voice, shape, stem, seconds => {
    const wood = 0.6 * sine(430 * seconds) + 0.4 * sine(812 * seconds)
    return 0.6 * voice.velocity * (wood * Math.exp(-seconds / 0.022) + noise() * Math.exp(-seconds / 0.014))
  })
}

const hat: Instrument = (voice, stem, random) => {
  const shape: Gate = { attackSeconds: 0.002, holdSeconds: 0.06, releaseSeconds: 0.08 }
  const noise = filteredNoise(random, [highPass(6_500), lowPass(12_500)])
  const ringSeconds = 0.022 + 0.03 * voice.velocity
  sound(voice, shape, stem, seconds => voice.velocity * noise() * Math.exp(-seconds / ringSeconds))
}

const shaker: Instrument = (voice, stem, random) => {
  const shape: Gate = { attackSeconds: 0.028, holdSeconds: 0.035, releaseSeconds: 0.06 }
  const noise = filteredNoise(random, [bandPass(6_200, 0.9), highPass(3_000)])
  sound(voice, shape, stem, () => voice.velocity * noise())
}

/** Grows for the whole duration and lets go on the downbeat. */
const swell: Instrument = (voice, stem, random) => {
  const shape: Gate = { attackSeconds: 0.05, holdSeconds: voice.durationSeconds, releaseSeconds: 2.2 }
  const noise = filteredNoise(random, [highPass(2_600), lowPass(9_500)])
  sound(voice, shape, stem, seconds => {
    const growth = square(ease(Math.min(1, seconds / voice.durationSeconds)))
    const fall = Math.exp(-Math.max(0, seconds - voice.durationSeconds) / 0.7)
    return 0.5 * voice.velocity * noise() * growth * fall
  })
}

export const drumKit: Readonly<Record<Drum, Instrument>> = { kick, brush, rim, hat, shaker, swell }

function filteredNoise(random: Random, chain: readonly Coefficients[]): () => number {
  const filters = chain.map(coefficients => new Biquad(coefficients))
  return () => filters.reduce((sample, filter) => filter.next(sample), random() * 2 - 1)
}
