import { KIB } from '@evastream/core/units'
import { describe, expect, test } from 'vitest'
import { DeliveryPace } from './delivery-pace.ts'

const TRUST_MS = 30_000

/** Asks for so many bytes at a time and lets them arrive at a rate (bytes per ms), one after another. */
function deliver(pace: DeliveryPace, from: number, options: { count: number; sizeBytes: number; bytesPerMs: number }): number {
  let at = from
  for (let index = 0; index < options.count; index++) {
    pace.asked(options.sizeBytes, at)
    at += options.sizeBytes / options.bytesPerMs
    pace.arrived(options.sizeBytes, at)
    pace.ended(0, at)
  }
  return at
}

describe('delivery pace: the rate', () => {
  test('never measured: unknown', () => {
    expect(new DeliveryPace().rateBytesPerSecond(0, TRUST_MS)).toBeUndefined()
  })

  test('the first request delivered: its bytes by the time since it was asked', () => {
    const pace = new DeliveryPace()
    deliver(pace, 1000, { count: 1, sizeBytes: 128 * KIB, bytesPerMs: 1024 })
    expect(pace.rateBytesPerSecond(2000, TRUST_MS)).toBe(1024 * 1000)
  })

  test('a source that changes its rate: the estimate follows within some requests', () => {
    const pace = new DeliveryPace()
    const at = deliver(pace, 0, { count: 10, sizeBytes: 128 * KIB, bytesPerMs: 1024 })
    const after = deliver(pace, at, { count: 10, sizeBytes: 128 * KIB, bytesPerMs: 256 })
    const rate = pace.rateBytesPerSecond(after, TRUST_MS) ?? Number.NaN
    expect(rate).toBeGreaterThan(255_000)
    expect(rate).toBeLessThan(300_000)
  })

  test('one odd request among many: the estimate moves by a third of the difference at most', () => {
    const pace = new DeliveryPace()
    const at = deliver(pace, 0, { count: 10, sizeBytes: 128 * KIB, bytesPerMs: 1024 })
    deliver(pace, at, { count: 1, sizeBytes: 128 * KIB, bytesPerMs: 64 })
    expect(pace.rateBytesPerSecond(at + 3000, TRUST_MS)).toBeGreaterThan(0.65 * 1024 * 1000)
  })

  test('a tiny remainder that came at an odd rate: teaches hardly anything', () => {
    const pace = new DeliveryPace()
    const at = deliver(pace, 0, { count: 10, sizeBytes: 128 * KIB, bytesPerMs: 1024 })
    deliver(pace, at, { count: 1, sizeBytes: 640, bytesPerMs: 64 })
    expect(pace.rateBytesPerSecond(at + 10, TRUST_MS)).toBeGreaterThan(0.96 * 1024 * 1000)
  })

  test('a large one that came in no time: teaches as much as a long one', () => {
    const pace = new DeliveryPace()
    const at = deliver(pace, 0, { count: 10, sizeBytes: 128 * KIB, bytesPerMs: 1024 })
    deliver(pace, at, { count: 1, sizeBytes: 128 * KIB, bytesPerMs: 64 * 1024 })
    expect(pace.rateBytesPerSecond(at + 2, TRUST_MS)).toBeGreaterThan(15 * 1024 * 1000)
  })

  test('whether it ever sent as much as a block: known from then on, and not before', () => {
    const pace = new DeliveryPace()
    pace.asked(1000, 0)
    expect(pace.hasSent).toBe(false)
    pace.arrived(16 * KIB - 1, 5)
    expect(pace.hasSent).toBe(false)
    pace.arrived(1, 6)
    expect(pace.hasSent).toBe(true)
    pace.ended(999, 10)
    expect(pace.hasSent).toBe(true)
  })

  test('bytes that come after the last request ended: do not make the next look fast', () => {
    const pace = new DeliveryPace()
    pace.arrived(1_000_000, 0)
    pace.asked(10_000, 1000)
    pace.arrived(10_000, 1100)
    pace.ended(0, 1100)
    expect(pace.rateBytesPerSecond(1100, TRUST_MS)).toBe(100_000)
  })

  test('long idle between requests: not counted as slowness', () => {
    const pace = new DeliveryPace()
    deliver(pace, 0, { count: 1, sizeBytes: 128 * KIB, bytesPerMs: 1024 })
    deliver(pace, 20_000, { count: 1, sizeBytes: 128 * KIB, bytesPerMs: 1024 })
    expect(pace.rateBytesPerSecond(21_000, TRUST_MS)).toBeCloseTo(1024 * 1000)
  })

  test('two requests out at once: the rate is that of the source, not half of it', () => {
    const pace = new DeliveryPace()
    pace.asked(100_000, 0)
    pace.asked(100_000, 0)
    pace.arrived(100_000, 100)
    pace.ended(0, 100)
    pace.arrived(100_000, 200)
    pace.ended(0, 200)
    expect(pace.rateBytesPerSecond(200, TRUST_MS)).toBe(1_000_000)
  })

  test('a long request under way: measured before it ends', () => {
    const pace = new DeliveryPace()
    pace.asked(4096 * KIB, 0)
    for (let at = 10; at <= 150; at += 10) pace.arrived(10_000, at)
    expect(pace.rateBytesPerSecond(150, TRUST_MS)).toBe(1_000_000)
  })

  test('a request that failed midway: what came of it counts', () => {
    const pace = new DeliveryPace()
    pace.asked(128 * KIB, 0)
    pace.arrived(5000, 50)
    pace.ended(128 * KIB - 5000, 100)
    expect(pace.rateBytesPerSecond(100, TRUST_MS)).toBe(50_000)
  })

  test('a request of which nothing came: no measurement', () => {
    const pace = new DeliveryPace()
    pace.asked(128 * KIB, 0)
    pace.ended(128 * KIB, 2000)
    expect(pace.rateBytesPerSecond(2000, TRUST_MS)).toBeUndefined()
  })

  test('all bytes at the very moment of asking: fast, and finite', () => {
    const pace = new DeliveryPace()
    deliver(pace, 5, { count: 1, sizeBytes: 16 * KIB, bytesPerMs: Number.POSITIVE_INFINITY })
    expect(pace.rateBytesPerSecond(5, TRUST_MS)).toBe(16 * KIB * 1000)
  })

  test('measured too long ago: unknown again', () => {
    const pace = new DeliveryPace()
    const at = deliver(pace, 0, { count: 1, sizeBytes: 128 * KIB, bytesPerMs: 1024 })
    expect(pace.rateBytesPerSecond(at + TRUST_MS - 1, TRUST_MS)).toBeDefined()
    expect(pace.rateBytesPerSecond(at + TRUST_MS, TRUST_MS)).toBeUndefined()
  })
})

