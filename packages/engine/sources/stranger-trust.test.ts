import { describe, expect, test } from 'vitest'
import { StrangerTrust } from './stranger-trust.ts'

describe('stranger trust', () => {
  test('at first: no doubt', () => {
    expect(new StrangerTrust().doubt).toBe(0)
  })

  test('strangers that deliver nothing: doubt grows towards one', () => {
    const trust = new StrangerTrust()
    const doubts = Array.from({ length: 3 }, () => {
      trust.disappointed()
      return trust.doubt
    })
    expect(doubts).toEqual([0.5, 0.75, 0.875])
    for (let count = 0; count < 100; count++) trust.disappointed()
    expect(trust.doubt).toBeLessThanOrEqual(1)
  })

  test('strangers that deliver: doubt goes, more slowly than it came', () => {
    const trust = new StrangerTrust()
    trust.disappointed()
    trust.pleased()
    expect(trust.doubt).toBeCloseTo(0.35)
    for (let count = 0; count < 20; count++) trust.pleased()
    expect(trust.doubt).toBeLessThan(0.01)
    expect(trust.doubt).toBeGreaterThanOrEqual(0)
  })
})
