import { seededRandom } from '@evastream/core/random'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { doublingPauseMs, jitteredPauseMs } from './backoff.ts'

describe('backoff: a doubling pause', () => {
  test('the first failure: the base', () => {
    expect(doublingPauseMs(1, 250, 30_000)).toBe(250)
  })

  test('each further failure: twice as long', () => {
    expect([1, 2, 3, 4].map(failures => doublingPauseMs(failures, 250, 30_000))).toEqual([250, 500, 1000, 2000])
  })

  test('many failures: never more than the maximum, and always a finite number', () => {
    expect(doublingPauseMs(8, 250, 30_000)).toBe(30_000)
    expect(doublingPauseMs(100_000, 250, 30_000)).toBe(30_000)
  })

  test('no failure at all: the base, not less', () => {
    expect(doublingPauseMs(0, 250, 30_000)).toBe(250)
  })
})

describe('backoff: full jitter', () => {
  const bounds = { failures: 3, baseMs: 250, maxMs: 30_000 }

  test('any chance: at least 1 ms and at most the doubling pause', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 50 }), (seed, failures) => {
        const pauseMs = jitteredPauseMs(seededRandom(seed), { ...bounds, failures })
        expect(pauseMs).toBeGreaterThanOrEqual(1)
        expect(pauseMs).toBeLessThanOrEqual(doublingPauseMs(failures, 250, 30_000))
      }),
      { seed: 1 },
    )
  })

  test('many peers: their pauses spread over the whole range', () => {
    const pauses = Array.from({ length: 400 }, (_, seed) => jitteredPauseMs(seededRandom(seed), bounds))
    expect(Math.min(...pauses)).toBeLessThan(100)
    expect(Math.max(...pauses)).toBeGreaterThan(900)
    const mean = pauses.reduce((sum, pause) => sum + pause, 0) / pauses.length
    expect(mean).toBeGreaterThan(400)
    expect(mean).toBeLessThan(600)
  })

  test('the same seed: the same pause', () => {
    expect(jitteredPauseMs(seededRandom(7), bounds)).toBe(jitteredPauseMs(seededRandom(7), bounds))
  })
})
