import { fakeClock } from '@evastream/testkit/fake-clock'
import { describe, expect, it } from 'vitest'
import { GATHER_MS, GatheredRuns } from './gathered-runs.ts'
import { DeadlineTimer } from './wake-timer.ts'

function aGathering() {
  const clock = fakeClock(100)
  const told: string[] = []
  const makeTimer = (wake: () => void) => new DeadlineTimer({ clock, timers: clock, wake })
  const runs = new GatheredRuns<string>({ clock, makeTimer, tell: run => void told.push(`${run} at ${clock.now()}`) })
  return { clock, told, runs }
}

describe('gathered runs', () => {
  it('a run that keeps coming in: is told of once in a while, counted from its first byte', () => {
    const { clock, told, runs } = aGathering()
    for (let step = 0; step < 6; step++) {
      runs.add('a')
      clock.advance(GATHER_MS / 3)
    }
    expect(told).toEqual([`a at ${100 + GATHER_MS}`, `a at ${100 + 2 * GATHER_MS}`])
  })

  it('several runs: each in its own time, in their order', () => {
    const { clock, told, runs } = aGathering()
    runs.add('a')
    clock.advance(10)
    runs.add('b')
    clock.advance(1000)
    expect(told).toEqual([`a at ${100 + GATHER_MS}`, `b at ${110 + GATHER_MS}`])
  })

  it('taken out, or stopped: is not told of, and no timer stays', () => {
    const { clock, told, runs } = aGathering()
    runs.add('a')
    runs.delete('a')
    clock.advance(1000)
    runs.add('b')
    runs.stop()
    clock.advance(1000)
    expect([told, clock.pendingCount]).toEqual([[], 0])
  })
})
