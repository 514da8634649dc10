// What must hold for the composer whatever the seed: it repeats itself exactly, stays in key, sings and breathes.
// Sound is not judged here; the finished file has its own test beside this one.
// Invariant: no test depends on the seed that the published song happens to use.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { composeSong } from './composition.ts'
import { type Section, songForm } from './form.ts'
import { perform } from './performance.ts'
import { isInScale } from './scale.ts'
import type { Note, Score } from './score.ts'
import { leadVoices } from './voicing.ts'

const anySeed = fc.integer({ min: 0, max: 0xffff_ffff })
const runs = { numRuns: 40 }
const sections = songForm()

function notesIn(section: Section, score: Score): Note[] {
  const endBeats = section.startBeats + section.durationBeats
  return score.notes.filter(({ startBeats }) => startBeats >= section.startBeats && startBeats < endBeats)
}

describe('composition', () => {
  test('one seed: writes and plays the same notes every time', () => {
    fc.assert(
      fc.property(anySeed, seed => {
        const score = composeSong(seed)
        expect(composeSong(seed)).toEqual(score)
        expect(perform(score, seed)).toEqual(perform(score, seed))
      }),
      { numRuns: 10 },
    )
  })

  test('another seed: writes another song', () => {
    expect(composeSong(1).notes).not.toEqual(composeSong(2).notes)
  })

  test('any seed: every note lies in the scale of the section it starts in', () => {
    fc.assert(
      fc.property(anySeed, seed => {
        const score = composeSong(seed)
        const strays = sections.flatMap(section => notesIn(section, score).filter(({ midi }) => !isInScale(section.scale, midi)))
        expect(strays).toEqual([])
      }),
      runs,
    )
  })

  test('any seed: every note starts inside the song and none is lost between sections', () => {
    fc.assert(
      fc.property(anySeed, seed => {
        const score = composeSong(seed)
        const placed = sections.reduce((sum, section) => sum + notesIn(section, score).length, 0)
        expect(placed).toBe(score.notes.length)
      }),
      runs,
    )
  })

  test('any seed: the melody sings for most of a section and leaves room to breathe', () => {
    fc.assert(
      fc.property(anySeed, seed => {
        const score = composeSong(seed)
        for (const section of sections) {
          const sung = notesIn(section, score).filter(({ part }) => part === section.lead?.part)
          const share = sung.reduce((sum, { durationBeats }) => sum + durationBeats, 0) / section.durationBeats
          if (section.lead) expect(share).toBeGreaterThan(0.5)
          expect(share).toBeLessThan(0.98)
        }
      }),
      runs,
    )
  })
})

describe('voicing', () => {
  test('from chord to chord: a voice moves by two semitones on average and never by an octave', () => {
    const voicings = leadVoices(sections.flatMap(({ slots }) => slots))
    const moves = voicings
      .slice(1)
      .flatMap((voicing, index) => voicing.map((midi, voice) => Math.abs(midi - (voicings[index]?.[voice] ?? midi))))
    expect(moves.reduce((sum, move) => sum + move, 0) / moves.length).toBeLessThanOrEqual(2)
    expect(Math.max(...moves)).toBeLessThan(12)
  })
})
