// The composer: form, voice leading, accompaniment, melody and percussion become one written score.
// Nothing is played here, and nothing is random but what the seed decides.
// Invariant: the same seed writes the same score, and every pitch lies in the scale of the section it starts in.

import { arpeggioNotes, bassNotes, compingNotes, padNotes, type VoicedSlot } from './accompaniment.ts'
import { songForm } from './form.ts'
import { melodyOf } from './melody.ts'
import { percussionHits } from './percussion.ts'
import type { Score } from './score.ts'
import { leadVoices } from './voicing.ts'

/** Writes the whole song. */
export function composeSong(seed: number): Score {
  const sections = songForm()
  const placed = sections.flatMap(section => section.slots.map(slot => ({ ...slot, section })))
  const voicings = leadVoices(placed)
  const slots: VoicedSlot[] = placed.flatMap((slot, index) => {
    const voicing = voicings[index]
    return voicing ? [{ ...slot, voicing }] : []
  })
  const notes = [
    ...padNotes(slots),
    ...arpeggioNotes(slots, seed),
    ...compingNotes(slots, seed),
    ...bassNotes(slots, seed),
    ...sections.flatMap(section => melodyOf(section, seed)),
  ]
  const durationBeats = sections.reduce((sum, section) => sum + section.durationBeats, 0)
  return { notes, hits: percussionHits(sections, seed), durationBeats }
}
