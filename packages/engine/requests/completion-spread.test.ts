import { describe, expect, test } from 'vitest'
import { CompletionSpread } from './completion-spread.ts'

function taught(ratios: readonly number[]): CompletionSpread {
  const spread = new CompletionSpread()
  for (const ratio of ratios) spread.finished(ratio * 200, 200)
  return spread
}

describe('completion spread: what is usual', () => {
  test('nothing known: as expected, give or take half', () => {
    expect(new CompletionSpread().usualRatio(0)).toBe(1)
    expect(new CompletionSpread().usualRatio(4)).toBe(3)
  })

  test('requests that take just what was expected: patience shrinks towards that', () => {
    const spread = taught(Array(40).fill(1))
    expect(spread.usualRatio(4)).toBeGreaterThanOrEqual(1)
    expect(spread.usualRatio(4)).toBeLessThan(1.01)
  })

  test('requests that take twice as long, always: twice is usual', () => {
    const spread = taught(Array(80).fill(2))
    expect(spread.usualRatio(0)).toBeCloseTo(2, 1)
    expect(spread.usualRatio(4)).toBeLessThan(2.1)
  })

  test('requests that stray: the deviation keeps patience up', () => {
    const steady = taught(Array(40).fill(1))
    const stray = taught(Array.from({ length: 40 }, (_, index) => (index % 2 === 0 ? 0.5 : 1.5)))
    expect(stray.usualRatio(0)).toBeCloseTo(steady.usualRatio(0), 0)
    expect(stray.usualRatio(1)).toBeGreaterThan(steady.usualRatio(1) + 0.3)
  })

  test('requests of any size: only the ratio teaches', () => {
    const small = new CompletionSpread()
    small.finished(30, 10)
    const large = new CompletionSpread()
    large.finished(3000, 1000)
    expect(small.usualRatio(4)).toBe(large.usualRatio(4))
  })

  test('one monstrous outlier: teaches no more than a bounded one', () => {
    expect(taught([1_000_000]).usualRatio(4)).toBe(taught([16]).usualRatio(4))
  })

  test('nothing was expected to take any time: no infinity', () => {
    const spread = new CompletionSpread()
    spread.finished(5, 0)
    expect(Number.isFinite(spread.usualRatio(4))).toBe(true)
  })
})
