// Finds the pitches of one melody: the cheapest path through the scale under given contours and chords (Viterbi).
// It knows costs, not sections; a little seeded noise in the costs is where taste comes from.
// Invariant: every pitch found is a degree of the scale of the chord it sounds over, inside the singable range.

import { type ChordSlot, chordClasses } from './chord.ts'
import { midiOfDegree, pitchClass } from './scale.ts'
import { drawBetween, type Random } from './seeded-random.ts'

/** One note that still looks for its pitch. */
export type Wish = {
  readonly startBeats: number
  readonly durationBeats: number
  readonly wantedDegree: number
  readonly slot: ChordSlot
  /** An opening note is heard against the chord alone, so it counts as a strong one. */
  readonly isOpening: boolean
  /** A closing note wants root, third or fifth. */
  readonly isClosing: boolean
}

const lowestDegree = 0
const degreeCount = 12
const noiseMax = 0.45

type Step = { readonly cost: number; readonly cameFrom: number }

/** One scale degree for each wish. */
export function findDegrees(wishes: readonly Wish[], random: Random): number[] {
  const columns: Step[][] = []
  wishes.forEach((wish, index) => {
    const previousWish = wishes[index - 1]
    const previousColumn = columns.at(-1)
    columns.push(
      degrees().map(degree => {
        const own = pitchCost(wish, degree) + drawBetween(random, 0, noiseMax)
        if (!previousWish || !previousColumn) return { cost: own, cameFrom: degree }
        const best = cheapestStep(previousColumn, from => moveCost(degree - from, wish.wantedDegree - previousWish.wantedDegree))
        return { cost: own + best.cost, cameFrom: best.cameFrom }
      }),
    )
  })
  return walkBack(columns)
}

function degrees(): number[] {
  return Array.from({ length: degreeCount }, (_, index) => lowestDegree + index)
}

function cheapestStep(column: readonly Step[], move: (from: number) => number): Step {
  const steps = column.map(({ cost }, index) => ({ cost: cost + move(lowestDegree + index), cameFrom: lowestDegree + index }))
  return steps.reduce((best, step) => (step.cost < best.cost ? step : best))
}

function walkBack(columns: readonly (readonly Step[])[]): number[] {
  const last = columns.at(-1)
  if (!last) return []
  let degree = cheapestStep(last, () => 0).cameFrom
  const path = [degree]
  for (const column of columns.slice(1).toReversed()) {
    degree = column[degree - lowestDegree]?.cameFrom ?? degree
    path.unshift(degree)
  }
  return path
}

function pitchCost(wish: Wish, degree: number): number {
  const isStrong = wish.isOpening || wish.startBeats % 2 === 0 || wish.durationBeats >= 1
  const weight = wish.durationBeats >= 2 ? 2 : isStrong ? 1 : 0.35
  const rub = chordCost(wish, degree) * weight
  const restingTone = wish.isClosing && !isTriadTone(wish.slot, degree) ? 2 : 0
  return rub + restingTone + 0.35 * Math.abs(degree - wish.wantedDegree)
}

/** A tone of the chord is free, a colour is cheap, a semitone against the chord is dear. */
function chordCost({ slot }: Wish, degree: number): number {
  const own = pitchClass(midiOfDegree(slot.scale, degree))
  const classes = chordClasses(slot)
  if (classes.includes(own)) return own === classes[0] ? 0.25 : 0
  if (classes.some(tone => pitchClass(own - tone) === 1)) return 3
  return classes.some(tone => pitchClass(tone - own) === 1) ? 1.6 : 0.7
}

function isTriadTone(slot: ChordSlot, degree: number): boolean {
  const own = pitchClass(midiOfDegree(slot.scale, degree))
  return [0, 2, 4].some(tone => pitchClass(midiOfDegree(slot.scale, slot.chord.rootDegree + tone)) === own)
}

/** Keep the drawn interval; never stand still where the contour moves; leap seldom. */
function moveCost(steps: number, wantedSteps: number): number {
  const bend = 0.9 * Math.abs(steps - wantedSteps)
  const stuck = steps === 0 && wantedSteps !== 0 ? 0.8 : 0
  const leap = Math.max(0, Math.abs(steps) - 4) * 0.7
  return bend + stuck + leap
}
