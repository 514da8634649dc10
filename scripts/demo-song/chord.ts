// Chords as scale degrees, and the reading of chord charts such as "I9 | ii9 V9s".
// A chord has no octave and no order of voices: that is voicing.ts.
// Invariant: every tone of a chord lies in the scale it is read in.

import assert from 'node:assert/strict'
import { midiOfDegree, pitchClass, type Scale } from './scale.ts'

/** `toneDegrees` are scale steps above the root: 2 is the third, 4 the fifth, 8 the ninth. */
type Chord = { readonly name: string; readonly rootDegree: number; readonly toneDegrees: readonly number[] }

/** A chord at its place in the song. */
export type ChordSlot = {
  readonly startBeats: number
  readonly durationBeats: number
  readonly chord: Chord
  readonly scale: Scale
}

export const beatsPerBar = 4

const ninth = [0, 2, 4, 6, 8]
const suspendedNinth = [0, 3, 4, 6, 8]

/** The third degree carries no ninth (it would be a semitone above the root); `iii7s` opens the way home from the bridge. */
const chords: Readonly<Record<string, Chord>> = {
  I9: { name: 'I9', rootDegree: 0, toneDegrees: ninth },
  ii9: { name: 'ii9', rootDegree: 1, toneDegrees: ninth },
  iii7: { name: 'iii7', rootDegree: 2, toneDegrees: [0, 2, 4, 6] },
  iii7s: { name: 'iii7s', rootDegree: 2, toneDegrees: [0, 3, 4, 6] },
  IV9: { name: 'IV9', rootDegree: 3, toneDegrees: ninth },
  V: { name: 'V', rootDegree: 4, toneDegrees: [0, 2, 4, 8] },
  V9s: { name: 'V9s', rootDegree: 4, toneDegrees: suspendedNinth },
  vi9: { name: 'vi9', rootDegree: 5, toneDegrees: ninth },
}

/** Reads a chart: bars between `|`, the chords of one bar share it evenly. */
export function readChart(chart: string, scale: Scale, startBeats: number): ChordSlot[] {
  return chart.split('|').flatMap((bar, barIndex) => {
    const names = bar.trim().split(/\s+/)
    const durationBeats = beatsPerBar / names.length
    return names.map((name, index) => {
      const chord = chords[name]
      assert(chord, `unknown chord ${name}`)
      const slotStartBeats = startBeats + barIndex * beatsPerBar + index * durationBeats
      return { startBeats: slotStartBeats, durationBeats, chord, scale }
    })
  })
}

/** The pitch classes of a chord, root first. */
export function chordClasses({ chord, scale }: ChordSlot): number[] {
  return chord.toneDegrees.map(degree => pitchClass(midiOfDegree(scale, chord.rootDegree + degree)))
}

/** The slot that sounds at a moment; the last one after the end. */
export function slotAt(slots: readonly ChordSlot[], atBeats: number): ChordSlot {
  const slot = slots.findLast(({ startBeats }) => startBeats <= atBeats) ?? slots[0]
  assert(slot, 'a song has chords')
  return slot
}
