// Virtual time: what runs when, and what does not.
// Not the order of equal times: event-queue.test.ts.

import { expect, test } from 'vitest'
import { VirtualClock } from './virtual-clock.ts'

test('virtual clock: actions planned from within actions: run at their times, and time ends at the limit', () => {
  const clock = new VirtualClock()
  const seen: [string, number][] = []
  clock.after(10, () => {
    seen.push(['first', clock.now()])
    clock.after(5, () => seen.push(['second', clock.now()]))
    clock.at(3, () => seen.push(['late', clock.now()]))
  })
  clock.after(100, () => seen.push(['never', clock.now()]))
  clock.runUntil(50)
  expect(seen).toEqual([
    ['first', 10],
    ['late', 10],
    ['second', 15],
  ])
  expect(clock.now()).toBe(50)
})

test('virtual clock: a cancelled appointment: does not happen', () => {
  const clock = new VirtualClock()
  let happened = false
  clock.after(10, () => {
    happened = true
  }).isCancelled = true
  clock.runUntil(50)
  expect(happened).toBe(false)
})

test('virtual clock: done: stops at the time of the action that made it so', () => {
  const clock = new VirtualClock()
  let count = 0
  for (const at of [1, 2, 3]) clock.at(at, () => count++)
  clock.runUntil(50, () => count === 2)
  expect(clock.now()).toBe(2)
})
