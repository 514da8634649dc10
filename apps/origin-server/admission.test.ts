// Checks that slots balance and that the byte rate holds over time, on a clock that stands still.

import { fakeClock } from '@evastream/testkit/fake-clock'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Admission } from './admission.ts'

const overloaded = expect.objectContaining({ code: 'EVA_ORIGIN_OVERLOADED' })

describe('the slots', () => {
  it('admission: as many as allowed: enter, the next is sent away for a second', () => {
    const admission = new Admission({ clock: fakeClock() }, { concurrentMax: 2, bytesPerSecondMax: 0 })
    admission.enter()
    const leave = admission.enter()
    expect(() => admission.enter()).toThrow(expect.objectContaining({ code: 'EVA_ORIGIN_OVERLOADED', details: { retryAfterMs: 1000 } }))
    leave()
    admission.enter()
    expect(() => admission.enter()).toThrow(overloaded)
  })

  it('admission: a slot given back twice: counts once', () => {
    const admission = new Admission({ clock: fakeClock() }, { concurrentMax: 2, bytesPerSecondMax: 0 })
    admission.enter()
    const leave = admission.enter()
    leave()
    leave()
    expect(admission.takenSlots).toBe(1)
  })
})

describe('the byte rate', () => {
  it('admission: without a limit: grants anything', () => {
    const admission = new Admission({ clock: fakeClock() }, { concurrentMax: 1, bytesPerSecondMax: 0 })
    for (let turn = 0; turn < 100; turn++) admission.spend(Number.MAX_SAFE_INTEGER)
  })

  it('admission: a chunk larger than a second of the rate: goes out whole, and the next waits for the debt', () => {
    const clock = fakeClock()
    const admission = new Admission({ clock }, { concurrentMax: 1, bytesPerSecondMax: 1000 })
    admission.spend(4000)
    expect(() => admission.spend(1)).toThrow(expect.objectContaining({ details: { retryAfterMs: 3001 } }))
    clock.advance(3000)
    expect(() => admission.spend(1)).toThrow(overloaded)
    clock.advance(1)
    admission.spend(1)
  })

  it('admission: a wait as long as Retry-After says: is enough', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000_000 }), fc.integer({ min: 1, max: 5_000_000 }), (bytesPerSecondMax, bytes) => {
        const clock = fakeClock()
        const admission = new Admission({ clock }, { concurrentMax: 1, bytesPerSecondMax })
        admission.spend(bytes)
        try {
          admission.spend(1)
        } catch (thrown) {
          clock.advance((thrown as { details: { retryAfterMs: number } }).details.retryAfterMs)
          admission.spend(1)
        }
      }),
      { seed: 40, numRuns: 200 },
    )
  })

  it('admission: any demand: is granted no more than the rate, one second ahead and one grant over', () => {
    const step = fc.record({ waitMs: fc.integer({ min: 0, max: 3000 }), bytes: fc.integer({ min: 1, max: 5000 }) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), steps => {
        const clock = fakeClock()
        const startedAt = clock.now()
        const admission = new Admission({ clock }, { concurrentMax: 1, bytesPerSecondMax: 1000 })
        let grantedBytes = 0
        for (const { waitMs, bytes } of steps) {
          clock.advance(waitMs)
          try {
            admission.spend(bytes)
            grantedBytes += bytes
          } catch (thrown) {
            expect(thrown).toEqual(overloaded)
          }
        }
        expect(grantedBytes).toBeLessThanOrEqual(clock.now() - startedAt + 1000 + 5000)
      }),
      { seed: 41, numRuns: 200 },
    )
  })

  it('admission: after a long rest: grants no more than a second of the rate at once', () => {
    const clock = fakeClock()
    const admission = new Admission({ clock }, { concurrentMax: 1, bytesPerSecondMax: 1000 })
    clock.advance(60_000)
    admission.spend(1000)
    expect(() => admission.spend(1)).toThrow(overloaded)
  })

  it('admission: bytes that were not sent: are given back', () => {
    const admission = new Admission({ clock: fakeClock() }, { concurrentMax: 1, bytesPerSecondMax: 1000 })
    admission.spend(1000)
    expect(() => admission.spend(1)).toThrow(overloaded)
    admission.refund(400)
    admission.spend(400)
    expect(() => admission.spend(1)).toThrow(overloaded)
  })
})
