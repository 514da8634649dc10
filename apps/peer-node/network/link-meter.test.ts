// The meter against a simulated link: a rate, a round trip, and a queue that grows when too much is sent.
import { BLOCK_SIZE_BYTES } from '@evastream/core/units'
import { describe, expect, it } from 'vitest'
import { LinkMeter, type SentFrame } from './link-meter.ts'

interface Link {
  readonly bytesPerSecond: number
  readonly roundTripMs: number
}

interface Flight {
  readonly frame: SentFrame
  readonly arrivesAt: number
  readonly backAt: number
}

/** Sends as fast as credit lets it for so long, then waits for what is on its way; what the last half looked like. */
function run(meter: LinkMeter, link: Link, { from = 0, durationMs }: { from?: number; durationMs: number }) {
  const flights: Flight[] = []
  let linkFreeAt = from
  let deliveredBytes = 0
  let longestQueueMs = 0
  for (let now = from; now < from + durationMs; now += 0.25) {
    while (flights[0] !== undefined && flights[0].backAt <= now) {
      const { frame } = flights.shift() as Flight
      meter.acknowledged(frame.sizeBytes, [frame], now)
      if (now > from + durationMs / 2) deliveredBytes += frame.sizeBytes
    }
    const sizeBytes = meter.frameBytes
    while (meter.inFlightBytes === 0 || meter.inFlightBytes + sizeBytes <= meter.creditBytes) {
      linkFreeAt = Math.max(now, linkFreeAt) + (sizeBytes * 1000) / link.bytesPerSecond
      flights.push({ frame: meter.frameSent(sizeBytes, now), arrivesAt: linkFreeAt, backAt: linkFreeAt + link.roundTripMs })
      if (now > from + durationMs / 2) longestQueueMs = Math.max(longestQueueMs, linkFreeAt - now)
    }
  }
  for (const { frame, backAt } of flights) meter.acknowledged(frame.sizeBytes, [frame], backAt)
  return { throughput: (deliveredBytes * 1000) / (durationMs / 2), longestQueueMs }
}

describe('LinkMeter', () => {
  it.each([
    ['2 Mbit/s, 20 ms', 250_000, 20],
    ['20 Mbit/s, 20 ms', 2_500_000, 20],
    ['20 Mbit/s, 200 ms', 2_500_000, 200],
    ['100 Mbit/s, 5 ms', 12_500_000, 5],
    ['1 Gbit/s, 1 ms', 125_000_000, 1],
  ])('meter: a link of %s: is filled, with about 100 ms of it waiting at most', (_name, bytesPerSecond, roundTripMs) => {
    const { throughput, longestQueueMs } = run(new LinkMeter(), { bytesPerSecond, roundTripMs }, { durationMs: 4000 })
    expect(throughput).toBeGreaterThan(0.9 * bytesPerSecond)
    const floorMs = (2 * BLOCK_SIZE_BYTES * 1000) / bytesPerSecond
    expect(longestQueueMs).toBeLessThan(Math.max(200, floorMs))
  })

  it('meter: a link of 40 kB/s: is filled by two blocks', () => {
    const meter = new LinkMeter()
    expect(run(meter, { bytesPerSecond: 40_000, roundTripMs: 20 }, { durationMs: 10_000 }).throughput).toBeGreaterThan(36_000)
    expect(meter.creditBytes).toBe(2 * BLOCK_SIZE_BYTES)
    expect(meter.frameBytes).toBe(BLOCK_SIZE_BYTES)
  })

  it('meter: a link that becomes ten times slower: less is sent, until its queue is short again', () => {
    const meter = new LinkMeter()
    run(meter, { bytesPerSecond: 10_000_000, roundTripMs: 20 }, { durationMs: 2000 })
    const { throughput, longestQueueMs } = run(meter, { bytesPerSecond: 1_000_000, roundTripMs: 20 }, { from: 10_000, durationMs: 8000 })
    expect(throughput).toBeGreaterThan(900_000)
    expect(longestQueueMs).toBeLessThan(250)
  })

  it('meter: frames: are about 50 ms of the link, and whole blocks', () => {
    const meter = new LinkMeter()
    expect(meter.frameBytes).toBe(BLOCK_SIZE_BYTES)
    run(meter, { bytesPerSecond: 10_000_000, roundTripMs: 10 }, { durationMs: 2000 })
    expect(meter.frameBytes % BLOCK_SIZE_BYTES).toBe(0)
    expect(meter.frameBytes).toBeGreaterThan(400_000)
    expect(meter.frameBytes).toBeLessThan(600_000)
  })

  it('meter: short bursts with nothing more to send: do not make a fast link look slow', () => {
    const meter = new LinkMeter()
    run(meter, { bytesPerSecond: 10_000_000, roundTripMs: 10 }, { durationMs: 2000 })
    const before = meter.rateBytesPerSecond ?? 0
    for (let burst = 0; burst < 50; burst++) {
      const at = 10_000 + burst * 1000
      meter.starved()
      const frame = meter.frameSent(BLOCK_SIZE_BYTES, at)
      meter.acknowledged(frame.sizeBytes, [frame], at + 12)
    }
    expect(meter.rateBytesPerSecond).toBeGreaterThanOrEqual(before)
  })

  it('meter: what is forgotten: is no longer on its way', () => {
    const meter = new LinkMeter()
    meter.frameSent(3 * BLOCK_SIZE_BYTES, 0)
    meter.forgotten(3 * BLOCK_SIZE_BYTES)
    expect(meter.inFlightBytes).toBe(0)
  })

  it('meter: a clock that stands still: measures no rate, rather than an endless one', () => {
    const meter = new LinkMeter()
    const frame = meter.frameSent(BLOCK_SIZE_BYTES, 5)
    meter.acknowledged(BLOCK_SIZE_BYTES, [frame], 5)
    expect(meter.rateBytesPerSecond).toBeUndefined()
    expect(meter.creditBytes).toBe(4 * BLOCK_SIZE_BYTES)
  })
})
