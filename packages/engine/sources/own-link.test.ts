import { BLOCK_SIZE_BYTES } from '@evastream/core/units'
import { describe, expect, test } from 'vitest'
import { OwnLink } from './own-link.ts'

/** So many bytes in packets of 1,000, evenly, at this rate (bytes per second). @returns when the last was there. */
function receive(link: OwnLink, { from = 0, sizeBytes, rate }: { from?: number; sizeBytes: number; rate: number }): number {
  let at = from
  for (let bytes = 0; bytes < sizeBytes; bytes += 1000) {
    at += 1_000_000 / rate
    link.arrived(1000, at)
  }
  return at
}

describe('own link: how fast it has been seen to deliver', () => {
  test('before enough came: nobody knows', () => {
    const link = new OwnLink()
    receive(link, { sizeBytes: BLOCK_SIZE_BYTES, rate: 10_000 })
    expect(link.shareMs(BLOCK_SIZE_BYTES, 4)).toBe(0)
  })

  test('10 kB/s: a block takes as many times longer as sources share it', () => {
    const link = new OwnLink()
    receive(link, { sizeBytes: 100_000, rate: 10_000 })
    expect(link.shareMs(10_000, 1)).toBeCloseTo(1000, -2)
    expect(link.shareMs(10_000, 6)).toBeCloseTo(6000, -3)
    expect(link.shareMs(10_000, 0)).toBe(link.shareMs(10_000, 1))
  })

  test('fast once: a slow source does not make it slow at once, but slowness that lasts does', () => {
    const link = new OwnLink()
    const at = receive(link, { sizeBytes: 100_000, rate: 1_000_000 })
    const later = receive(link, { from: at, sizeBytes: 100_000, rate: 10_000 })
    expect(link.shareMs(10_000, 1)).toBeLessThan(20)
    receive(link, { from: later, sizeBytes: 3_000_000, rate: 10_000 })
    expect(link.shareMs(10_000, 1)).toBeGreaterThan(900)
  })

  test('faster than ever: believed at once', () => {
    const link = new OwnLink()
    const at = receive(link, { sizeBytes: 100_000, rate: 10_000 })
    receive(link, { from: at, sizeBytes: 40_000, rate: 1_000_000 })
    expect(link.shareMs(10_000, 1)).toBeLessThan(20)
  })

  test('a pause between two bursts: does not count', () => {
    const link = new OwnLink()
    for (let burst = 0; burst < 50; burst++) receive(link, { from: burst * 60_000, sizeBytes: 20_000, rate: 1_000_000 })
    expect(link.shareMs(10_000, 1)).toBe(0)
  })

  test('a byte now and then, as tarpits send them: teaches nothing', () => {
    const link = new OwnLink()
    for (let second = 0; second < 10_000; second++) link.arrived(1, second * 1000)
    expect(link.shareMs(10_000, 1)).toBe(0)
  })
})
