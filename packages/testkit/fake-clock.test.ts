import { describe, expect, it } from 'vitest'
import { fakeClock } from './fake-clock.ts'

describe('fakeClock', () => {
  it('timers: run at their own deadlines and in their order, the clock showing each', () => {
    const clock = fakeClock(0)
    const seen: string[] = []
    clock.after(20, () => seen.push(`b@${clock.now()}`))
    clock.after(10, () => seen.push(`a@${clock.now()}`))
    clock.after(20, () => seen.push(`c@${clock.now()}`))
    clock.advance(19)
    expect(seen).toEqual(['a@10'])
    clock.advance(1)
    expect(seen).toEqual(['a@10', 'b@20', 'c@20'])
    expect(clock.now()).toBe(20)
  })

  it('a timer set by a timer: runs in the same advance when it becomes due', () => {
    const clock = fakeClock(0)
    const seen: number[] = []
    clock.after(10, () => clock.after(5, () => seen.push(clock.now())))
    clock.advance(100)
    expect(seen).toEqual([15])
  })

  it('every: beats until cancelled, also when it cancels itself', () => {
    const clock = fakeClock(0)
    const seen: number[] = []
    const cancel = clock.every(10, () => {
      seen.push(clock.now())
      if (seen.length === 3) cancel()
    })
    clock.advance(100)
    expect(seen).toEqual([10, 20, 30])
    expect(clock.pendingCount).toBe(0)
  })

  it('after: a cancelled timer never runs', () => {
    const clock = fakeClock(0)
    const seen: number[] = []
    clock.after(10, () => seen.push(1))()
    clock.advance(100)
    expect(seen).toEqual([])
  })
})
