// The players: turns the written score into sounding notes in seconds, with swing, human timing and a slowing end.
// It changes when and how hard, never which pitch.
// Invariant: no note starts before zero, and the same seed plays the same way.

import { square } from './power.ts'
import type { Drum, Hit, Note, PitchedPart, Score } from './score.ts'
import { drawAroundZero, type Random, seededRandom } from './seeded-random.ts'

export type PlayedNote = {
  readonly part: PitchedPart | Drum
  readonly startSeconds: number
  readonly durationSeconds: number
  /** Undefined for drums. */
  readonly midi: number | undefined
  readonly velocity: number
}

export type Performance = { readonly notes: readonly PlayedNote[]; readonly endSeconds: number }

const beatsPerMinute = 80
const secondsPerBeat = 60 / beatsPerMinute
/** Silence before the first note, so that its attack survives every player. */
const leadInSeconds = 0.25
/** The second sixteenth of each eighth comes late: 0.25 would be straight, 0.33 a triplet. */
const swungSixteenthBeats = 0.29
const ritardandoBeats = 8
const ritardandoStretch = 0.4

/** How loosely each part sits on the beat, and how far behind it leans. */
const feel: Readonly<Record<PitchedPart | Drum, { readonly looseMs: number; readonly lateMs: number; readonly strumMs: number }>> = {
  pad: { looseMs: 30, lateMs: -60, strumMs: 0 },
  arpeggio: { looseMs: 9, lateMs: 4, strumMs: 0 },
  comping: { looseMs: 6, lateMs: 8, strumMs: 16 },
  bass: { looseMs: 6, lateMs: 4, strumMs: 0 },
  'lead-piano': { looseMs: 11, lateMs: 12, strumMs: 0 },
  'lead-pluck': { looseMs: 11, lateMs: 8, strumMs: 0 },
  flute: { looseMs: 14, lateMs: -10, strumMs: 0 },
  bell: { looseMs: 12, lateMs: 10, strumMs: 0 },
  kick: { looseMs: 3, lateMs: 0, strumMs: 0 },
  brush: { looseMs: 5, lateMs: 8, strumMs: 0 },
  rim: { looseMs: 4, lateMs: 8, strumMs: 0 },
  hat: { looseMs: 5, lateMs: 0, strumMs: 0 },
  shaker: { looseMs: 6, lateMs: -12, strumMs: 0 },
  swell: { looseMs: 0, lateMs: 0, strumMs: 0 },
}

/** Plays the score once. */
export function perform(score: Score, seed: number): Performance {
  const clock = (beats: number) => secondsAt(beats, score.durationBeats)
  const random = seededRandom(seed, 'performance')
  const notes = [...pitched(score.notes, clock, random), ...drums(score.hits, clock, random)]
  return { notes: notes.toSorted((a, b) => a.startSeconds - b.startSeconds), endSeconds: clock(score.durationBeats) }
}

type Clock = (beats: number) => number

/** Steady, then ever slower over the last two bars. */
function secondsAt(beats: number, songBeats: number): number {
  const slowBeats = Math.max(0, beats - (songBeats - ritardandoBeats))
  const stretchBeats = (ritardandoStretch * square(slowBeats)) / (2 * ritardandoBeats)
  return leadInSeconds + (beats + stretchBeats) * secondsPerBeat
}

function pitched(notes: readonly Note[], clock: Clock, random: Random): PlayedNote[] {
  const strummed = new Map<number, number>()
  return notes.map(({ part, startBeats, durationBeats, midi, velocity }) => {
    const { looseMs, lateMs, strumMs } = feel[part]
    const rank = strumMs > 0 ? (strummed.get(startBeats) ?? 0) : 0
    if (strumMs > 0) strummed.set(startBeats, rank + 1)
    const offsetMs = lateMs + drawAroundZero(random, looseMs) + rank * strumMs
    const startSeconds = Math.max(0, clock(startBeats) + offsetMs / 1000)
    const durationSeconds = clock(startBeats + durationBeats) - clock(startBeats)
    return { part, startSeconds, durationSeconds, midi, velocity: touch(velocity, random) }
  })
}

function drums(hits: readonly Hit[], clock: Clock, random: Random): PlayedNote[] {
  return hits.map(({ drum, startBeats, velocity }) => {
    const { looseMs, lateMs } = feel[drum]
    const offsetMs = lateMs + drawAroundZero(random, looseMs)
    const startSeconds = Math.max(0, clock(swing(startBeats)) + offsetMs / 1000)
    const durationSeconds = clock(startBeats + 4) - clock(startBeats)
    return { part: drum, startSeconds, durationSeconds, midi: undefined, velocity: touch(velocity, random) }
  })
}

function swing(beats: number): number {
  const isOffSixteenth = Math.abs((beats % 0.5) - 0.25) < 1e-6
  return isOffSixteenth ? beats - 0.25 + swungSixteenthBeats : beats
}

function touch(velocity: number, random: Random): number {
  return Math.min(1, Math.max(0.03, velocity * (1 + drawAroundZero(random, 0.12))))
}
