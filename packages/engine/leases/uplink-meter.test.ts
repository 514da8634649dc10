import { describe, expect, test } from 'vitest'
import { UplinkMeter } from './uplink-meter.ts'

const BLOCK = 16_384

/** Of a node that always has something to send. */
function aBusyMeter(): UplinkMeter {
  const meter = new UplinkMeter()
  meter.busy(true, 0)
  return meter
}

/** Sends a while, and has nothing to send for another while, again and again for a second. */
function sentNowAndThen({
  bytes,
  busyMs,
  idleMs,
}: {
  readonly bytes: number
  readonly busyMs: number
  readonly idleMs: number
}): UplinkMeter {
  const meter = new UplinkMeter()
  for (let at = 0; at < 1000; at += busyMs + idleMs) {
    meter.busy(true, at)
    meter.delivered(bytes, at + busyMs)
    meter.busy(false, at + busyMs)
  }
  return meter
}

/** Always at work, and told of eight blocks that arrived only at the end of so many windows. @returns in how many windows' time they count as sent. */
function windowsTakenTogether(windowCount: number): number {
  const meter = aBusyMeter()
  for (let window = 0; window < windowCount; window++) meter.rateBytesPerSecond(window * 125)
  meter.delivered(8 * BLOCK, windowCount * 125 - 1)
  return (8 * BLOCK * 1000) / (meter.rateBytesPerSecond(windowCount * 125) ?? 0) / 125
}

describe('uplink meter', () => {
  test('nothing was sent: no rate, and no backlog to speak of', () => {
    const meter = new UplinkMeter()
    expect(meter.rateBytesPerSecond(1000)).toBeUndefined()
    expect(meter.backlogMs(1_000_000, 1000)).toBe(0)
  })

  test('sent at a steady pace: that pace', () => {
    const meter = aBusyMeter()
    for (let at = 0; at < 2000; at += 25) meter.delivered(BLOCK, at)
    expect(meter.rateBytesPerSecond(2000)).toBe(BLOCK * 40)
    expect(meter.backlogMs(BLOCK * 20, 2000)).toBe(500)
  })

  test('then nothing for a minute: the figure stays', () => {
    const meter = aBusyMeter()
    for (let at = 0; at < 1000; at += 25) meter.delivered(BLOCK, at)
    meter.busy(false, 1000)
    expect(meter.rateBytesPerSecond(61_000)).toBe(BLOCK * 40)
  })

  test('then slower for long: the old best is forgotten', () => {
    const meter = aBusyMeter()
    for (let at = 0; at < 1000; at += 25) meter.delivered(BLOCK, at)
    for (let at = 1000; at < 121_000; at += 250) meter.delivered(BLOCK, at)
    expect(meter.rateBytesPerSecond(121_000)).toBe(BLOCK * 4)
  })

  test('a few bytes now and then prove nothing', () => {
    const meter = new UplinkMeter()
    for (let at = 0; at < 10_000; at += 1000) meter.delivered(100, at)
    expect(meter.rateBytesPerSecond(11_000)).toBeUndefined()
  })

  test('an eighth of a second of work is measured at once', () => {
    const meter = aBusyMeter()
    for (let at = 0; at <= 125; at += 25) meter.delivered(4 * BLOCK, at)
    expect(meter.rateBytesPerSecond(125)).toBe(4 * BLOCK * 40)
  })

  test('acknowledgements that come in bursts: up to four busy windows are taken together', () => {
    expect([1, 2, 3, 4, 5, 8].map(windowsTakenTogether)).toEqual([1, 2, 3, 4, 4, 4])
  })

  test('a pause parts the busy windows: what was sent after it is not measured by the time before', () => {
    const meter = aBusyMeter()
    for (let at = 0; at <= 375; at += 125) meter.rateBytesPerSecond(at)
    meter.busy(false, 400)
    meter.busy(true, 450)
    for (let at = 500; at <= 625; at += 25) meter.delivered(BLOCK, at)
    expect(meter.rateBytesPerSecond(625)).toBe(BLOCK * 40)
  })

  test('asked for little: that is not taken for its rate, however often', () => {
    expect(sentNowAndThen({ bytes: 2 * BLOCK, busyMs: 5, idleMs: 120 }).rateBytesPerSecond(1000)).toBeUndefined()
  })

  test('slow, with pauses: what it lacked may have been somebody who asks', () => {
    expect(sentNowAndThen({ bytes: 8 * BLOCK, busyMs: 100, idleMs: 25 }).rateBytesPerSecond(1000)).toBeUndefined()
  })

  test('fast, with pauses: at least as fast as while it had something to send', () => {
    expect(sentNowAndThen({ bytes: 16 * BLOCK, busyMs: 25, idleMs: 100 }).rateBytesPerSecond(1000)).toBe(16 * BLOCK * 40)
  })

  test('fast for a moment too short to tell: not taken for its rate', () => {
    expect(sentNowAndThen({ bytes: 16 * BLOCK, busyMs: 10, idleMs: 115 }).rateBytesPerSecond(1000)).toBeUndefined()
  })

  test('busy now and then: what it sent in between does not lower the figure', () => {
    const meter = aBusyMeter()
    for (let at = 0; at < 1000; at += 25) meter.delivered(BLOCK, at)
    meter.busy(false, 1000)
    for (let at = 1000; at < 61_000; at += 250) meter.delivered(BLOCK, at)
    expect(meter.rateBytesPerSecond(61_000)).toBe(BLOCK * 40)
  })
})
