// The fluid bound of a crowd: the three limits, and what deaths change.

import { MIB } from '@evastream/core/units'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { boundWithDeathsMs, oneCopyBoundMs } from './crowd-bound.ts'
import { link } from './world-parts.ts'

const FILE = { fileSize: 16 * MIB, originBytesPerSecond: link(50, 50).upBytesPerSecond }

function even(count: number, upMbit: number, downMbit = 50) {
  return { ...FILE, links: Array.from({ length: count }, () => link(downMbit, upMbit)) }
}

test('crowd bound: six with 20 Mbit/s up need five copies of their uplinks: 5.59 s', () => {
  expect(oneCopyBoundMs(even(6, 20))).toBeCloseTo((5 * 16 * MIB * 1000) / (6 * 2_500_000))
})

test('crowd bound: with uplinks to spare the origin, or the slowest downlink, is what holds it up', () => {
  expect(oneCopyBoundMs(even(6, 1000))).toBeCloseTo((16 * MIB * 1000) / 6_250_000)
  expect(oneCopyBoundMs(even(6, 1000, 10))).toBeCloseTo((16 * MIB * 1000) / 1_250_000)
})

test('crowd bound: mixed uplinks count by their sum', () => {
  const links = [2, 5, 10, 20, 40, 50].map(upMbit => link(50, upMbit))
  expect(oneCopyBoundMs({ ...FILE, links })).toBeCloseTo((5 * 16 * MIB * 1000) / (127 * 125_000))
})

test('crowd bound: no mixture is done sooner than its shares of the uplink allow, and handing on in these shares reaches it', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 2, maxLength: 40 }), uplinks => {
      const links = uplinks.map(upMbit => link(1000, upMbit))
      const sumUp = links.reduce((sum, { upBytesPerSecond }) => sum + upBytesPerSecond, 0)
      const boundMs = oneCopyBoundMs({ ...FILE, originBytesPerSecond: Number.MAX_SAFE_INTEGER, links })
      for (const { upBytesPerSecond } of links) {
        const toSendBytes = (links.length - 1) * FILE.fileSize * (upBytesPerSecond / sumUp)
        expect((toSendBytes * 1000) / upBytesPerSecond).toBeLessThanOrEqual(boundMs * (1 + 1e-9))
      }
    }),
  )
})

test('crowd bound: deaths midway leave half to be done at the survivors’ pace, and deaths after the end change nothing', () => {
  const all = even(50, 20)
  const boundMs = oneCopyBoundMs(all)
  const survivors = all.links.slice(0, 40)
  const survivorsMs = oneCopyBoundMs({ ...all, links: survivors })
  expect(boundWithDeathsMs(all, survivors, boundMs / 2)).toBeCloseTo(boundMs / 2 + survivorsMs / 2)
  expect(boundWithDeathsMs(all, survivors, 2 * boundMs)).toBe(boundMs)
})
