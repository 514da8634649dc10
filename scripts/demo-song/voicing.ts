// Voice leading: puts each chord into four voices so that the hands hardly move from one chord to the next.
// The root stays out when the chord has a ninth, because the bass has it. No rhythm here.
// Invariant: four ascending voices, all chord tones, all within the comfortable middle of the keyboard.

import assert from 'node:assert/strict'
import { type ChordSlot, chordClasses } from './chord.ts'
import { midiAtOrAbove } from './scale.ts'

export type Voicing = readonly [number, number, number, number]

const lowestMidi = 54
const highestMidi = 76
const restingCentreMidi = 64

/** One voicing for each slot, each led from the one before. */
export function leadVoices(slots: readonly ChordSlot[]): Voicing[] {
  const voicings: Voicing[] = []
  for (const slot of slots) {
    const previous = voicings.at(-1)
    const [best] = candidates(slot).toSorted((a, b) => cost(a, previous) - cost(b, previous))
    assert(best, `no voicing for ${slot.chord.name}`)
    voicings.push(best)
  }
  return voicings
}

function candidates(slot: ChordSlot): Voicing[] {
  const classes = chordClasses(slot)
  const upper = classes.length > 4 ? classes.slice(1) : classes
  const sorted = upper.toSorted((a, b) => a - b)
  const found: Voicing[] = []
  for (let rotation = 0; rotation < 4; rotation += 1) {
    const order = [...sorted.slice(rotation), ...sorted.slice(0, rotation)]
    const close = stack(order, lowestMidi)
    found.push(close, dropSecond(close))
  }
  return found.filter(voicing => voicing[0] >= lowestMidi && voicing[3] <= highestMidi)
}

function stack(order: readonly number[], floorMidi: number): Voicing {
  const first = midiAtOrAbove(floorMidi, order[0] ?? 0)
  const second = midiAtOrAbove(first + 1, order[1] ?? 0)
  const third = midiAtOrAbove(second + 1, order[2] ?? 0)
  return [first, second, third, midiAtOrAbove(third + 1, order[3] ?? 0)]
}

/** The pianist's opening of a close chord: the second voice from the top goes down an octave. */
function dropSecond([first, second, third, fourth]: Voicing): Voicing {
  return [third - 12, first, second, fourth]
}

function cost(voicing: Voicing, previous: Voicing | undefined): number {
  const centre = voicing.reduce((sum, midi) => sum + midi, 0) / voicing.length
  const travel = voicing.reduce((sum, midi, index) => sum + Math.abs(midi - (previous?.[index] ?? midi)), 0)
  const rub = voicing.slice(1).reduce((sum, midi, index) => sum + rubCost(midi - (voicing[index] ?? 0), index), 0)
  return travel + 0.8 * Math.abs(centre - restingCentreMidi) + rub
}

/** A semitone between neighbours is a colour high up and mud low down. */
function rubCost(gapSemitones: number, index: number): number {
  if (gapSemitones === 1) return index === 0 ? 6 : 3
  return gapSemitones === 2 && index === 0 ? 2 : 0
}
