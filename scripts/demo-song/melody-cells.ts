// The rhythmic ideas of the melody: cells of two bars, each with its contour and its rests.
// They hold no pitches: melody.ts finds those under the chords. The first beats often stay empty so that the phrase breathes.
// Invariant: notes of a cell follow each other without overlap and end within eight beats.

import type { CellName } from './form.ts'

/** `stepsAboveHeight` draws the contour in scale steps. */
type CellNote = { readonly startBeats: number; readonly durationBeats: number; readonly stepsAboveHeight: number }
export type Cell = readonly CellNote[]

export const beatsPerCell = 8

type Row = readonly [startBeats: number, durationBeats: number, stepsAboveHeight: number]

function cell(...rows: readonly Row[]): Cell {
  return rows.map(([startBeats, durationBeats, stepsAboveHeight]) => ({ startBeats, durationBeats, stepsAboveHeight }))
}

/** Several readings of each cell; the seed picks one for the whole song, because a motif must come back to be one. */
export const cellVariants: Readonly<Record<CellName, readonly [Cell, ...Cell[]]>> = {
  rest: [cell()],
  question: [
    cell([1, 0.5, 0], [1.5, 0.5, 1], [2, 1.5, 2], [3.5, 0.5, 4], [4, 2.5, 3]),
    cell([0.5, 0.5, 0], [1, 0.5, 2], [1.5, 1.5, 1], [3, 0.5, 2], [3.5, 3, 4]),
    cell([0, 1.5, 2], [1.5, 0.5, 1], [2, 1, 0], [3, 1, 1], [4, 3, 2]),
  ],
  reach: [
    cell([1, 0.5, 0], [1.5, 0.5, 1], [2, 1, 2], [3, 0.5, 3], [3.5, 0.5, 4], [4, 1.5, 5], [5.5, 0.5, 4], [6, 1.5, 3]),
    cell([0.5, 0.5, 0], [1, 0.5, 2], [1.5, 1.5, 3], [3, 1, 4], [4, 1.5, 5], [5.5, 2, 3]),
  ],
  answer: [
    cell([0, 1, 3], [1, 0.5, 4], [1.5, 1, 3], [2.5, 0.5, 2], [3, 1, 1], [4, 1.5, 2], [5.5, 0.5, 1], [6, 1.5, 0]),
    cell([0.5, 1, 4], [1.5, 0.5, 3], [2, 1, 2], [3, 0.5, 3], [3.5, 2, 1], [5.5, 0.5, 0], [6, 1.5, 1]),
  ],
  open: [
    cell([0.5, 0.5, 2], [1, 1, 3], [2, 0.5, 2], [2.5, 1.5, 1], [4, 3, 0]),
    cell([0, 1.5, 1], [1.5, 0.5, 2], [2, 2, 0], [4.5, 0.5, -1], [5, 2, 0]),
  ],
  close: [
    cell([0.5, 0.5, 2], [1, 0.5, 1], [1.5, 1, 2], [2.5, 0.5, 1], [3, 1, 1], [4, 3, 0]),
    cell([0, 1, 3], [1, 0.5, 2], [1.5, 1, 1], [2.5, 1, 2], [3.5, 0.5, 1], [4, 3, 0]),
  ],
  lift: [
    cell([0, 1.5, 0], [1.5, 0.5, 1], [2, 1.5, 3], [3.5, 0.5, 2], [4, 1, 1], [5, 0.5, 2], [5.5, 2, 1]),
    cell([0, 0.5, 0], [0.5, 1, 2], [1.5, 2, 3], [3.5, 0.5, 4], [4, 1.5, 3], [5.5, 0.5, 2], [6, 1.5, 1]),
  ],
  fall: [
    cell([0, 1, 4], [1, 1, 3], [2, 0.5, 2], [2.5, 1.5, 1], [4, 1, 2], [5, 0.5, 1], [5.5, 2, 0]),
    cell([0, 1.5, 3], [1.5, 0.5, 4], [2, 1, 2], [3, 1, 1], [4, 3, 0]),
  ],
  long: [
    cell([0, 3, 0], [3, 1, 1], [4, 3, 2]),
    cell([0, 2, 2], [2, 2, 1], [4, 3.5, 0]),
    cell([0, 3.5, 0], [3.5, 0.5, 1], [4, 1.5, 2], [5.5, 2, 3]),
  ],
  hang: [cell([0, 2, 2], [2, 1, 1], [3, 1, 0], [4, 3.5, 1])],
  last: [cell([0.5, 0.5, 2], [1, 1, 3], [2, 1, 2], [3, 1, 1], [4, 3.5, 0])],
}
