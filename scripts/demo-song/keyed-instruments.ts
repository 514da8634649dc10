// The instruments with keys, strings and breath: electric piano, plucked string, bass, flute and bell.
// Each is a small physical idea; loudness among them is the mixdown's business.
// Invariant: every voice passes through a gate, so it begins and ends in silence.

import { Biquad, bandPass } from './biquad.ts'
import { power, square } from './power.ts'
import { sine } from './sine.ts'
import { sampleRateHz } from './stereo-buffer.ts'
import { decayPerFrame, ease, type Gate, type Instrument, sound } from './voice.ts'

const radians = 2 * Math.PI

/** Two pairs of frequency modulation: a round body and a tine that only speaks at the attack. */
export const electricPiano: Instrument = (voice, stem) => {
  const { hz, velocity } = voice
  const height = Math.min(1, Math.max(0, Math.log2(hz / 110) / 3))
  const ring = 2.4 - 1.3 * height
  const shape: Gate = { attackSeconds: 0.004, holdSeconds: Math.min(voice.durationSeconds, 4 * ring), releaseSeconds: 0.28 }
  const tineRatio = hz * 14 < 9_000 ? 14 : 7
  const bodyDecay = decayPerFrame(0.8)
  const tineDecay = decayPerFrame(0.09)
  const ringDecay = decayPerFrame(ring)
  let body = (0.4 + 1.1 * power(velocity, 1.5)) * (1 - 0.4 * height)
  let tine = 0.24 * velocity * (1 - 0.5 * height)
  let level = 0.3 * power(velocity, 1.2)
  sound(voice, shape, stem, seconds => {
    const turns = hz * seconds
    const warm = sine(turns + ((body + 0.25) / radians) * sine(turns))
    const bright = tine * sine(tineRatio * turns)
    const octave = 0.1 * sine(2 * turns) * velocity
    const sample = level * (warm + bright + octave)
    body *= bodyDecay
    tine *= tineDecay
    level *= ringDecay
    return sample
  })
}

/** A plucked string (Karplus-Strong): a short burst runs round a tuned delay and loses its edge on every turn. */
export const pluckedString: Instrument = (voice, stem, random) => {
  const { hz, velocity } = voice
  const ringSeconds = Math.min(5, Math.max(2, 1_400 / hz))
  const shape: Gate = { attackSeconds: 0.002, holdSeconds: Math.min(voice.durationSeconds + 0.5, ringSeconds), releaseSeconds: 0.5 }
  const periodFrames = sampleRateHz / hz - 0.5
  const wholeFrames = Math.floor(periodFrames - 0.2)
  const shift = periodFrames - wholeFrames
  const tuning = (1 - shift) / (1 + shift)
  const loss = power(10, -3 / (hz * ringSeconds))
  const string = pluck(wholeFrames, 0.2 + 0.36 * velocity, random)
  const last = string[wholeFrames - 1] ?? 0
  let index = 0
  let previous = last
  let tuned = last
  let tunedInput = last
  sound(voice, shape, stem, () => {
    const current = string[index] ?? 0
    const softened = 0.5 * loss * (current + previous)
    previous = current
    tuned = tuning * (softened - tuned) + tunedInput
    tunedInput = softened
    string[index] = tuned
    index = (index + 1) % wholeFrames
    return current * velocity * 0.5
  })
}

/** The burst: noise rounded by the fingertip and thinned by where the string is touched. */
function pluck(frameCount: number, brightness: number, random: () => number): Float64Array {
  const noise = Float64Array.from({ length: frameCount }, () => random() * 2 - 1)
  const burst = roundOff(roundOff(noise, brightness), brightness)
  const touchFrames = Math.max(1, Math.round(frameCount * 0.19))
  const combed = burst.map((sample, frame) => sample - (burst[(frame + touchFrames) % frameCount] ?? 0))
  const mean = combed.reduce((sum, sample) => sum + sample, 0) / frameCount
  const energy = combed.reduce((sum, sample) => sum + square(sample - mean), 0) / frameCount
  return combed.map(sample => (0.25 * (sample - mean)) / Math.sqrt(energy + 1e-9))
}

/** Goes round twice and keeps the second turn: the end then flows into the start, or the seam would click on every note. */
function roundOff(ring: Float64Array, brightness: number): Float64Array {
  const rounded = new Float64Array(ring.length)
  let soft = 0
  let softer = 0
  for (let frame = 0; frame < 2 * ring.length; frame += 1) {
    const place = frame % ring.length
    soft += brightness * ((ring[place] ?? 0) - soft)
    softer += brightness * (soft - softer)
    rounded[place] = softer
  }
  return rounded
}

/** Round and low, with just enough overtones to be heard on small speakers. */
export const bass: Instrument = (voice, stem) => {
  const { hz, velocity } = voice
  const shape: Gate = { attackSeconds: 0.012, holdSeconds: voice.durationSeconds, releaseSeconds: 0.12 }
  const growlDecay = decayPerFrame(0.25)
  const ringDecay = decayPerFrame(2.8)
  let growl = 0.5 + 1.1 * velocity
  let level = 0.5 * velocity
  sound(voice, shape, stem, seconds => {
    const turns = hz * seconds
    const wave = sine(turns + ((growl + 0.35) / radians) * sine(turns)) + 0.16 * sine(2 * turns) + 0.06 * sine(3 * turns)
    const sample = level * wave
    growl *= growlDecay
    level *= ringDecay
    return sample
  })
}

/** A wooden flute: few overtones, late vibrato, a little breath. */
export const flute: Instrument = (voice, stem, random) => {
  const { hz, velocity } = voice
  const shape: Gate = { attackSeconds: 0.09, holdSeconds: voice.durationSeconds, releaseSeconds: 0.22 }
  const air = new Biquad(bandPass(Math.min(9_000, hz * 2), 1.2))
  const vibratoTurns = random()
  const vibratoHz = 4.9 + 0.5 * random()
  let turns = 0
  sound(voice, shape, stem, seconds => {
    const vibrato = sine(vibratoTurns + vibratoHz * seconds) * ease((seconds - 0.3) / 0.8)
    turns += (hz * (1 + 0.006 * vibrato)) / sampleRateHz
    const overtones = 0.36 * sine(2 * turns) + 0.19 * sine(3 * turns) + 0.06 * sine(4 * turns)
    const breath = air.next(random() * 2 - 1) * (0.06 + 0.11 * Math.exp(-seconds * 18))
    return 0.22 * velocity * (1 + 0.1 * vibrato) * (sine(turns) + overtones + breath)
  })
}

/** A small bell, closer to a celesta than to a church. */
export const bell: Instrument = (voice, stem) => {
  const { hz, velocity } = voice
  const shape: Gate = { attackSeconds: 0.003, holdSeconds: 1.6, releaseSeconds: 0.8 }
  const partials = [
    { ratio: 1, level: 1, decay: decayPerFrame(0.9) },
    { ratio: 2.003, level: 0.22, decay: decayPerFrame(0.5) },
    { ratio: 4.02, level: 0.16, decay: decayPerFrame(0.16) },
    { ratio: 6.73, level: 0.05, decay: decayPerFrame(0.05) },
  ].filter(({ ratio }) => ratio * hz < 14_000)
  const levels = partials.map(({ level }) => level * velocity * 0.2)
  sound(voice, shape, stem, seconds =>
    partials.reduce((sum, { ratio, decay }, index) => {
      const level = levels[index] ?? 0
      levels[index] = level * decay
      return sum + level * sine(ratio * hz * seconds)
    }, 0),
  )
}
