// Light percussion: kick, brush, rim, hat, shaker and cymbal swells, written straight (performance.ts swings it).
// It never leads: dynamics come from the intensity of the section.
// Invariant: a section whose groove is "none" gets no hits except the swell that leads out of it.

import { beatsPerBar } from './chord.ts'
import type { Groove, Section } from './form.ts'
import type { Drum, Hit } from './score.ts'
import { type Random, seededRandom } from './seeded-random.ts'

/** How likely and how loud a drum is on each sixteenth of a bar. */
type Line = { readonly drum: Drum; readonly steps: Readonly<Record<number, readonly [chance: number, velocity: number]>> }

const stepBeats = 0.25
const swellBeats = 4

const shaker: Line = {
  drum: 'shaker',
  steps: {
    0: [1, 0.5],
    1: [0.25, 0.2],
    2: [1, 0.75],
    3: [0.5, 0.3],
    4: [1, 0.5],
    5: [0.2, 0.2],
    6: [1, 0.8],
    7: [0.5, 0.3],
    8: [1, 0.5],
    9: [0.25, 0.2],
    10: [1, 0.75],
    11: [0.5, 0.3],
    12: [1, 0.5],
    13: [0.3, 0.2],
    14: [1, 0.8],
    15: [0.6, 0.35],
  },
}
const softKick: Line = { drum: 'kick', steps: { 0: [1, 0.8], 10: [0.75, 0.55], 7: [0.15, 0.35] } }
const fullKick: Line = { drum: 'kick', steps: { 0: [1, 0.9], 7: [0.35, 0.45], 10: [0.9, 0.7], 13: [0.12, 0.35] } }
const rim: Line = { drum: 'rim', steps: { 4: [1, 0.7], 12: [1, 0.75] } }
const brush: Line = { drum: 'brush', steps: { 4: [1, 0.8], 9: [0.3, 0.22], 12: [1, 0.85], 15: [0.35, 0.25] } }
const hat: Line = {
  drum: 'hat',
  steps: {
    0: [0.9, 0.5],
    2: [1, 0.7],
    3: [0.2, 0.25],
    4: [0.9, 0.45],
    6: [1, 0.75],
    7: [0.35, 0.3],
    8: [0.9, 0.5],
    10: [1, 0.7],
    11: [0.25, 0.25],
    12: [0.9, 0.45],
    14: [1, 0.8],
    15: [0.4, 0.35],
  },
}

const grooves: Readonly<Record<Groove, readonly Line[]>> = {
  none: [],
  shaker: [shaker],
  light: [shaker, softKick, rim],
  full: [shaker, fullKick, brush, hat],
}

/** All hits of the song. */
export function percussionHits(sections: readonly Section[], seed: number): Hit[] {
  return sections.flatMap((section, index) => {
    const random = seededRandom(seed, `percussion ${section.name}`)
    const next = sections[index + 1]
    const bars = Array.from({ length: section.durationBeats / beatsPerBar }, (_, bar) => section.startBeats + bar * beatsPerBar)
    const beat = bars.flatMap(barStartBeats => barHits(section, barStartBeats, random))
    return [...beat, ...turnaround(section, next, random), ...swell(section, next)]
  })
}

function barHits(section: Section, barStartBeats: number, random: Random): Hit[] {
  return grooves[section.groove].flatMap(({ drum, steps }) =>
    Object.entries(steps).flatMap(([step, [chance, velocity]]) => {
      const isPlayed = random() < chance
      const loudness = velocity * (0.55 + 0.45 * section.intensity)
      return isPlayed ? [{ drum, startBeats: barStartBeats + Number(step) * stepBeats, velocity: loudness }] : []
    }),
  )
}

/** Four soft brush strokes close a section that has the full groove. */
function turnaround(section: Section, next: Section | undefined, random: Random): Hit[] {
  if (section.groove !== 'full' || !next) return []
  const endBeats = section.startBeats + section.durationBeats
  return [0, 1, 2, 3].flatMap(index => {
    const velocity = 0.22 + 0.09 * index + 0.05 * random()
    return index === 1 ? [] : [{ drum: 'brush', startBeats: endBeats - 1 + index * stepBeats, velocity } satisfies Hit]
  })
}

/** A cymbal grows into every section that is clearly louder or changes the key. */
function swell(section: Section, next: Section | undefined): Hit[] {
  if (!next) return []
  const isWorthIt = next.intensity - section.intensity >= 0.15 || next.scale !== section.scale
  const startBeats = section.startBeats + section.durationBeats - swellBeats
  return isWorthIt ? [{ drum: 'swell', startBeats, velocity: 0.5 + 0.3 * next.intensity }] : []
}
