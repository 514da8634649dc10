// Everything under the melody that has a pitch: pad, plucked arpeggio, piano comping and bass.
// It follows the chords of form.ts through the voicings of voicing.ts; it does not hear the melody.
// Invariant: pad, arpeggio and comping play only chord tones; the bass may walk through the scale.

import assert from 'node:assert/strict'
import { type ChordSlot, chordClasses } from './chord.ts'
import type { Section } from './form.ts'
import { midiAtOrAbove, midiOfDegree } from './scale.ts'
import type { Note } from './score.ts'
import { drawFrom, type Random, seededRandom } from './seeded-random.ts'
import type { Voicing } from './voicing.ts'

/** A chord with the hands already on the keys. */
export type VoicedSlot = ChordSlot & { readonly voicing: Voicing; readonly section: Section }

const bassFloorMidi = 31
const padRootFloorMidi = 43
/** How long before the end of a chord the bass starts to move on. */
const approachBeats = 0.5

const arpeggioPatterns: readonly [readonly number[], ...(readonly number[])[]] = [
  [0, 2, 4, 3, 5, 3, 4, 2],
  [1, 3, 2, 4, 3, 5, 4, 2],
  [0, 3, 1, 4, 2, 5, 3, 4],
]

/** The pad holds each voice as long as its pitch stays, so that common tones are not struck again. */
export function padNotes(slots: readonly VoicedSlot[]): Note[] {
  return [0, 1, 2, 3, 4].flatMap(voice => {
    const line: Note[] = []
    for (const slot of slots) {
      const midi = voice === 0 ? padRoot(slot) : slot.voicing[voice - 1]
      assert(midi !== undefined)
      const last = line.at(-1)
      const isTied = last?.midi === midi && slot.section.startBeats !== slot.startBeats
      if (last && isTied) line[line.length - 1] = { ...last, durationBeats: last.durationBeats + slot.durationBeats }
      else
        line.push({ part: 'pad', midi, startBeats: slot.startBeats, durationBeats: slot.durationBeats, velocity: padVelocity(slot, voice) })
    }
    return line
  })
}

function padRoot(slot: VoicedSlot): number {
  return midiAtOrAbove(padRootFloorMidi, chordClasses(slot)[0] ?? 0)
}

function padVelocity({ section }: VoicedSlot, voice: number): number {
  return (0.4 + 0.45 * section.intensity) * (voice === 0 ? 0.75 : 1)
}

/** Eighths through the chord and one octave above it, with holes; the first of a bar is never one. */
export function arpeggioNotes(slots: readonly VoicedSlot[], seed: number): Note[] {
  return slots.flatMap(slot => {
    const { section, voicing } = slot
    const pattern = drawFrom(seededRandom(seed, `arpeggio ${section.name}`), arpeggioPatterns)
    const random = seededRandom(seed, `arpeggio at ${slot.startBeats}`)
    const ladder = [...voicing, voicing[0] + 12, voicing[1] + 12]
    return Array.from({ length: slot.durationBeats * 2 }, (_, eighth) => eighth).flatMap(eighth => {
      const midi = ladder[pattern[eighth % pattern.length] ?? 0]
      const isPlayed = section.arpeggioShare > 0 && (eighth === 0 || random() < section.arpeggioShare)
      if (midi === undefined || !isPlayed) return []
      const velocity = (0.36 + 0.2 * section.intensity) * (eighth % 4 === 0 ? 1.2 : eighth % 2 === 0 ? 1 : 0.8)
      return [{ part: 'arpeggio', midi, startBeats: slot.startBeats + eighth / 2, durationBeats: 1.5, velocity }] satisfies Note[]
    })
  })
}

/** Soft broken chords of the electric piano while another instrument sings. */
export function compingNotes(slots: readonly VoicedSlot[], seed: number): Note[] {
  return slots
    .filter(({ section }) => section.hasComping)
    .flatMap(slot => {
      const random = seededRandom(seed, `comping at ${slot.startBeats}`)
      const strokes = slot.durationBeats < 4 ? shortStrokes : drawFrom(random, longStrokes)
      return strokes.flatMap(({ atBeats, lengthBeats, weight }) =>
        slot.voicing.map(midi => ({
          part: 'comping' as const,
          midi,
          startBeats: slot.startBeats + atBeats,
          durationBeats: lengthBeats,
          velocity: (0.3 + 0.22 * slot.section.intensity) * weight,
        })),
      )
    })
}

type Stroke = { readonly atBeats: number; readonly lengthBeats: number; readonly weight: number }

const shortStrokes: readonly Stroke[] = [{ atBeats: 0, lengthBeats: 1.9, weight: 1 }]

const longStrokes: readonly [readonly Stroke[], ...(readonly Stroke[])[]] = [
  [
    { atBeats: 0, lengthBeats: 2.4, weight: 1 },
    { atBeats: 2.5, lengthBeats: 1.4, weight: 0.75 },
  ],
  [
    { atBeats: 0, lengthBeats: 1.4, weight: 1 },
    { atBeats: 1.5, lengthBeats: 2.3, weight: 0.8 },
  ],
  [{ atBeats: 0, lengthBeats: 3.8, weight: 1 }],
]

/** Roots on the first beat; the moving bass answers with the fifth and steps into the next root. */
export function bassNotes(slots: readonly VoicedSlot[], seed: number): Note[] {
  const random = seededRandom(seed, 'bass')
  return slots.flatMap((slot, index) => {
    const { section } = slot
    if (section.bass === 'none') return []
    const midi = bassRoot(slot)
    const velocity = 0.5 + 0.3 * section.intensity
    const root = { part: 'bass', midi, startBeats: slot.startBeats, durationBeats: slot.durationBeats, velocity } satisfies Note
    if (section.bass === 'long' || slot.durationBeats < 4) return [{ ...root, durationBeats: slot.durationBeats - 0.15 }]
    return [{ ...root, durationBeats: 1.9 }, ...walk(slot, root, slots[index + 1], random)]
  })
}

function bassRoot(slot: ChordSlot): number {
  return midiAtOrAbove(bassFloorMidi, chordClasses(slot)[0] ?? 0)
}

function walk(slot: VoicedSlot, root: Note, next: VoicedSlot | undefined, random: Random): Note[] {
  const { scale, chord } = slot
  const rootDegree = degreeAt(slot, root.midi)
  const fifthAbove = midiOfDegree(scale, rootDegree + 4)
  const answer = drawFrom(random, [fifthAbove, fifthAbove, root.midi, midiOfDegree(scale, rootDegree + (chord.toneDegrees[1] ?? 2))])
  const isPushed = random() < 0.4
  const startBeats = slot.startBeats + (isPushed ? 2.5 : 2)
  const answerNote = {
    ...root,
    midi: answer,
    startBeats,
    durationBeats: slot.startBeats + 3.45 - startBeats,
    velocity: root.velocity * 0.8,
  }
  if (!next || random() < 0.3) return [{ ...answerNote, durationBeats: slot.startBeats + 3.9 - startBeats }]
  const target = degreeAt(slot, bassRoot(next))
  const side = target > rootDegree ? -1 : 1
  const approach = midiOfDegree(scale, target + side)
  const approachNote = {
    ...root,
    midi: approach,
    startBeats: slot.startBeats + 4 - approachBeats,
    durationBeats: 0.42,
    velocity: root.velocity * 0.7,
  }
  return [answerNote, approachNote]
}

/** The degree at or just below a pitch, in the scale of the slot. */
function degreeAt({ scale }: ChordSlot, midi: number): number {
  let degree = -28
  while (midiOfDegree(scale, degree + 1) <= midi) degree += 1
  return degree
}
