import type { PeerId } from '@evastream/core/ids'
import { MINUTE_MS, SECOND_MS } from '@evastream/core/units'
import { peerNamed } from '@evastream/testkit/scheduler-driver'
import { describe, expect, test } from 'vitest'
import { type EngineConfig, engineConfig } from '../config.ts'
import { PeerHealth } from './peer-health.ts'

const anna = peerNamed('anna')
const boris = peerNamed('boris')
const clara = peerNamed('clara')

function healthWith(changes: Partial<EngineConfig> = {}): PeerHealth {
  return new PeerHealth(engineConfig(changes))
}

/** The peer delivers 100,000 bytes in a time that makes this rate (bytes per second). */
function measure(health: PeerHealth, peerId: PeerId, rate: number, at = 0): void {
  const { pace } = health.recordOf(peerId)
  pace.asked(100_000, at)
  pace.arrived(100_000, at + 100_000_000 / rate)
  pace.ended(0, at + 100_000_000 / rate)
  health.delivered(peerId)
}

describe('peer health: failures', () => {
  test('an unknown peer: a clean record, and the same one the next time', () => {
    const health = healthWith()
    expect(health.recordOf(anna)).toMatchObject({ failures: 0, strikes: 0, pausedUntil: 0, bannedUntil: 0 })
    expect(health.recordOf(anna)).toBe(health.recordOf(anna))
  })

  test('failures one after another: the pauses double up to their maximum', () => {
    const health = healthWith()
    const pauses: number[] = []
    let now = 0
    for (let index = 0; index < 9; index++) {
      health.failed(anna, now)
      pauses.push(health.recordOf(anna).pausedUntil - now)
      now = health.recordOf(anna).pausedUntil
    }
    expect(pauses).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000])
  })

  test('two requests that were open together fail: one failure', () => {
    const health = healthWith()
    health.failed(anna, 1000)
    health.failed(anna, 1001)
    expect(health.recordOf(anna)).toMatchObject({ failures: 1, pausedUntil: 1501 })
  })

  test('a delivery: all is forgiven', () => {
    const health = healthWith()
    health.timedOut(anna, 0)
    health.timedOut(anna, 600)
    health.delivered(anna)
    expect(health.recordOf(anna)).toMatchObject({ failures: 0, timeouts: 0, pausedUntil: 0 })
    health.failed(anna, 5000)
    expect(health.recordOf(anna).pausedUntil).toBe(5500)
  })

  test('it speaks while it is paused: the pause is over, the failures are not', () => {
    const health = healthWith()
    health.failed(anna, 1000)
    health.spoke(anna, 1100)
    expect(health.recordOf(anna)).toMatchObject({ failures: 1, pausedUntil: 1100 })
  })

  test('it speaks, but timed out twice and never delivered: the pause goes on; of one that delivered once it is over', () => {
    for (const isProven of [false, true]) {
      const health = healthWith()
      if (isProven) health.delivered(anna)
      health.timedOut(anna, 1000)
      health.timedOut(anna, 10_000)
      health.spoke(anna, 10_100)
      expect(health.recordOf(anna).pausedUntil).toBe(isProven ? 10_100 : 11_000)
    }
  })

  test('a stranger speaks: nothing is remembered', () => {
    const health = healthWith()
    health.spoke(anna, 1100)
    expect([...health.records()]).toEqual([])
  })
})

describe('peer health: patience', () => {
  test('a peer that sends something and times out again and again: patience doubles, within bounds', () => {
    const health = healthWith()
    health.recordOf(anna).pace.arrived(20_000, 0)
    const patience = [health.patienceOf(anna)]
    for (let index = 0; index < 8; index++) {
      health.timedOut(anna, index * MINUTE_MS)
      patience.push(health.patienceOf(anna))
    }
    expect(patience).toEqual([1, 2, 4, 8, 16, 32, 64, 64, 64])
  })

  test('a peer that never sent anything: patience soon ends', () => {
    const health = healthWith()
    for (let index = 0; index < 5; index++) health.timedOut(anna, index * MINUTE_MS)
    expect(health.patienceOf(anna)).toBe(4)
  })

  test('two requests time out together: patience doubles once', () => {
    const health = healthWith()
    health.timedOut(anna, 1000)
    health.timedOut(anna, 1000)
    expect(health.patienceOf(anna)).toBe(2)
  })
})

