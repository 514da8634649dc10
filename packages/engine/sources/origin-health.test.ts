import { seededRandom } from '@evastream/core/random'
import { MINUTE_MS, SECOND_MS } from '@evastream/core/units'
import { describe, expect, test } from 'vitest'
import { type EngineConfig, engineConfig } from '../config.ts'
import { OriginHealth } from './origin-health.ts'

function originWith(changes: Partial<EngineConfig> = {}, seed = 1): OriginHealth {
  return new OriginHealth({ random: seededRandom(seed) }, engineConfig(changes))
}

/** Asks as soon as that is allowed, and fails at once. @returns how long each pause was. */
function failInARow(origin: OriginHealth, count: number): number[] {
  let now = 0
  return Array.from({ length: count }, () => {
    const askedAt = now
    now += 1
    origin.failed(now, askedAt)
    const pauseMs = origin.retryAt - now
    now = origin.retryAt
    return pauseMs
  })
}

/** So many requests of so many bytes are out to it. */
function ask(origin: OriginHealth, count: number, sizeBytes = 1000): void {
  for (let index = 0; index < count; index++) origin.pace.asked(sizeBytes, 0)
}

function deliver(origin: OriginHealth, count: number): void {
  for (let index = 0; index < count; index++) origin.delivered()
}

describe('origin health: room', () => {
  test('small requests: as many as the config says', () => {
    const origin = originWith({ originRequestsMax: 3 })
    ask(origin, 2)
    expect(origin.hasRoom(0)).toBe(true)
    ask(origin, 1)
    expect(origin.hasRoom(0)).toBe(false)
  })

  test('large requests: two, and more as long as few bytes are out', () => {
    const origin = originWith({ originOpenBytesMax: 500_000 })
    ask(origin, 1, 4_000_000)
    expect(origin.hasRoom(0)).toBe(true)
    ask(origin, 1, 4_000_000)
    expect(origin.hasRoom(0)).toBe(false)
    expect(origin.hasPlace(0)).toBe(true)
    origin.pace.arrived(7_400_000, 10)
    expect(origin.hasRoom(0)).toBe(false)
    origin.pace.arrived(100_001, 20)
    expect(origin.hasRoom(0)).toBe(true)
  })

  test('who may use a share of its room: less, but never nothing', () => {
    const origin = originWith({ originRequestsMax: 4 })
    ask(origin, 3)
    expect(origin.hasRoom(0, 0.75)).toBe(false)
    expect(origin.hasRoom(0)).toBe(true)
    expect(originWith({ originRequestsMax: 1 }).hasRoom(0, 0.75)).toBe(true)
    const large = originWith({ originOpenBytesMax: 1000 })
    ask(large, 2, 400)
    expect(large.hasRoom(0, 0.75)).toBe(false)
    expect(large.hasRoom(0)).toBe(true)
  })

  test('in its pause: none', () => {
    const origin = originWith()
    origin.failed(1000, 900)
    expect(origin.hasRoom(1000)).toBe(false)
    expect(origin.hasRoom(origin.retryAt - 0.001)).toBe(false)
  })

  test('after its pause: for one, to see whether it is well', () => {
    const origin = originWith()
    origin.failed(1000, 900)
    expect(origin.hasRoom(origin.retryAt, 0.75)).toBe(true)
    ask(origin, 1)
    expect(origin.hasRoom(origin.retryAt)).toBe(false)
  })

  test('after that one was delivered: for all again', () => {
    const origin = originWith({ originRequestsMax: 4 })
    origin.failed(1000, 900)
    origin.delivered()
    ask(origin, 3)
    expect(origin.hasRoom(origin.retryAt)).toBe(true)
    expect(origin.failures).toBe(0)
  })
})

