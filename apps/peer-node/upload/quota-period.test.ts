import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { byteQuotaOf, type PeriodUnit, periodAt } from './quota-period.ts'

const units: readonly PeriodUnit[] = ['hour', 'day', 'week', 'month']

describe('byte quota', () => {
  it.each([
    ['5G/day', { limitBytes: 5e9, unit: 'day' }],
    ['500M/hour', { limitBytes: 5e8, unit: 'hour' }],
    ['1.5g/Week', { limitBytes: 1.5e9, unit: 'week' }],
    ['100G/month', { limitBytes: 1e11, unit: 'month' }],
    ['0/day', { limitBytes: 0, unit: 'day' }],
  ])('%s: is understood', (text, quota) => {
    expect(byteQuotaOf(text)).toEqual(quota)
  })

  it.each(['', '5G', '/day', '5G/', '5G/year', '5G/day/day', '5X/day', '-1/day', '5G per day', '5G /day'])('"%s": is no quota', text => {
    expect(byteQuotaOf(text)).toBeUndefined()
  })
})

describe('quota period', () => {
  it.each([
    ['hour', '2026-11-23T06:59:59.999Z', '2026-11-23T06:00:00.000Z', '2026-11-23T07:00:00.000Z'],
    ['day', '2026-11-23T06:59:59.999Z', '2026-11-23T00:00:00.000Z', '2026-11-24T00:00:00.000Z'],
    ['week', '2026-11-23T00:00:00.000Z', '2026-11-23T00:00:00.000Z', '2026-11-30T00:00:00.000Z'],
    ['week', '2026-11-22T23:59:59.999Z', '2026-11-16T00:00:00.000Z', '2026-11-23T00:00:00.000Z'],
    ['month', '2026-12-31T23:59:59.999Z', '2026-12-01T00:00:00.000Z', '2027-01-01T00:00:00.000Z'],
    ['month', '2028-02-29T12:00:00.000Z', '2028-02-01T00:00:00.000Z', '2028-03-01T00:00:00.000Z'],
  ] as const)('the %s of %s: begins and ends on the calendar', (unit, now, start, end) => {
    expect(periodAt(unit, Date.parse(now))).toEqual({ startsAtMs: Date.parse(start), endsAtMs: Date.parse(end) })
  })

  it('any moment: lies in its period, and the next one begins where it ends', () => {
    fc.assert(
      fc.property(fc.constantFrom(...units), fc.integer({ min: 0, max: 4e12 }), (unit, at) => {
        const { startsAtMs, endsAtMs } = periodAt(unit, at)
        expect(startsAtMs).toBeLessThanOrEqual(at)
        expect(endsAtMs).toBeGreaterThan(at)
        expect(periodAt(unit, endsAtMs).startsAtMs).toBe(endsAtMs)
        expect(periodAt(unit, endsAtMs - 1)).toEqual({ startsAtMs, endsAtMs })
      }),
      { seed: 1 },
    )
  })
})
