import { expect, test } from 'vitest'
import { byteAmountOf } from './byte-amount.ts'

test.each([
  ['0', 0],
  ['1', 1],
  ['500K', 500_000],
  ['2m', 2_000_000],
  ['1.5G', 1_500_000_000],
])('byte amount: %s is %d bytes', (text, amount) => {
  expect(byteAmountOf(text)).toBe(amount)
})

test.each(['', '-1', '1e9', 'K', '1T', '1 M', '1MB', '0x10', 'NaN', '9'.repeat(13), '999999999999G'])('byte amount: %s is none', text => {
  expect(byteAmountOf(text)).toBeUndefined()
})
