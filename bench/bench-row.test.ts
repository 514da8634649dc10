// Rows of a bench's table: what meets its bar, and how it is shown.

import { expect, test } from 'vitest'
import { type BenchRow, benchTable, isMet } from './bench-row.ts'

function aRow(words: Partial<BenchRow>): BenchRow {
  return { what: 'copies', figure: 1, unit: 'copies', bar: { atMost: 1.05 }, detail: '', ...words }
}

test.each([
  [1.05, { atMost: 1.05 }, true],
  [1.06, { atMost: 1.05 }, false],
  [0.75, { atLeast: 0.75 }, true],
  [0.74, { atLeast: 0.75 }, false],
  [Number.NaN, { atMost: 5 }, false],
  [Number.NaN, { atLeast: 0 }, false],
])('a bench row: %d against %j: met is %s', (figure, bar, met) => {
  expect(isMet(aRow({ figure, bar }))).toBe(met)
})

test('a bench table: rows of different widths: columns line up, bars are rounded, and a miss is shouted', () => {
  const rows = [aRow({ detail: 'all well' }), aRow({ what: 'seconds of six', figure: 123.4, unit: 's', bar: { atMost: 6.4345 } })]
  expect(benchTable(rows).split('\n')).toEqual([
    'what            figure       held to        result  detail',
    'copies          1.00 copies  ≤ 1.05 copies  met     all well',
    'seconds of six  123 s        ≤ 6.43 s       MISSED',
  ])
})
