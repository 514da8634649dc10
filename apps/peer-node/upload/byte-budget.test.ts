import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ByteBudget } from './byte-budget.ts'

describe('byte budget', () => {
  test('any frames and pauses: no stretch of time takes more than the limit, one burst and one frame', () => {
    const frame = fc.integer({ min: 1, max: 300_000 })
    const pause = fc.integer({ min: 0, max: 5000 })
    fc.assert(
      fc.property(fc.integer({ min: 1000, max: 10_000_000 }), fc.array(fc.tuple(frame, pause), { minLength: 1 }), (limit, steps) => {
        const budget = new ByteBudget(limit)
        const spent: { at: number; bytes: number }[] = []
        let now = 0
        for (const [bytes, pauseMs] of steps) {
          now += pauseMs + budget.waitMs(now + pauseMs)
          expect(budget.waitMs(now)).toBe(0)
          budget.spend(bytes)
          spent.push({ at: now, bytes })
        }
        for (let from = 0; from < spent.length; from++) {
          const stretch = spent.slice(from)
          const total = stretch.reduce((sum, { bytes }) => sum + bytes, 0)
          const elapsedMs = now - (spent[from]?.at ?? 0)
          expect(total).toBeLessThanOrEqual((limit * (elapsedMs + 250)) / 1000 + (stretch.at(-1)?.bytes ?? 0) + 1)
        }
      }),
    )
  })

  test('who spends whenever it may: gets the limit', () => {
    const budget = new ByteBudget(1_000_000)
    let now = 0
    let sent = 0
    while (now < 10_000) {
      now += budget.waitMs(now)
      budget.spend(16_384)
      sent += 16_384
    }
    expect(sent / 10).toBeGreaterThan(950_000)
    expect(sent / 10).toBeLessThan(1_050_000)
  })

  test('a pause in which nobody asks: saves up no more than a tenth of a second; a late timer is made good', () => {
    const budget = new ByteBudget(1_000_000)
    const spendAll = (now: number) => {
      let bytes = 0
      for (; budget.waitMs(now) === 0; bytes += 1000) budget.spend(1000)
      return bytes
    }
    expect(spendAll(0)).toBe(100_000)
    expect(spendAll(200)).toBe(200_000)
    expect(spendAll(60_000)).toBe(250_000)
    expect(budget.waitMs(60_050)).toBe(0)
    expect(spendAll(120_000)).toBe(100_000)
  })

  test('a frame: whole blocks of about 50 ms, at least one', () => {
    expect(new ByteBudget(1).frameMaxBytes).toBe(16_384)
    expect(new ByteBudget(1_000_000).frameMaxBytes).toBe(3 * 16_384)
    expect(new ByteBudget(0).frameMaxBytes).toBe(Number.POSITIVE_INFINITY)
  })

  test('no limit: never a wait', () => {
    const budget = new ByteBudget(0)
    budget.spend(1e12)
    expect(budget.waitMs(0)).toBe(0)
  })
})
