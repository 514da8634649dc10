// The look ahead for a song's peers: what the Scheduler's search gets, and what is dialled before it asks.

import { parsePeerId, parseSongId } from '@evastream/core/ids'
import { expect, test } from 'vitest'
import { VirtualClock } from '../virtual-clock.ts'
import { SimulatedScout } from './simulated-scout.ts'
import type { Listing } from './simulated-tracker.ts'

const songId = parseSongId('song-1')
const listings: readonly Listing[] = [{ peerId: parsePeerId('peer-2'), chunkIds: [0] }]

/** A tracker that answers after 20 ms, or fails the first so many times. */
function aScout(failures = 0) {
  const clock = new VirtualClock()
  const told: string[] = []
  let calls = 0
  const scout = new SimulatedScout({
    clock,
    session: {
      find: (_songId, found, failed) => {
        const isFailure = ++calls <= failures
        clock.after(20, () => (isFailure ? failed('EVA_SERVICE_TIMEOUT') : found(listings)))
      },
    },
    introduce: peerId => told.push(`${clock.now()} dial ${peerId}`),
  })
  const asker = { found: () => told.push(`${clock.now()} found`), failed: () => told.push(`${clock.now()} failed`) }
  return { clock, scout, asker, told, calls: () => calls }
}

test('scout: asked when the answer is here: it is handed out at once, and only once', () => {
  const { clock, scout, asker, told, calls } = aScout()
  scout.lookAhead(songId)
  clock.runUntil(50)
  scout.find(songId, asker)
  clock.runUntil(60)
  expect(told).toEqual(['20 dial peer-2', '50 found'])
  scout.find(songId, asker)
  clock.runUntil(100)
  expect(told.at(-1)).toBe('80 found')
  expect(calls()).toBe(2)
})

test('scout: asked while the answer is on its way: it waits for that one', () => {
  const { clock, scout, asker, told, calls } = aScout()
  scout.lookAhead(songId)
  clock.at(10, () => scout.find(songId, asker))
  clock.runUntil(100)
  expect(told).toEqual(['20 dial peer-2', '20 found'])
  expect(calls()).toBe(1)
})

test('scout: the look ahead fails, or is long ago: the tracker is asked again', () => {
  const failed = aScout(1)
  failed.scout.lookAhead(songId)
  failed.clock.at(10, () => failed.scout.find(songId, failed.asker))
  failed.clock.runUntil(100)
  expect(failed.told).toEqual(['40 found'])
  const late = aScout()
  late.scout.lookAhead(songId)
  late.clock.runUntil(3000)
  late.scout.find(songId, late.asker)
  late.clock.runUntil(3100)
  expect(late.told).toEqual(['20 dial peer-2', '3020 found'])
})
