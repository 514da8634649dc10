// Members' texts, kept until they change.

import { expect, test } from 'vitest'
import { SeatTexts } from './seat-texts.ts'

test('seat texts: written once, and again after a change', () => {
  const texts = new SeatTexts()
  let written = 0
  const ask = () => texts.of(5, seat => `${seat} the ${++written}`)
  expect([ask(), ask()]).toEqual(['5 the 1', '5 the 1'])
  texts.changed(5)
  expect(ask()).toBe('5 the 2')
})

test('seat texts: two seats that share a place: each gets its own, and a change of one is none of the other', () => {
  const texts = new SeatTexts()
  const write = (seat: number) => `seat ${seat}`
  expect([5, 5 + 16_384, 5].map(seat => texts.of(seat, write))).toEqual(['seat 5', 'seat 16389', 'seat 5'])
  texts.changed(5 + 16_384)
  expect(texts.of(5, () => 'written anew')).toBe('seat 5')
})
