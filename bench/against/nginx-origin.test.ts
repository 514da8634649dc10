// The log of the others' origin.

import { expect, test } from 'vitest'
import { sentBytesIn } from './nginx-origin.ts'

test("the origin's log: a line for each answer: their sum, and none of an empty log", () => {
  expect(sentBytesIn('262144\n0\n100\n')).toBe(262_244)
  expect(sentBytesIn('')).toBe(0)
})
