// Pauses between tries: how long, what ends them, and that nothing of them stays.
// Not the lines an outage makes: the tracker session's and the library's tests read those.
// Invariant: time passes only as the test says.

import { getEventListeners } from 'node:events'
import { EvaError } from '@evastream/core/errors'
import { seededRandom } from '@evastream/core/random'
import { fakeClock } from '@evastream/testkit/fake-clock'
import { RecordedLog } from '@evastream/testkit/recorded-log'
import { describe, expect, it } from 'vitest'
import { RetryPace } from './retry-pace.ts'

function newPace() {
  const clock = fakeClock(0)
  return {
    clock,
    pace: new RetryPace({ timers: clock, random: seededRandom(3), log: new RecordedLog() }, { subject: 'Trying', pauseMaxMs: 4000 }),
  }
}

describe('retry pace', () => {
  it('failures in a row: pauses grow up to the longest, with jitter; a success begins anew', () => {
    const { pace } = newPace()
    const pauses = Array.from({ length: 200 }, () => pace.failed(new EvaError('EVA_SERVICE_TIMEOUT')))
    expect(Math.max(...pauses)).toBeLessThanOrEqual(4000)
    expect(Math.max(...pauses.slice(4))).toBeGreaterThan(3000)
    expect(new Set(pauses).size).toBeGreaterThan(100)
    pace.succeeded()
    expect(pace.failed(new EvaError('EVA_SERVICE_TIMEOUT'))).toBeLessThanOrEqual(500)
  })

  it('a pause that the service asked for: is kept', () => {
    const { pace } = newPace()
    expect(pace.failed(new EvaError('EVA_LIMIT_REACHED', { details: { retryAfterMs: 60_000 } }))).toBe(60_000)
  })

  it('a pause: ends with its time or its signal, and leaves neither a timer nor a listener', async () => {
    const { clock, pace } = newPace()
    const abort = new AbortController()
    const first = pace.pause(100, abort.signal)
    clock.advance(100)
    await first
    expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0)
    const second = pace.pause(100, abort.signal)
    abort.abort()
    await second
    await pace.pause(100, abort.signal)
    expect(clock.pendingCount).toBe(0)
  })
})
