import { fakeClock } from '@evastream/testkit/fake-clock'
import { expect, test } from 'vitest'
import { DeadlineTimer } from './wake-timer.ts'

function timerOf() {
  const clock = fakeClock(0)
  const wokenAt: number[] = []
  const timer = new DeadlineTimer({ clock, timers: clock, wake: () => wokenAt.push(clock.now()) })
  return { clock, timer, wokenAt }
}

test('wake timer: it wakes once, at the deadline', () => {
  const { clock, timer, wokenAt } = timerOf()
  timer.wakeAt(30)
  clock.advance(100)
  expect(wokenAt).toEqual([30])
})

test('wake timer: a deadline that is put off is met at its later time, and not before', () => {
  const { clock, timer, wokenAt } = timerOf()
  timer.wakeAt(30)
  timer.wakeAt(80)
  clock.advance(79)
  expect(wokenAt).toEqual([])
  clock.advance(1)
  expect(wokenAt).toEqual([80])
  expect(clock.pendingCount).toBe(0)
})

test('wake timer: a deadline that comes nearer is met at its nearer time', () => {
  const { clock, timer, wokenAt } = timerOf()
  timer.wakeAt(80)
  timer.wakeAt(30)
  clock.advance(100)
  expect(wokenAt).toEqual([30])
})

test('wake timer: a deadline that is put off does not set another timer each time', () => {
  const { clock, timer } = timerOf()
  let setCount = 0
  const counting = new DeadlineTimer({
    clock,
    timers: {
      after(delayMs, run) {
        setCount++
        return clock.after(delayMs, run)
      },
    },
    wake: () => undefined,
  })
  for (let at = 30; at < 60; at++) counting.wakeAt(at)
  timer.wakeAt(undefined)
  expect(setCount).toBe(1)
})

test('wake timer: a deadline that is taken back is forgotten, timer and all', () => {
  const { clock, timer, wokenAt } = timerOf()
  timer.wakeAt(30)
  timer.wakeAt(undefined)
  expect(clock.pendingCount).toBe(0)
  clock.advance(100)
  expect(wokenAt).toEqual([])
})
