import { describe, expect, it } from 'vitest'
import { bytesText, moneyText, percentText } from './amount-text.ts'

describe('amounts', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1234, '1.23 kB'],
    [999_999, '1.00 MB'],
    [45_600_000, '45.6 MB'],
    [3e15, '3000 TB'],
  ])('%d bytes: are %s', (bytes, text) => {
    expect(bytesText(bytes)).toBe(text)
  })

  it('a little money: is not called nothing', () => {
    expect([moneyText(0, 1), moneyText(1e6, 0.09), moneyText(5e9, 0.09)]).toEqual(['0.00', 'less than 0.01', '0.45'])
  })

  it('shares: are 0 and 100 only when they are', () => {
    expect([percentText(0, 0), percentText(1, 1e6), percentText(999_999, 1e6), percentText(1, 1)]).toEqual(['0 %', '1 %', '99 %', '100 %'])
  })
})
