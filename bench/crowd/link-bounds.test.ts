// The bounds of the links, against figures worked out by hand.

import { MIB } from '@evastream/core/units'
import { expect, test } from 'vitest'
import { boundSeconds, freeBoundSeconds, freeCopies, sendSeconds } from './link-bounds.ts'

const SONG_BYTES = 16 * MIB

function alike(count: number) {
  return { originMbit: 50, peers: Array.from({ length: count }, () => ({ upMbit: 20, downMbit: 50 })) }
}

test('bounds: 6 peers of 20 up and 50 down, origin 50: 5.85 s with one copy, 4.95 s with the 1.76 that fill every link', () => {
  expect(boundSeconds(SONG_BYTES, alike(6), 1)).toBeCloseTo(5.85, 2)
  expect(freeBoundSeconds(SONG_BYTES, alike(6))).toBeCloseTo(4.95, 2)
  expect(freeCopies(alike(6))).toBeCloseTo(1.76, 2)
})

test('bounds: with the copies of the free bound: both bounds are the same', () => {
  expect(boundSeconds(SONG_BYTES, alike(6), freeCopies(alike(6)))).toBeCloseTo(freeBoundSeconds(SONG_BYTES, alike(6)), 9)
})

test('bounds: 12 peers: 6.43 s with one copy', () => {
  expect(boundSeconds(SONG_BYTES, alike(12), 1)).toBeCloseTo(6.43, 2)
})

test('bounds: uplinks of 2 to 50 Mbit/s: five copies over 127 Mbit/s', () => {
  const peers = [2, 5, 10, 20, 40, 50].map(upMbit => ({ upMbit, downMbit: 50 }))
  expect(boundSeconds(SONG_BYTES, { originMbit: 50, peers }, 1)).toBeCloseTo(sendSeconds(5 * SONG_BYTES, 127), 9)
  expect(boundSeconds(SONG_BYTES, { originMbit: 50, peers }, 1)).toBeCloseTo(5.525, 3)
})

test('bounds: one listener, or a slow line: the line itself is the bound', () => {
  expect(boundSeconds(SONG_BYTES, alike(1), 1)).toBeCloseTo(sendSeconds(SONG_BYTES, 50), 9)
  const slow = { originMbit: 50, peers: [...alike(5).peers, { upMbit: 20, downMbit: 4 }] }
  expect(freeBoundSeconds(SONG_BYTES, slow)).toBeCloseTo(sendSeconds(SONG_BYTES, 4), 9)
  expect(boundSeconds(SONG_BYTES, slow, 1)).toBeCloseTo(sendSeconds(SONG_BYTES, 4), 9)
})