describe('delivery pace: what is outstanding', () => {
  test('asked, arriving, ended: bytes and requests are counted up and down', () => {
    const pace = new DeliveryPace()
    pace.asked(1000, 0)
    pace.asked(500, 0)
    expect([pace.openRequests, pace.openBytes]).toEqual([2, 1500])
    pace.arrived(400, 1)
    expect(pace.openBytes).toBe(1100)
    pace.ended(600, 2)
    expect([pace.openRequests, pace.openBytes]).toEqual([1, 500])
    pace.ended(500, 3)
    expect([pace.openRequests, pace.openBytes]).toEqual([0, 0])
  })

  test('more bytes than asked for: nothing goes below zero', () => {
    const pace = new DeliveryPace()
    pace.asked(1000, 0)
    pace.arrived(5000, 1)
    expect(pace.openBytes).toBe(0)
    pace.ended(0, 2)
    pace.ended(0, 2)
    expect([pace.openRequests, pace.openBytes]).toEqual([0, 0])
  })
})

describe('delivery pace: the round trip', () => {
  test('never measured: unknown', () => {
    expect(new DeliveryPace().roundTripMs).toBeUndefined()
  })

  test('measured: the first as it is, later ones smoothed', () => {
    const pace = new DeliveryPace()
    pace.answeredAfter(20)
    expect(pace.roundTripMs).toBe(20)
    pace.answeredAfter(120)
    expect(pace.roundTripMs).toBeCloseTo(50)
  })
})
