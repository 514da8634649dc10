// The lines of an HTTP client: when one must be made.

import { expect, test } from 'vitest'
import { HttpLines } from './http-lines.ts'

test('lines: the first call makes one; the next takes it; two at a time need two', () => {
  const lines = new HttpLines()
  expect(lines.take(0)).toBe(true)
  lines.giveBack(100)
  expect(lines.take(200)).toBe(false)
  expect(lines.take(200)).toBe(true)
})

test('lines: idle for half a minute: is gone', () => {
  const lines = new HttpLines()
  lines.take(0)
  lines.giveBack(0)
  expect(lines.take(30_000)).toBe(true)
})
