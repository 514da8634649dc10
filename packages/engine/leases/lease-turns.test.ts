import { parsePeerId } from '@evastream/core/ids'
import { describe, expect, test } from 'vitest'
import { noteGrant, obstacleOf, type TurnFacts } from './lease-turns.ts'
import { SongAskers } from './song-askers.ts'
import { uplinkWeight } from './uplink-rule.ts'

const CHUNK_BYTES = 262_144
const MBIT_S = 125_000
const FAST = 50 * MBIT_S
const OWING_NOTHING = { backlogMs: 0, leaseCount: 0, chunkSizeBytes: CHUNK_BYTES, uplinkBytesPerSecond: FAST }

/** Askers by number, with uplinks in bytes per second; each question asks for one chunk more. */
function aCrowd() {
  const askers = new SongAskers()
  const ask = (number: number, uplink: number | undefined, at: number, more: Partial<TurnFacts> = {}) => {
    const asker = askers.note(parsePeerId(`peer-${number}`), uplink, at)
    const now = { backlogMs: 0, leaseCount: 0, bringingCount: 0, at }
    const facts = { asker, askers, ...now, chunkSizeBytes: CHUNK_BYTES, originCopies: 1, isFurther: false }
    const obstacle = obstacleOf({ ...facts, ...more })
    if (obstacle === undefined) noteGrant(asker, at)
    return obstacle
  }
  return { ask }
}

describe('lease turns', () => {
  test('twelve chunks on their way, for each copy: no more for now; of small chunks 3 MiB', () => {
    const { ask } = aCrowd()
    ask(1, FAST, 0)
    const limit = { reason: 'limit', retryAfterMs: 100 }
    expect(ask(2, FAST, 0, { bringingCount: 11 })).toBeUndefined()
    expect(ask(3, FAST, 0, { bringingCount: 12 })).toEqual(limit)
    expect(ask(4, FAST, 0, { bringingCount: 23, originCopies: 2 })).toBeUndefined()
    expect(ask(5, FAST, 0, { bringingCount: 191, chunkSizeBytes: 16_384 })).toBeUndefined()
    expect(ask(6, FAST, 0, { bringingCount: 192, chunkSizeBytes: 16_384 })).toEqual(limit)
  })

  test('a further copy of what the swarm has: whatever the uplink owes, while fewer than six chunks are on their way', () => {
    const { ask } = aCrowd()
    for (const number of [1, 2, 3]) ask(number, FAST, 0)
    const busy = { backlogMs: 5000, originCopies: 2 }
    expect(ask(4, FAST, 10, { ...busy, bringingCount: 5 })?.reason).toBe('uplink')
    expect(ask(4, 2 * MBIT_S, 10, { ...busy, bringingCount: 5, isFurther: true })).toBeUndefined()
    expect(ask(4, FAST, 10, { ...busy, bringingCount: 6, isFurther: true })).toEqual({ reason: 'limit', retryAfterMs: 100 })
  })

  test('everybody owes much: the idlest gets one while few are on their way, and the others do not', () => {
    const { ask } = aCrowd()
    const backlogs = [900, 700, 800, 600, 1000, 950]
    const round = (at: number, bringingCount: number) =>
      backlogs.map((backlogMs, number) => ask(number, FAST, at, { backlogMs, bringingCount }))
    round(0, 8)
    round(10, 2)
    expect(round(20, 0).map(obstacle => obstacle === undefined)).toEqual([false, true, false, true, false, false])
    expect(round(30, 2).map(obstacle => obstacle?.reason)).toEqual(Array.from(backlogs, () => 'uplink'))
  })

  test('who asked a while ago: is not compared with', () => {
    const { ask } = aCrowd()
    for (const number of [1, 2, 3]) ask(number, FAST, 0, { backlogMs: 500 })
    expect(ask(4, FAST, 300, { backlogMs: 600 })?.reason).toBe('uplink')
    expect(ask(4, FAST, 301, { backlogMs: 600 })).toBeUndefined()
  })

  test('an uplink nobody has seen: one lease, and the next a second later or when it is seen', () => {
    const { ask } = aCrowd()
    for (const number of [1, 2, 3]) ask(number, FAST, 0)
    expect(ask(4, undefined, 0, { bringingCount: 2 })).toBeUndefined()
    expect(ask(4, undefined, 999, { bringingCount: 2 })?.reason).toBe('uplink')
    expect(ask(4, FAST, 999, { bringingCount: 2 })).toBeUndefined()
    expect(ask(5, undefined, 1000, { bringingCount: 2 })).toBeUndefined()
    expect(ask(5, undefined, 2000, { bringingCount: 2 })).toBeUndefined()
  })

  test('the first uplink that is seen is slow: it is compared with what others may have, and they are not', () => {
    const { ask } = aCrowd()
    for (const number of [1, 2, 3]) ask(number, undefined, 0)
    expect(ask(0, 5 * MBIT_S, 0)?.reason).toBe('uplink')
    expect(ask(4, undefined, 0)).toBeUndefined()
  })

  test('a slow uplink: gets none while others bring chunks, however long it waits; and one after 5 s of nothing', () => {
    const { ask } = aCrowd()
    const slow = (at: number, bringingCount: number) => {
      ask(1, FAST, at, { bringingCount: 12 })
      return ask(2, 2 * MBIT_S, at, { bringingCount })
    }
    for (let at = 0; at <= 10_000; at += 500) expect(slow(at, 1)?.reason).toBe('uplink')
    expect(slow(10_500, 0)).toBeUndefined()
    expect(slow(11_000, 0)?.reason).toBe('uplink')
  })

  test('a slow uplink that owes nothing: does not count as the idlest', () => {
    const { ask } = aCrowd()
    ask(1, FAST, 0)
    ask(2, undefined, 0)
    ask(2, 2 * MBIT_S, 10)
    expect(ask(1, FAST, 20, { backlogMs: 500 })).toBeUndefined()
  })

  test.each([
    [9, 250],
    [99, 250],
    [200, 402],
    [2000, 1000],
  ])('%i others ask, and it owes very much: come back after %i ms', (count, retryAfterMs) => {
    const { ask } = aCrowd()
    for (let number = 0; number < count; number++) ask(number, FAST, 0)
    expect(ask(count, FAST, 0, { backlogMs: 5000 })).toEqual({ reason: 'uplink', retryAfterMs })
  })

  test.each([
    [10, 100],
    [100, 100],
    [120, 120],
    [250, 250],
    [500, 250],
  ])('it owes %i ms too much: come back when that is sent, but no later than after 250 ms for its sake', (tooMuchMs, retryAfterMs) => {
    const { ask } = aCrowd()
    for (let number = 0; number < 3; number++) ask(number, FAST, 0)
    const { costMs, limitMs } = uplinkWeight({ ...OWING_NOTHING, rates: undefined })
    const obstacle = ask(3, FAST, 0, { backlogMs: limitMs - costMs + tooMuchMs })
    expect(obstacle).toEqual({ reason: 'uplink', retryAfterMs: expect.closeTo(retryAfterMs, 6) })
  })
})
