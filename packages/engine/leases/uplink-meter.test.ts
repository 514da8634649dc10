import { describe, expect, test } from 'vitest'
import { UplinkMeter } from './uplink-meter.ts'

const BLOCK = 16_384

/** Of a node that always has something to send. */
function aBusyMeter(): UplinkMeter {
  const meter = new UplinkMeter()
  meter.busy(true)
  return meter
}

describe('uplink meter', () => {
  test('nothing was sent: no rate, and no backlog to speak of', () => {
    const meter = new UplinkMeter()
    expect(meter.rateBytesPerSecond(1000)).toBeUndefined()
    expect(meter.backlogMs(1_000_000, 1000)).toBe(0)
  })

  test('sent at a steady pace: that pace', () => {
    const meter = aBusyMeter()
    for (let at = 0; at < 2000; at += 25) meter.sent(BLOCK, at)
    expect(meter.rateBytesPerSecond(2000)).toBe(BLOCK * 40)
    expect(meter.backlogMs(BLOCK * 20, 2000)).toBe(500)
  })

  test('then nothing for a minute: the figure stays', () => {
    const meter = aBusyMeter()
    for (let at = 0; at < 1000; at += 25) meter.sent(BLOCK, at)
    meter.busy(false)
    expect(meter.rateBytesPerSecond(61_000)).toBe(BLOCK * 40)
  })

  test('then slower for long: the old best is forgotten', () => {
    const meter = aBusyMeter()
    for (let at = 0; at < 1000; at += 25) meter.sent(BLOCK, at)
    for (let at = 1000; at < 121_000; at += 250) meter.sent(BLOCK, at)
    expect(meter.rateBytesPerSecond(121_000)).toBe(BLOCK * 4)
  })

  test('a few bytes now and then prove nothing', () => {
    const meter = new UplinkMeter()
    for (let at = 0; at < 10_000; at += 1000) meter.sent(100, at)
    expect(meter.rateBytesPerSecond(11_000)).toBeUndefined()
  })

  test('asked for little: that is not taken for its rate, however often', () => {
    const meter = new UplinkMeter()
    for (let at = 0; at < 5000; at += 250) {
      meter.busy(true)
      meter.sent(4 * BLOCK, at)
      meter.busy(false)
    }
    expect(meter.rateBytesPerSecond(5000)).toBeUndefined()
  })

  test('asked for much, with pauses: at least what it sent', () => {
    const meter = new UplinkMeter()
    for (let at = 0; at < 1000; at += 25) {
      meter.busy(true)
      meter.sent(16 * BLOCK, at)
      meter.busy(false)
    }
    expect(meter.rateBytesPerSecond(1000)).toBe(16 * BLOCK * 40)
  })

  test('busy now and then: what it sent in between does not lower the figure', () => {
    const meter = aBusyMeter()
    for (let at = 0; at < 1000; at += 25) meter.sent(BLOCK, at)
    meter.busy(false)
    for (let at = 1000; at < 61_000; at += 250) meter.sent(BLOCK, at)
    expect(meter.rateBytesPerSecond(61_000)).toBe(BLOCK * 40)
  })
})