describe('origin health: how many requests it bears', () => {
  /** Refuses one request while so many others are out, and is well after that. */
  function overloadedAt(others: number, changes: Partial<EngineConfig> = {}): OriginHealth {
    const origin = originWith(changes)
    ask(origin, others)
    origin.overloaded(1000, 900)
    deliver(origin, others)
    return origin
  }

  test('it refuses one more than three: three from then on', () => {
    const origin = overloadedAt(3)
    expect(origin.hasRoom(20_000)).toBe(false)
    origin.pace.ended(1000, 2000)
    expect(origin.hasRoom(20_000)).toBe(true)
  })

  test('it refuses: a failure, with the pause that it asks for', () => {
    const origin = originWith()
    origin.overloaded(1000, 900, 4000)
    expect(origin.failures).toBe(1)
    expect(origin.retryAt).toBe(5000)
  })

  test('it refuses the only one: one from then on', () => {
    const origin = overloadedAt(0)
    origin.delivered()
    expect(origin.hasRoom(20_000)).toBe(true)
    ask(origin, 1)
    expect(origin.hasRoom(20_000)).toBe(false)
  })

  test('many deliveries later: one more is tried, and so on up to the bound', () => {
    const origin = overloadedAt(3, { originRequestsMax: 5 })
    deliver(origin, 3 * 16 - 3)
    expect(origin.hasRoom(20_000)).toBe(true)
    ask(origin, 1)
    expect(origin.hasRoom(20_000)).toBe(false)
    deliver(origin, 1000)
    expect(origin.hasRoom(20_000)).toBe(true)
    ask(origin, 1)
    expect(origin.hasRoom(20_000)).toBe(false)
  })

  test('it refuses while more are out than it is known to bear: that teaches nothing', () => {
    const origin = overloadedAt(3)
    ask(origin, 5)
    origin.overloaded(30_000, 29_000)
    origin.delivered()
    for (let index = 0; index < 6; index++) origin.pace.ended(1000, 30_000)
    expect(origin.hasRoom(90_000)).toBe(true)
    ask(origin, 1)
    expect(origin.hasRoom(90_000)).toBe(false)
  })
})

describe('origin health: backoff', () => {
  test('failures in a row: each pause is within what the doubling allows, and never above the cap', () => {
    for (let seed = 0; seed < 50; seed++) {
      const pauses = failInARow(originWith({}, seed), 12)
      pauses.forEach((pauseMs, index) => {
        expect(pauseMs).toBeGreaterThanOrEqual(1)
        expect(pauseMs).toBeLessThanOrEqual(Math.min(30 * SECOND_MS, 250 * 2 ** index))
      })
    }
  })

  test('failures in a row: the pauses do grow', () => {
    const runs = Array.from({ length: 200 }, (_, seed) => failInARow(originWith({}, seed), 6))
    const means = [0, 1, 2, 3, 4, 5].map(index => runs.reduce((sum, pauses) => sum + (pauses[index] ?? 0), 0) / runs.length)
    means.forEach((mean, index) => {
      expect(mean).toBeGreaterThan(0.4 * 250 * 2 ** index)
      expect(mean).toBeLessThan(0.6 * 250 * 2 ** index)
    })
  })

  test('requests that were out together fail one after another: one failure', () => {
    const origin = originWith()
    origin.failed(1000, 900)
    const { retryAt } = origin
    origin.failed(1010, 910)
    origin.failed(1020, 1000)
    expect(origin.failures).toBe(1)
    expect(origin.retryAt).toBe(retryAt)
  })

  test('a request asked after the failure fails too: the second failure', () => {
    const origin = originWith()
    origin.failed(1000, 900)
    origin.failed(1500, 1400)
    expect(origin.failures).toBe(2)
  })

  test('a delivery: the next failure begins at the base again', () => {
    const origin = originWith()
    failInARow(origin, 8)
    origin.delivered()
    const at = origin.retryAt + MINUTE_MS
    origin.failed(at, at - 1)
    expect(origin.retryAt - at).toBeLessThanOrEqual(250)
  })
})

