// The queue's promise: by time, then by order of planning.
// Not the clock: virtual-clock.test.ts.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { EventQueue } from './event-queue.ts'

test('event queue: any times planned in any order: they come out sorted, equal ones in the order of planning', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 20 })), times => {
      const queue = new EventQueue()
      for (const at of times) queue.plan(at, () => {})
      const out: [number, number][] = []
      for (let next = queue.next(); next !== undefined; next = queue.next()) out.push([next.at, next.order])
      const expected = times.map((at, order): [number, number] => [at, order]).sort((a, b) => a[0] - b[0] || a[1] - b[1])
      expect(out).toEqual(expected)
    }),
    { seed: 1, numRuns: 300 },
  )
})
