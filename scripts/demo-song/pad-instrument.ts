// The soft pad: each register is one long wave drawn as a spectrum whose overtones are smeared, as in a large ensemble.
// The two ears read the same wave at different places, which is where the width comes from; low notes stay in the middle.
// Invariant: the wave loops without a seam, because it was drawn in the frequency domain.

import { inverseTransform } from './fourier.ts'
import { power } from './power.ts'
import { hzOfMidi } from './scale.ts'
import { type Random, seededRandom } from './seeded-random.ts'
import { sine } from './sine.ts'
import { type StereoBuffer, sampleRateHz } from './stereo-buffer.ts'
import { type Gate, gate, gateFrames, type Instrument, type Voice } from './voice.ts'

const waveFrames = 262_144
const registersMidi = [45, 52, 59, 66, 73] as const
const overtoneHzMax = 9_000
const smearCents = 26
const widthFloorHz = 150

type Register = { readonly hz: number; readonly wave: Float32Array }

/** Builds the registers once and returns the player. */
export function createPad(seed: number): Instrument {
  const registers = registersMidi.map(midi => ({ hz: hzOfMidi(midi), wave: drawWave(hzOfMidi(midi), seededRandom(seed, `pad ${midi}`)) }))
  return (voice, stem, random) => playPad(voice, nearestRegister(registers, voice.hz), stem, random)
}

function nearestRegister(registers: readonly Register[], hz: number): Register {
  const distance = (register: Register) => Math.abs(Math.log2(register.hz / hz))
  return registers.reduce((best, register) => (distance(register) < distance(best) ? register : best))
}

function drawWave(hz: number, random: Random): Float32Array {
  const real = new Float64Array(waveFrames)
  const imaginary = new Float64Array(waveFrames)
  const binHz = sampleRateHz / waveFrames
  for (let overtone = 1; overtone * hz < overtoneHzMax; overtone += 1) {
    const widthHz = (power(2, smearCents / 1200) - 1) * hz * power(overtone, 0.9)
    const level = power(overtone, -1.55) * (overtone % 2 === 0 ? 0.75 : 1)
    const reachBins = Math.ceil((3 * widthHz) / binHz)
    const centreBin = Math.round((overtone * hz) / binHz)
    for (let bin = centreBin - reachBins; bin <= centreBin + reachBins; bin += 1) {
      const offset = (bin * binHz - overtone * hz) / widthHz
      const amplitude = (level * Math.exp(-offset * offset)) / Math.sqrt(widthHz)
      const turns = random()
      real[bin] = (real[bin] ?? 0) + amplitude * sine(turns + 0.25)
      imaginary[bin] = (imaginary[bin] ?? 0) + amplitude * sine(turns)
    }
  }
  inverseTransform({ real, imaginary })
  const energy = real.reduce((sum, sample) => sum + sample * sample, 0) / waveFrames
  return Float32Array.from(real, sample => (0.1 * sample) / Math.sqrt(energy))
}

function playPad(voice: Voice, register: Register, stem: StereoBuffer, random: Random): void {
  const shape: Gate = { attackSeconds: 0.9, holdSeconds: voice.durationSeconds + 0.15, releaseSeconds: 1.6 }
  const step = voice.hz / register.hz
  const startLeft = random() * waveFrames
  const startRight = voice.hz < widthFloorHz ? startLeft : startLeft + waveFrames * (0.3 + 0.4 * random())
  const breathTurns = random()
  const tones = [new Tone(register.wave, startLeft), new Tone(register.wave, startRight)] as const
  const frames = gateFrames(shape)
  for (let frame = 0; frame < frames; frame += 1) {
    const seconds = frame / sampleRateHz
    const breath = 1 + 0.18 * sine(breathTurns + 0.11 * seconds)
    const level = voice.velocity * gate(shape, seconds) * breath
    const openness = (0.1 + 0.26 * voice.velocity) * breath
    stem.add(voice.startFrame + frame, level * tones[0].next(step, openness), level * tones[1].next(step, openness))
  }
}

/** One reading head on the wave with a gentle two-step low pass behind it. */
class Tone {
  private readonly wave: Float32Array
  private position: number
  private first = 0
  private second = 0

  constructor(wave: Float32Array, position: number) {
    this.wave = wave
    this.position = position
  }

  next(step: number, openness: number): number {
    this.position = (this.position + step) % waveFrames
    const index = Math.floor(this.position)
    const low = this.wave[index] ?? 0
    const high = this.wave[(index + 1) % waveFrames] ?? 0
    this.first += openness * (low + (high - low) * (this.position - index) - this.first)
    this.second += openness * (this.first - this.second)
    return this.second
  }
}
