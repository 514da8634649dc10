import { fakeClock } from '@evastream/testkit/fake-clock'
import { describe, expect, it } from 'vitest'
import { callDeadline } from './call-deadline.ts'

describe('callDeadline', () => {
  it('a call that takes too long: its signal ends with a timeout, not before', () => {
    const clock = fakeClock()
    const { signal } = callDeadline(1000, undefined, clock)
    clock.advance(999)
    expect(signal.aborted).toBe(false)
    clock.advance(1)
    expect(signal.reason).toMatchObject({ name: 'TimeoutError' })
  })

  it('a caller that gives up: the signal ends as cancelled', () => {
    const caller = new AbortController()
    const { signal } = callDeadline(1000, caller.signal, fakeClock())
    caller.abort('enough')
    expect(signal.reason).toMatchObject({ code: 'EVA_CANCELLED', cause: 'enough' })
  })

  it('a caller that gave up before: nothing begins, and no timer is set', () => {
    const clock = fakeClock()
    expect(() => callDeadline(1000, AbortSignal.abort(), clock)).toThrow(expect.objectContaining({ code: 'EVA_CANCELLED' }))
    expect(clock.pendingCount).toBe(0)
  })

  it('a call that was released: leaves no timer, and hears of nothing any more', () => {
    const clock = fakeClock()
    const caller = new AbortController()
    const { signal, release } = callDeadline(1000, caller.signal, clock)
    release()
    expect(clock.pendingCount).toBe(0)
    caller.abort()
    expect(signal.aborted).toBe(false)
  })
})
