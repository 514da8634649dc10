// A player against bytes that arrive when the test says: first sounds, stalls by the music's clock, reading ahead, jumps and the end.
// Not whole worlds: playback-worlds.test.ts.

import { parseSongId } from '@evastream/core/ids'
import { BLOCK_SIZE_BYTES } from '@evastream/core/units'
import type { SchedulerEvent } from '@evastream/engine/events'
import { expect, test } from 'vitest'
import type { Fact } from '../records/simulation-observer.ts'
import { VirtualClock } from '../virtual-clock.ts'
import type { ListenPlan } from '../worlds/world-plan.ts'
import { SimulatedPlayer } from './simulated-player.ts'

const songId = parseSongId('song-1')
/** A block is a second of music; four make a chunk, and three chunks the song. */
const CHUNK_BYTES = 4 * BLOCK_SIZE_BYTES
const shape = { fileSize: 3 * CHUNK_BYTES, chunkSize: CHUNK_BYTES, chunkCount: 3 }
const song = { songId, shape, byteRateBytesPerSecond: BLOCK_SIZE_BYTES, hasBlockHashes: true }

function aListener(words: Partial<ListenPlan> = {}, options: { readonly opensAfterMs?: number } = {}) {
  const clock = new VirtualClock()
  const facts: (Fact & { readonly at: number })[] = []
  const told: (number | 'stopped')[] = []
  const reads: number[] = []
  let hereTo = 0
  let endCount = 0
  const player = new SimulatedPlayer(
    {
      clock,
      song,
      open: opened => void clock.after(options.opensAfterMs ?? 0, opened),
      read: atByte => {
        if (atByte >= hereTo) return undefined
        reads.push(atByte)
        return { endByte: hereTo, isGood: true }
      },
      feed: (event: SchedulerEvent) => {
        if (event.kind === 'playback-moved') told.push(event.positionBytes)
        if (event.kind === 'playback-stopped') told.push('stopped')
      },
      fact: fact => void facts.push({ ...fact, at: clock.now() }),
      ended: () => void endCount++,
    },
    { plan: { songId, startsAfterMs: 0, fromBytes: 0, jumps: [], ...words }, readerId: 'reader-1', how: 'pressed' },
  )
  const arrive = (blocks: number) => {
    hereTo = Math.min(shape.fileSize, hereTo + blocks * BLOCK_SIZE_BYTES)
    player.audioArrived()
  }
  const arriveAt = (atMs: number, blocks: number) => void clock.at(atMs, () => arrive(blocks))
  const factsOf = <Kind extends Fact['kind']>(kind: Kind) =>
    facts.filter((fact): fact is Extract<Fact, { readonly kind: Kind }> & { readonly at: number } => fact.kind === kind)
  player.start()
  return { clock, player, arriveAt, factsOf, told, reads, endCount: () => endCount }
}

test('player: the first verified block arrives: is heard at once, counted from the press, the opening of the song included', () => {
  const { clock, arriveAt, factsOf } = aListener({ startsAfterMs: 500 }, { opensAfterMs: 80 })
  arriveAt(700, 1)
  clock.runUntil(1000)
  expect(factsOf('pressed')).toMatchObject([{ at: 500, how: 'pressed' }])
  expect(factsOf('sounded')).toMatchObject([{ at: 700, why: 'start', waitedMs: 200 }])
  expect(factsOf('stalled')).toMatchObject([{ why: 'start', at: 580 }])
})

test('player: everything is here: sounds at once, without a wait and without a stall, and ends with the music', () => {
  const { clock, arriveAt, factsOf, told, endCount } = aListener()
  arriveAt(0, 12)
  clock.runUntil(11_999)
  expect(endCount()).toBe(0)
  clock.runUntil(12_000)
  expect(endCount()).toBe(1)
  expect(factsOf('sounded')).toMatchObject([{ waitedMs: 0 }])
  expect(factsOf('stalled')).toEqual([])
  expect(told.at(-1)).toBe('stopped')
})

test('player: the next block comes after the music needed it: one stall, as long as it was late', () => {
  const { clock, arriveAt, factsOf } = aListener()
  arriveAt(100, 2)
  arriveAt(2400, 10)
  clock.runUntil(60_000)
  expect(factsOf('stalled').filter(({ why }) => why === 'stall')).toMatchObject([{ at: 2100, chunkId: 0 }])
  const [resumed] = factsOf('resumed').filter(({ why }) => why === 'stall')
  expect(resumed?.waitedMs).toBeCloseTo(300)
  expect(factsOf('play-ended')).toMatchObject([{ at: 12_400, silentForMs: 0 }])
})

test('player: a block comes just before the music needs it: no stall', () => {
  const { clock, arriveAt, factsOf } = aListener()
  arriveAt(0, 1)
  for (let block = 1; block < 12; block++) arriveAt(block * 1000 - 1, 1)
  clock.runUntil(60_000)
  expect(factsOf('stalled').filter(({ why }) => why === 'stall')).toEqual([])
})

test('player: reads two seconds ahead, or as far as its plan says', () => {
  const near = aListener()
  near.arriveAt(0, 12)
  near.clock.runUntil(10)
  const far = aListener({ readAheadMs: 60_000 })
  far.arriveAt(0, 12)
  far.clock.runUntil(10)
  expect(near.told).toEqual([0, 2 * BLOCK_SIZE_BYTES])
  expect(far.told).toEqual([0, shape.fileSize])
  near.clock.runUntil(3001)
  expect(near.told.at(-1)).toBe(5 * BLOCK_SIZE_BYTES)
})

test("player: jumps to bytes that are not here: waits, and the wait is the jump's", () => {
  const { clock, arriveAt, factsOf, told } = aListener({ jumps: [{ afterMs: 500, toBytes: 2 * CHUNK_BYTES }] })
  arriveAt(0, 4)
  arriveAt(900, 8)
  clock.runUntil(1000)
  expect(factsOf('sounded')).toMatchObject([{ why: 'start' }, { why: 'seek', waitedMs: 400 }])
  expect(factsOf('stalled')).toMatchObject([{ why: 'seek', chunkId: 2 }])
  expect(told.slice(-3)).toEqual([2 * CHUNK_BYTES, 'stopped', 2 * CHUNK_BYTES + 2 * BLOCK_SIZE_BYTES])
})

test('player: jumps before the first sound: still waits for its first sound, from the new place', () => {
  const { clock, arriveAt, factsOf } = aListener({ jumps: [{ afterMs: 100, toBytes: CHUNK_BYTES }] }, { opensAfterMs: 200 })
  arriveAt(300, 12)
  clock.runUntil(400)
  expect(factsOf('sounded')).toMatchObject([{ why: 'start', waitedMs: 300 }])
  expect(factsOf('played')[0]?.chunkId).toBe(1)
})

test('player: the listener leaves in silence: the play says how long nothing was heard, and nothing follows', () => {
  const { clock, arriveAt, factsOf, endCount } = aListener({ stopsAfterMs: 700 })
  arriveAt(800, 12)
  clock.runUntil(60_000)
  expect(factsOf('play-ended')).toMatchObject([{ at: 700, silentForMs: 700 }])
  expect(factsOf('sounded')).toEqual([])
  expect(endCount()).toBe(1)
})
