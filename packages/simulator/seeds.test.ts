// A thousand drawn worlds through the production Scheduler: faults while the rules watch, then healing, then all must be there.
// Not the rules' own tests: checkers.test.ts breaks each on purpose.

import { describe, expect, test } from 'vitest'
import { summaryOf } from './records/run-summary.ts'
import { type Outcome, simulate } from './simulation.ts'

const RANGE = 100
const ranges = Array.from({ length: 10 }, (_, index) => ({ first: index * RANGE + 1, last: (index + 1) * RANGE }))

describe.each(ranges)('simulator: seeds $first to $last', ({ first, last }) => {
  test('every world heals, and no rule is broken', () => {
    const bad: Outcome[] = []
    for (let seed = first; seed <= last; seed++) {
      const outcome = simulate({ seed })
      if (!outcome.isGood) bad.push(outcome)
    }
    expect(
      bad.map(({ seed }) => seed),
      bad.map(summaryOf).join('\n'),
    ).toEqual([])
  })
})