describe('origin health: Retry-After', () => {
  test('it asks for a pause: that is kept, if it is longer than ours', () => {
    const origin = originWith()
    origin.failed(1000, 900, 7000)
    expect(origin.retryAt).toBe(8000)
  })

  test('it asks for less than our backoff: ours is kept', () => {
    const origin = originWith()
    failInARow(origin, 10)
    const at = origin.retryAt + 1
    origin.failed(at, at - 0.5, 1)
    expect(origin.retryAt).toBeGreaterThan(at + 1)
  })

  test('it asks for a year: five minutes at most', () => {
    const origin = originWith()
    origin.failed(1000, 900, 365 * 24 * 60 * MINUTE_MS)
    expect(origin.retryAt).toBe(1000 + 5 * MINUTE_MS)
  })

  test('a request that was out before is delivered meanwhile: the pause is kept all the same', () => {
    const origin = originWith()
    origin.failed(1000, 900, 7000)
    origin.delivered()
    expect(origin.hasRoom(7999)).toBe(false)
    expect(origin.hasRoom(8000)).toBe(true)
  })

  test('a second answer asks for longer, though it tells no new failure: the longer is kept', () => {
    const origin = originWith()
    origin.failed(1000, 900, 2000)
    origin.failed(1100, 910, 5000)
    expect(origin.failures).toBe(1)
    expect(origin.retryAt).toBe(6100)
  })
})

describe('origin health: missing chunks', () => {
  test('some in a row: not the trouble of the origin', () => {
    const origin = originWith()
    for (let index = 0; index < 3; index++) origin.lacked(1000 + index, 999 + index)
    expect(origin.failures).toBe(0)
  })

  test('many in a row: the origin fails as a whole', () => {
    const origin = originWith()
    for (let index = 0; index < 4; index++) origin.lacked(1000 + index, 999 + index)
    expect(origin.failures).toBe(1)
  })

  test('a delivery in between: the count begins anew', () => {
    const origin = originWith()
    for (let index = 0; index < 3; index++) origin.lacked(1000 + index, 999 + index)
    origin.delivered()
    origin.lacked(2000, 1999)
    expect(origin.failures).toBe(0)
  })
})

describe('origin health: patience', () => {
  test('time-outs in a row while it sends something: doubles, within bounds, until it delivers', () => {
    const origin = originWith()
    origin.pace.arrived(20_000, 0)
    const patience = [origin.patience]
    for (let at = 1000; at <= 8000; at += 1000) {
      origin.timedOut(at, at - 10)
      patience.push(origin.patience)
    }
    expect(patience).toEqual([1, 2, 4, 8, 16, 32, 64, 64, 64])
    expect(origin.failures).toBe(8)
    origin.delivered()
    expect(origin.patience).toBe(1)
  })

  test('it never sent anything: patience soon ends', () => {
    const origin = originWith()
    for (let at = 1000; at <= 5000; at += 1000) origin.timedOut(at, at - 10)
    expect(origin.patience).toBe(4)
  })

  test('requests that were out together time out: doubles once', () => {
    const origin = originWith()
    origin.timedOut(1000, 0)
    origin.timedOut(1000, 0)
    expect(origin.patience).toBe(2)
  })
})

describe('origin health: the rate to expect', () => {
  test('never measured: the assumption', () => {
    expect(originWith({ rateAssumedBytesPerSecond: 5000 }).expectedRate(0)).toBe(5000)
  })

  test('measured: its rate, until that is too old', () => {
    const origin = originWith({ rateAssumedBytesPerSecond: 5000 })
    origin.pace.asked(200_000, 0)
    origin.pace.arrived(200_000, 100)
    origin.pace.ended(0, 100)
    expect(origin.expectedRate(100)).toBe(2_000_000)
    expect(origin.expectedRate(MINUTE_MS)).toBe(5000)
  })
})
