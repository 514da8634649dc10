// Runs of a crowd as judged rows.

import { MIB } from '@evastream/core/units'
import { expect, test } from 'vitest'
import { isMet } from '../bench-row.ts'
import { CROWD_ROWS, judgedRows, middleOf } from './crowd-rows.ts'

const RUNS = [3, 1, 2].map(figure => ({ seconds: figure, originCopies: figure, peakPeerBytes: figure * MIB }))

test('judged rows: only figures with a bar, as medians in the unit of the row', () => {
  const rows = judgedRows({ name: 'six', what: '6 peers', bars: { originCopies: 1.05, peakPeerBytes: 2 * MIB } }, RUNS)
  expect(rows.map(row => [row.figure, row.unit, row.bar, isMet(row)])).toEqual([
    [2, 'copies', { atMost: 1.05 }, false],
    [2, 'MiB', { atMost: 2 }, true],
  ])
})

test('judged rows: a figure that was not told misses its bar', () => {
  const [row] = judgedRows({ name: 'six', what: '6 peers', bars: { firstSeconds: 1 } }, RUNS)
  expect(row === undefined || isMet(row)).toBe(false)
})

test('the middle of runs: medians, and nothing for what no run told', () => {
  expect(middleOf(RUNS)).toMatchObject({ seconds: 2, originCopies: 2, peakPeerBytes: 2 * MIB, firstSeconds: undefined })
})

test('crowd rows: the bars over links are those of the links', () => {
  const bars = Object.fromEntries(CROWD_ROWS.map(row => [row.name, row.bars.seconds]))
  expect(bars.six).toBeCloseTo(1.1 * 5.85, 2)
  expect(bars['six-two-copies']).toBeCloseTo(1.1 * 4.95, 2)
  expect(bars.twelve).toBeCloseTo(1.12 * 6.43, 2)
})