describe('peer health: busy and lacking', () => {
  test('busy with a time: left alone so long, and no failure', () => {
    const health = healthWith()
    health.busy(anna, 1000, 800)
    expect(health.recordOf(anna)).toMatchObject({ busyUntil: 1800, busySince: 1000, failures: 0, pausedUntil: 0 })
  })

  test.each([
    ['no time', undefined, 500],
    ['no time at all', 0, 500],
    ['a time that lies in the past', -5, 500],
    ['an hour', 3600 * SECOND_MS, 30 * SECOND_MS],
  ])('busy with %s: a pause within bounds', (_, retryAfterMs, pauseMs) => {
    const health = healthWith()
    health.busy(anna, 1000, retryAfterMs)
    expect(health.recordOf(anna).busyUntil).toBe(1000 + pauseMs)
  })

  test('busy again and again: since when is remembered, until it delivers', () => {
    const health = healthWith()
    health.busy(anna, 1000, 100)
    health.busy(anna, 2000, 100)
    expect(health.recordOf(anna).busySince).toBe(1000)
    health.delivered(anna)
    expect(health.recordOf(anna).busySince).toBeUndefined()
  })

  test('a chunk it was said to hold is missing: no failure, but the fourth in a row is', () => {
    const health = healthWith()
    for (let index = 0; index < 3; index++) health.lacked(anna, index)
    expect(health.recordOf(anna).failures).toBe(0)
    health.lacked(anna, 3)
    expect(health.recordOf(anna).failures).toBe(1)
  })

  test('a delivery between missing chunks: the count begins anew', () => {
    const health = healthWith()
    for (let index = 0; index < 3; index++) health.lacked(anna, index)
    health.delivered(anna)
    for (let index = 0; index < 3; index++) health.lacked(anna, index)
    expect(health.recordOf(anna).failures).toBe(0)
  })
})

describe('peer health: bans', () => {
  test('strike after strike: ten minutes, doubling, a day at most', () => {
    const health = healthWith()
    const durations = Array.from({ length: 10 }, () => health.ban(anna, 0) / MINUTE_MS)
    expect(durations).toEqual([10, 20, 40, 80, 160, 320, 640, 1280, 1440, 1440])
  })

  test('banned: until the time is over, whatever it delivers or says meanwhile', () => {
    const health = healthWith()
    health.ban(anna, 1000)
    health.delivered(anna)
    health.spoke(anna, 2000)
    expect(health.isBanned(anna, 1000 + 10 * MINUTE_MS - 1)).toBe(true)
    expect(health.isBanned(anna, 1000 + 10 * MINUTE_MS)).toBe(false)
    expect(health.isBanned(boris, 1000)).toBe(false)
  })
})

describe('peer health: the rate to expect', () => {
  test('nobody measured: the assumption', () => {
    const health = healthWith({ rateAssumedBytesPerSecond: 12_345 })
    expect(health.expectedRate(health.recordOf(anna), 0)).toBe(12_345)
  })

  test('the peer itself measured: its own rate', () => {
    const health = healthWith()
    measure(health, anna, 500_000)
    measure(health, boris, 2_000_000)
    expect(health.expectedRate(health.recordOf(anna), 300)).toBeCloseTo(500_000)
  })

  test('others measured: the median of theirs', () => {
    const health = healthWith()
    measure(health, anna, 8_000_000)
    measure(health, boris, 500_000)
    measure(health, clara, 900_000)
    expect(health.expectedRate(health.recordOf(peerNamed('new')), 300)).toBeCloseTo(900_000)
  })

  test('a new measurement: moves the median', () => {
    const health = healthWith()
    measure(health, anna, 500_000)
    const fresh = health.recordOf(peerNamed('new'))
    expect(health.expectedRate(fresh, 300)).toBeCloseTo(500_000)
    const { pace } = health.recordOf(anna)
    pace.asked(100_000, 1000)
    pace.arrived(100_000, 1010)
    pace.ended(0, 1010)
    health.measured()
    expect(health.expectedRate(fresh, 1010)).toBeGreaterThan(3_000_000)
  })

  test('measurements that are too old: the assumption again', () => {
    const health = healthWith({ rateAssumedBytesPerSecond: 12_345 })
    measure(health, anna, 500_000)
    expect(health.expectedRate(health.recordOf(anna), 10 * MINUTE_MS)).toBe(12_345)
  })
})

describe('peer health: memory', () => {
  test('more peers than are remembered: who was known longest is forgotten', () => {
    const health = healthWith({ rememberedPeersMax: 2 })
    for (const peerId of [anna, boris, clara]) health.recordOf(peerId)
    expect([...health.records()].map(({ peerId }) => peerId)).toEqual([boris, clara])
  })

  test('the one known longest has a strike or is at work: another is forgotten', () => {
    const health = healthWith({ rememberedPeersMax: 3 })
    health.ban(anna, 0)
    health.recordOf(boris).pace.asked(1000, 0)
    health.recordOf(clara)
    health.recordOf(peerNamed('new'))
    expect([...health.records()].map(({ peerId }) => peerId)).toEqual([anna, boris, 'new'])
    expect(health.isBanned(anna, 1)).toBe(true)
  })

  test('all have strikes: still bounded', () => {
    const health = healthWith({ rememberedPeersMax: 2 })
    for (const peerId of [anna, boris, clara]) health.ban(peerId, 0)
    expect([...health.records()].map(({ peerId }) => peerId)).toEqual([boris, clara])
  })
})
