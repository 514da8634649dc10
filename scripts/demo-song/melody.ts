// The melody of every section that has one: cells laid out, pitches searched, ornaments, harmony and bell answers added.
// It does not choose instruments (form.ts does) nor play in time (performance.ts does).
// Invariant: the same tune sings the same notes wherever it returns; ornaments only ever add around them.

import { slotAt } from './chord.ts'
import type { CellName, Lead, Section } from './form.ts'
import { beatsPerCell, type Cell, cellVariants } from './melody-cells.ts'
import { findDegrees, type Wish } from './melody-search.ts'
import { degreesPerOctave, midiOfDegree } from './scale.ts'
import type { Note } from './score.ts'
import { drawFrom, type Random, seededRandom } from './seeded-random.ts'

type SungNote = { readonly wish: Wish; readonly degree: number }

const graceBeats = 0.125
/** The bell answers just above the melody, within one octave from here. */
const bellFloorDegree = 10

/** All melodic notes of one section. */
export function melodyOf(section: Section, seed: number): Note[] {
  const { lead } = section
  if (!lead) return []
  const sung = sing(section, lead, seed)
  const notes = sung.map(note => leadNote(section, lead, note))
  if (lead.isOrnamented) notes.push(...graces(section, lead, sung, seededRandom(seed, `ornaments ${section.name}`)))
  if (lead.isHarmonised) notes.push(...harmony(section, sung))
  if (lead.hasBellDouble) notes.push(...bellDouble(section, sung))
  if (section.hasBellFills) notes.push(...bellFills(section, sung))
  return notes
}

function sing(section: Section, lead: Lead, seed: number): SungNote[] {
  const wishes = lead.cells.flatMap(({ cell, height }, index) =>
    chosenCell(cell, seed).map((note, noteIndex, notes) => {
      const startBeats = index * beatsPerCell + note.startBeats
      const isClosing = noteIndex === notes.length - 1 && (cell === 'close' || cell === 'last')
      const slot = slotAt(section.slots, section.startBeats + startBeats)
      const wantedDegree = height + note.stepsAboveHeight
      return { startBeats, durationBeats: note.durationBeats, wantedDegree, slot, isOpening: noteIndex === 0, isClosing }
    }),
  )
  const found = findDegrees(wishes, seededRandom(seed, `tune ${lead.tune}`))
  return wishes.map((wish, index) => ({ wish, degree: found[index] ?? wish.wantedDegree }))
}

function chosenCell(name: CellName, seed: number): Cell {
  return drawFrom(seededRandom(seed, `cell ${name}`), cellVariants[name])
}

function leadNote(section: Section, lead: Lead, { wish, degree }: SungNote): Note {
  return {
    part: lead.part,
    startBeats: section.startBeats + wish.startBeats,
    durationBeats: wish.durationBeats,
    midi: midiOfDegree(section.scale, degree),
    velocity: phraseVelocity(section, wish, degree),
  }
}

/** High notes and strong beats a little louder, each phrase swelling towards its middle. */
function phraseVelocity(section: Section, { startBeats, durationBeats }: Wish, degree: number): number {
  const arch = Math.sin((Math.PI * ((startBeats % beatsPerCell) + 1)) / (beatsPerCell + 1))
  const accent = startBeats % 2 === 0 || durationBeats >= 1.5 ? 0.06 : 0
  return Math.min(1, 0.34 + 0.26 * section.intensity + 0.12 * arch + accent + 0.012 * degree)
}

/** Short notes from the step below into some of the long ones. */
function graces(section: Section, lead: Lead, sung: readonly SungNote[], random: Random): Note[] {
  return sung.flatMap((note, index) => {
    const isLongAndFree = note.wish.durationBeats >= 1 && index > 0
    if (!isLongAndFree || random() > 0.45) return []
    const main = leadNote(section, lead, note)
    const midi = midiOfDegree(section.scale, note.degree - 1)
    return [{ ...main, midi, startBeats: main.startBeats - graceBeats, durationBeats: graceBeats, velocity: main.velocity * 0.6 }]
  })
}

/** The flute joins the longer notes from below, on the nearest chord tone between a third and a sixth away. */
function harmony(section: Section, sung: readonly SungNote[]): Note[] {
  return sung.flatMap(({ wish, degree }) => {
    if (wish.durationBeats < 1) return []
    const { chord, scale } = wish.slot
    const tones = new Set(chord.toneDegrees.map(tone => wrapped(chord.rootDegree + tone)))
    const below = [2, 3, 5, 4].find(steps => tones.has(wrapped(degree - steps))) ?? 2
    const startBeats = section.startBeats + wish.startBeats
    const midi = midiOfDegree(scale, degree - below)
    return [{ part: 'flute', startBeats, durationBeats: wish.durationBeats, midi, velocity: 0.5 }] satisfies Note[]
  })
}

function bellDouble(section: Section, sung: readonly SungNote[]): Note[] {
  return sung
    .filter(({ wish }) => wish.durationBeats >= 1.5)
    .map(({ wish, degree }) => {
      const startBeats = section.startBeats + wish.startBeats
      const midi = midiOfDegree(section.scale, degree + degreesPerOctave)
      return { part: 'bell', startBeats, durationBeats: wish.durationBeats, midi, velocity: 0.45 } satisfies Note
    })
}

/** Where the melody rests at the end of a cell, three bell notes fall through the chord as an answer. */
function bellFills(section: Section, sung: readonly SungNote[]): Note[] {
  const cellCount = Math.floor(section.durationBeats / beatsPerCell)
  return Array.from({ length: cellCount }, (_, index) => index).flatMap(index => {
    const cellEndBeats = (index + 1) * beatsPerCell
    const busy = sung.filter(({ wish }) => wish.startBeats + wish.durationBeats > cellEndBeats - 1.5 && wish.startBeats < cellEndBeats)
    if (busy.some(({ wish }) => wish.startBeats > cellEndBeats - 3)) return []
    return fallingBells(section, section.startBeats + cellEndBeats - 1.5)
  })
}

function fallingBells(section: Section, startBeats: number): Note[] {
  const { chord, scale } = slotAt(section.slots, startBeats)
  const tones = chord.toneDegrees
    .map(tone => bellFloorDegree + wrapped(chord.rootDegree + tone - bellFloorDegree))
    .toSorted((a, b) => b - a)
  return tones.slice(0, 3).map((degree, index) => ({
    part: 'bell',
    startBeats: startBeats + index * 0.5,
    durationBeats: 1,
    midi: midiOfDegree(scale, degree),
    velocity: 0.5 - 0.08 * index,
  }))
}

/** A degree without its octave. */
function wrapped(degree: number): number {
  return ((degree % degreesPerOctave) + degreesPerOctave) % degreesPerOctave
}
