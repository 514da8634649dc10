import { expect, test } from 'vitest'
import { byteText } from './byte-text.ts'

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.00 kB'],
  [262_144, '262 kB'],
  [999_499, '999 kB'],
  [999_500, '1.00 MB'],
  [9_994_999, '9.99 MB'],
  [9_995_000, '10.0 MB'],
  [99_950_000, '100 MB'],
  [5e15, '5000 TB'],
])('byte text: %d bytes read as %s', (sizeBytes, text) => {
  expect(byteText(sizeBytes)).toBe(text)
})
