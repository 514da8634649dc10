// Pitches: major scales, their degrees, and the road from a MIDI number to hertz.
// It knows nothing of chords or time.
// Invariant: `midiOfDegree` only ever returns pitches for which `isInScale` holds.

import { power } from './power.ts'

const majorStepsSemitones = [0, 2, 4, 5, 7, 9, 11] as const
export const degreesPerOctave = majorStepsSemitones.length
const octave4Midi = 60

/** A major scale; `tonicSemitones` counts up from C. */
export type Scale = { readonly name: string; readonly tonicSemitones: number }

export const dMajor: Scale = { name: 'D major', tonicSemitones: 2 }
export const fMajor: Scale = { name: 'F major', tonicSemitones: 5 }

/** Degree 0 is the tonic in octave 4; degrees run on through the octaves, in both directions. */
export function midiOfDegree(scale: Scale, degree: number): number {
  const octave = Math.floor(degree / degreesPerOctave)
  const step = majorStepsSemitones[degree - octave * degreesPerOctave] ?? 0
  return octave4Midi + scale.tonicSemitones + 12 * octave + step
}

export function isInScale(scale: Scale, midi: number): boolean {
  const semitones = pitchClass(midi - scale.tonicSemitones)
  return majorStepsSemitones.some(step => step === semitones)
}

/** 0 for every C, 11 for every B. */
export function pitchClass(midi: number): number {
  return ((midi % 12) + 12) % 12
}

/** The lowest pitch of a class at or above a floor. */
export function midiAtOrAbove(floorMidi: number, wantedClass: number): number {
  return floorMidi + pitchClass(wantedClass - floorMidi)
}

/** Equal temperament, A4 = 440 Hz. */
export function hzOfMidi(midi: number): number {
  return 440 * power(2, (midi - 69) / 12)
}
