// The mixing desk: lets every part play into its own stem, balances the stems by loudness, adds room and echo.
// Levels are targets in LUFS, not faders, so the balance survives a change of instrument or seed.
// Invariant: one stem buffer is reused, so memory does not grow with the number of parts.

import { type Coefficients, filterStereo, highPass, lowPass, peak } from './biquad.ts'
import { drumKit } from './drum-kit.ts'
import { repeatAcross } from './echo.ts'
import { bass, bell, electricPiano, flute, pluckedString } from './keyed-instruments.ts'
import { gainOfDb, integratedLufs } from './loudness.ts'
import { master } from './master.ts'
import { createPad } from './pad-instrument.ts'
import type { Performance, PlayedNote } from './performance.ts'
import { reverberate } from './reverb.ts'
import { hzOfMidi } from './scale.ts'
import { drawBetween, type Random, seededRandom } from './seeded-random.ts'
import { sine } from './sine.ts'
import { StereoBuffer, sampleRateHz } from './stereo-buffer.ts'
import type { Instrument } from './voice.ts'

type Part = PlayedNote['part']

/** `spread` is how far notes scatter around `pan`; sends are shares of the stem. */
type Strip = {
  readonly loudnessLufs: number
  readonly pan: number
  readonly spread: number
  readonly roomSend: number
  readonly echoSend: number
  readonly tone: readonly Coefficients[]
  readonly tremoloDepth?: number
}

const strips: Readonly<Record<Part, Strip>> = {
  pad: { loudnessLufs: -23.5, pan: 0, spread: 0, roomSend: 0.35, echoSend: 0, tone: [highPass(90)] },
  arpeggio: { loudnessLufs: -26.5, pan: 0, spread: 0.6, roomSend: 0.4, echoSend: 0.12, tone: [highPass(160)] },
  comping: { loudnessLufs: -25.5, pan: -0.2, spread: 0.25, roomSend: 0.25, echoSend: 0, tone: [highPass(140)], tremoloDepth: 0.25 },
  bass: { loudnessLufs: -22.2, pan: 0, spread: 0, roomSend: 0.03, echoSend: 0, tone: [lowPass(1_800)] },
  'lead-piano': { loudnessLufs: -20, pan: 0.08, spread: 0, roomSend: 0.3, echoSend: 0.22, tone: [highPass(110)], tremoloDepth: 0.2 },
  'lead-pluck': { loudnessLufs: -20.5, pan: -0.1, spread: 0, roomSend: 0.32, echoSend: 0.22, tone: [highPass(110), peak(2_400, 0.8, 2)] },
  flute: { loudnessLufs: -23, pan: -0.12, spread: 0, roomSend: 0.5, echoSend: 0.2, tone: [highPass(180)] },
  bell: { loudnessLufs: -30, pan: 0.4, spread: 0.15, roomSend: 0.6, echoSend: 0.3, tone: [highPass(400)] },
  kick: { loudnessLufs: -25, pan: 0, spread: 0, roomSend: 0.02, echoSend: 0, tone: [] },
  brush: { loudnessLufs: -29.5, pan: 0.05, spread: 0.05, roomSend: 0.2, echoSend: 0, tone: [] },
  rim: { loudnessLufs: -32, pan: 0.12, spread: 0, roomSend: 0.35, echoSend: 0.1, tone: [] },
  hat: { loudnessLufs: -35, pan: 0.3, spread: 0.05, roomSend: 0.1, echoSend: 0, tone: [] },
  shaker: { loudnessLufs: -34, pan: -0.35, spread: 0.05, roomSend: 0.15, echoSend: 0, tone: [] },
  swell: { loudnessLufs: -33, pan: 0, spread: 0.2, roomSend: 0.5, echoSend: 0, tone: [] },
}

const roomReturnLufs = -24
const echoReturnLufs = -30
const tailSeconds = 4
const fadeSeconds = 8.5
const tremoloHz = 4.3
const echoSeconds = 0.5625

/** Renders, mixes and masters a performance. */
export function mixDown({ notes, endSeconds }: Performance, seed: number): StereoBuffer {
  const frameCount = Math.ceil((endSeconds + tailSeconds) * sampleRateHz)
  const [mix, stem, room, echo] = [
    new StereoBuffer(frameCount),
    new StereoBuffer(frameCount),
    new StereoBuffer(frameCount),
    new StereoBuffer(frameCount),
  ]
  for (const [part, instrument] of Object.entries(band(seed)) as [Part, Instrument][]) {
    const strip = strips[part]
    stem.clear()
    playPart(
      notes.filter(note => note.part === part),
      instrument,
      strip,
      stem,
      seededRandom(seed, `stem ${part}`),
    )
    shapeStem(stem, strip)
    mix.addScaled(stem, 1)
    room.addScaled(stem, strip.roomSend)
    echo.addScaled(stem, strip.echoSend)
  }
  addReturn(mix, room, repeatAcross(echo, echoSeconds), echoReturnLufs, 0.3)
  filterStereo(room, [highPass(220)])
  addReturn(mix, undefined, reverberate(room), roomReturnLufs, 0)
  master(mix, endSeconds + tailSeconds - fadeSeconds)
  return mix
}

function band(seed: number): Readonly<Record<Part, Instrument>> {
  return {
    ...drumKit,
    pad: createPad(seed),
    arpeggio: pluckedString,
    comping: electricPiano,
    bass,
    'lead-piano': electricPiano,
    'lead-pluck': pluckedString,
    flute,
    bell,
  }
}

function playPart(notes: readonly PlayedNote[], instrument: Instrument, strip: Strip, stem: StereoBuffer, random: Random): void {
  for (const { startSeconds, durationSeconds, midi, velocity } of notes) {
    const pan = strip.pan + drawBetween(random, -strip.spread, strip.spread)
    const hz = midi === undefined ? 0 : hzOfMidi(midi)
    instrument({ startFrame: Math.round(startSeconds * sampleRateHz), durationSeconds, hz, velocity, pan }, stem, random)
  }
}

function shapeStem(stem: StereoBuffer, { tone, tremoloDepth, loudnessLufs }: Strip): void {
  filterStereo(stem, tone)
  if (tremoloDepth) sway(stem, tremoloDepth)
  const gain = gainOfDb(loudnessLufs - integratedLufs(stem))
  stem.scale(() => gain)
}

/** The slow left-right sway of a suitcase piano. */
function sway(stem: StereoBuffer, depth: number): void {
  for (let frame = 0; frame < stem.frameCount; frame += 1) {
    const lean = depth * sine((tremoloHz * frame) / sampleRateHz)
    stem.left[frame] = (stem.left[frame] ?? 0) * (1 + lean)
    stem.right[frame] = (stem.right[frame] ?? 0) * (1 - lean)
  }
}

/** Brings an effect to its level in the mix, and lets some of it into the room. */
function addReturn(mix: StereoBuffer, room: StereoBuffer | undefined, effect: StereoBuffer, loudnessLufs: number, roomSend: number): void {
  const gain = gainOfDb(loudnessLufs - integratedLufs(effect))
  mix.addScaled(effect, gain)
  room?.addScaled(effect, gain * roomSend)
}
