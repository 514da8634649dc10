// The tracker's memory and the origin's troubles, as peers feel them.
// Not the real services: apps/tracker-service and apps/origin-server have their own tests.

import { parsePeerId, parseSongId } from '@evastream/core/ids'
import { seededRandom } from '@evastream/core/random'
import { describe, expect, test } from 'vitest'
import { VirtualClock } from '../virtual-clock.ts'
import { SimulatedNetwork } from './simulated-network.ts'
import { type OriginTrouble, SimulatedOrigin } from './simulated-origin.ts'
import { SimulatedTracker } from './simulated-tracker.ts'

const songId = parseSongId('song-1')
const peerId = parsePeerId('peer-1')
const other = parsePeerId('peer-2')
const link = { upBytesPerSecond: 1_000_000, downBytesPerSecond: 1_000_000, latencyMs: 10 }
const shape = { fileSize: 40_000, chunkSize: 40_000, chunkCount: 1 }

describe('tracker', () => {
  function aTracker() {
    const clock = new VirtualClock()
    const network = new SimulatedNetwork({ clock })
    const deps = { clock, random: seededRandom(1), network, host: network.addHost('tracker', link) }
    const tracker = new SimulatedTracker(deps, { shapes: new Map([[songId, shape]]) })
    const host = network.addHost('peer-1', link)
    const ask = (): unknown => {
      let answer: unknown = 'nothing'
      const listener = { replied: (listings: unknown) => (answer = listings), failed: (code: string) => (answer = code) }
      tracker.peersOf(host, { peerId: other, songId }, listener)
      clock.runUntil(clock.now() + 6000)
      return answer
    }
    const ignore = { replied: () => {}, failed: () => {} }
    tracker.register(host, peerId, ignore)
    clock.runUntil(100)
    tracker.acquired(host, { peerId, songId, chunkIds: [3, 1] }, ignore)
    clock.runUntil(200)
    return { clock, tracker, host, ask, ignore }
  }

  test('tracker: a peer that announced chunks: is listed with them, in order', () => {
    expect(aTracker().ask()).toEqual([{ peerId, chunkIds: [1, 3] }])
  })

  test('tracker: no heartbeat for 30 s: the peer is in no list', () => {
    const { clock, ask } = aTracker()
    clock.runUntil(29_000)
    expect(ask()).toHaveLength(1)
    expect(ask()).toEqual([])
  })

  test('tracker: heartbeats: keep the peer listed, and an unknown one is told that it is unknown', () => {
    const { clock, tracker, host, ask, ignore } = aTracker()
    clock.runUntil(25_000)
    tracker.heartbeat(host, peerId, ignore)
    clock.runUntil(40_000)
    expect(ask()).toHaveLength(1)
    tracker.forgetEverything()
    let isKnown: boolean | undefined
    tracker.heartbeat(host, peerId, { replied: known => (isKnown = known), failed: () => {} })
    clock.runUntil(clock.now() + 100)
    expect(isKnown).toBe(false)
  })

  test('tracker: down: callers are refused; cut off: they time out', () => {
    const { tracker, host, ask } = aTracker()
    tracker.isDown = true
    expect(ask()).toBe('EVA_SERVICE_UNREACHABLE')
    host.group = 1
    expect(ask()).toBe('EVA_SERVICE_TIMEOUT')
  })
})

describe('origin', () => {
  function outcomeOf(trouble: OriginTrouble | undefined, requestCount = 1): string[] {
    const clock = new VirtualClock()
    const network = new SimulatedNetwork({ clock })
    const deps = { clock, network, host: network.addHost('origin', link) }
    const origin = new SimulatedOrigin(deps, { requestsMax: 2, firstByteDelayMs: 5 })
    const host = network.addHost('peer-1', link)
    origin.setTrouble(trouble)
    const outcomes: string[] = []
    const run = { songId, shape, chunkId: 0, firstBlock: 0, blockCount: 3 }
    for (let count = 0; count < requestCount; count++)
      origin.fetch(host, run, {
        received: ({ block, isGood }) => {
          if (block !== undefined) outcomes.push(`${block} ${isGood ? 'good' : 'bad'}`)
        },
        failed: (code, retryAfterMs) => outcomes.push(retryAfterMs === undefined ? code : `${code} ${retryAfterMs}`),
      })
    clock.runUntil(14_000)
    const early = outcomes.length
    clock.runUntil(60_000)
    return trouble === 'is-silent' ? [`${early} early`, ...outcomes] : outcomes
  }

  const cases: [OriginTrouble | undefined, string[]][] = [
    [undefined, ['0 good', '1 good', '2 good']],
    ['refuses', ['EVA_ORIGIN_UNREACHABLE']],
    ['answers-500', ['EVA_ORIGIN_STATUS']],
    ['is-overloaded', ['EVA_ORIGIN_OVERLOADED 1000']],
    ['truncates', ['0 good', '1 good', 'EVA_ORIGIN_TRUNCATED']],
    ['sends-wrong-bytes', ['0 bad', '1 bad', '2 bad']],
    ['is-slow', ['0 good', '1 good', '2 good']],
    ['is-silent', ['0 early', 'EVA_ORIGIN_TIMEOUT']],
  ]

  test.each(cases)('origin: in trouble "%s": a fetch comes out as planned', (trouble, expected) => {
    expect(outcomeOf(trouble)).toEqual(expected)
  })

  test('origin: more requests than it takes at a time: the rest are told to come back', () => {
    expect(outcomeOf(undefined, 3).filter(line => line.startsWith('EVA'))).toEqual(['EVA_ORIGIN_OVERLOADED 1000'])
  })
})
