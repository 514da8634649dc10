import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DownloadLimit } from './download-limit.ts'

const BLOCK = 16 * 1024

describe('download limit', () => {
  test('none is set: everything may be asked for', () => {
    const limit = new DownloadLimit(0)
    limit.take(1e12, 0)
    expect([limit.isSet, limit.spareBytes(0), limit.bucketBytes, limit.readyAt(1e12, 5)]).toEqual([false, Infinity, Infinity, 5])
  })

  test('at first a bucket full; then what the rate brings, never more than a bucket', () => {
    const limit = new DownloadLimit(1_000_000)
    expect(limit.spareBytes(0)).toBe(245_000)
    limit.take(245_000, 0)
    expect(limit.spareBytes(0)).toBe(0)
    expect(limit.spareBytes(100)).toBe(98_000)
    expect(limit.spareBytes(60_000)).toBe(245_000)
    expect(limit.spareBytes(10)).toBe(245_000)
  })

  test('a slow one: a block fits in all the same', () => {
    const limit = new DownloadLimit(1000)
    expect(limit.bucketBytes).toBe(BLOCK)
    limit.take(BLOCK, 0)
    expect(limit.readyAt(BLOCK, 0)).toBeCloseTo(BLOCK / 0.98)
    expect(limit.readyAt(1e9, 0)).toBeCloseTo(BLOCK / 0.98)
  })

  test('more is asked for than there is: nothing more until that is made up for', () => {
    const limit = new DownloadLimit(1_000_000)
    limit.take(245_000 + 980_000, 0)
    expect(limit.readyAt(9800, 0)).toBeCloseTo(1010)
    expect(limit.spareBytes(999)).toBe(0)
    expect(limit.spareBytes(1010)).toBeCloseTo(9800)
  })

  test('a little is missing: it is not looked at again within a moment', () => {
    const limit = new DownloadLimit(10_000_000)
    limit.take(2_450_000, 0)
    expect(limit.readyAt(1, 0)).toBe(20)
  })

  test('what does not come: may be asked for again', () => {
    const limit = new DownloadLimit(1_000_000)
    limit.take(200_000, 0)
    limit.giveBack(150_000, 0)
    expect(limit.spareBytes(0)).toBe(195_000)
    limit.giveBack(150_000, 0)
    expect(limit.spareBytes(0)).toBe(245_000)
  })

  test('whatever is taken and given back: in any span of time no more is taken than its share and a bucket', () => {
    const step = fc.record({ waitMs: fc.nat(400), share: fc.double({ min: 0, max: 1, noNaN: true }), back: fc.boolean() })
    fc.assert(
      fc.property(fc.integer({ min: 1000, max: 10_000_000 }), fc.array(step, { maxLength: 60 }), (rate, steps) => {
        const limit = new DownloadLimit(rate)
        const taken: { at: number; sizeBytes: number }[] = []
        let now = 0
        for (const { waitMs, share, back } of steps) {
          now += waitMs
          const sizeBytes = Math.floor(limit.spareBytes(now) * share)
          limit.take(sizeBytes, now)
          if (back) limit.giveBack(sizeBytes, now)
          else taken.push({ at: now, sizeBytes })
        }
        for (const { at: from } of taken) {
          let sum = 0
          for (const { at, sizeBytes } of taken) {
            if (at < from) continue
            sum += sizeBytes
            expect(sum).toBeLessThanOrEqual((rate * (at - from)) / 1000 + limit.bucketBytes + 1)
          }
        }
      }),
      { seed: 1, numRuns: 200 },
    )
  })
})
