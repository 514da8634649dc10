import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HedgeBudget } from './hedge-budget.ts'

const options = { hedgeRatioMax: 0.01, hedgeAllowanceBytes: 32_768 }

describe('hedge budget: what may be asked twice', () => {
  test('at the very start: the allowance', () => {
    expect(new HedgeBudget(options).spareBytes).toBe(32_768)
  })

  test('bytes received: a hundredth of them more', () => {
    const budget = new HedgeBudget(options)
    budget.received(1_000_000)
    expect(budget.spareBytes).toBe(42_768)
  })

  test('a hedge in flight: its bytes are set aside', () => {
    const budget = new HedgeBudget(options)
    budget.reserve(30_000)
    expect(budget.spareBytes).toBe(2768)
  })

  test('a hedge over that cost nothing: its bytes are free again', () => {
    const budget = new HedgeBudget(options)
    budget.reserve(30_000)
    budget.settle(30_000, 0)
    expect(budget.spareBytes).toBe(32_768)
    expect(budget.wastedBytes).toBe(0)
  })

  test('a hedge over that brought bytes twice: those stay spent', () => {
    const budget = new HedgeBudget(options)
    budget.reserve(30_000)
    budget.settle(30_000, 12_000)
    expect(budget.spareBytes).toBe(20_768)
    expect(budget.wastedBytes).toBe(12_000)
  })

  test('whatever happens, if only what is spare is reserved: the waste stays within allowance and share', () => {
    const step = fc.record({
      receivedBytes: fc.nat(1_000_000),
      hedgeBytes: fc.nat(200_000),
      wasteShare: fc.double({ min: 0, max: 1, noNaN: true }),
    })
    fc.assert(
      fc.property(fc.array(step), steps => {
        const budget = new HedgeBudget(options)
        let receivedBytes = 0
        for (const { receivedBytes: more, hedgeBytes, wasteShare } of steps) {
          budget.received(more)
          receivedBytes += more
          if (hedgeBytes > budget.spareBytes) continue
          budget.reserve(hedgeBytes)
          budget.settle(hedgeBytes, Math.floor(hedgeBytes * wasteShare))
        }
        expect(budget.wastedBytes).toBeLessThanOrEqual(options.hedgeAllowanceBytes + options.hedgeRatioMax * receivedBytes)
      }),
      { seed: 1 },
    )
  })
})
