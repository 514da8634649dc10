// Checks that many wishes to look are one timer.

import { fakeClock } from '@evastream/testkit/fake-clock'
import { expect, test } from 'vitest'
import { LookTimer } from './look-timer.ts'

test('look timer: of many wishes the earliest brings one look, and a later wish another', () => {
  const clock = fakeClock()
  let lookCount = 0
  const timer = new LookTimer({ clock, timers: clock, due: () => void lookCount++ })
  for (const delayMs of [500, 100, 300]) timer.wish(delayMs)
  clock.advance(99)
  expect(lookCount).toBe(0)
  clock.advance(1)
  expect(lookCount).toBe(1)
  clock.advance(1_000)
  expect(lookCount).toBe(1)
  timer.wish(100)
  clock.advance(100)
  expect(lookCount).toBe(2)
  timer.wish(100)
  timer.cancel()
  expect(clock.pendingCount).toBe(0)
})
