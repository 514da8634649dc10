// Worlds made by hand: each adversary by itself, songs of every shape, a holder that comes back.
// Not the stories of what a swarm is for (stories.test.ts), nor faults by chance (seeds.test.ts).

import { parsePeerId } from '@evastream/core/ids'
import { KIB, MIB, MINUTE_MS, SECOND_MS } from '@evastream/core/units'
import { expect, test } from 'vitest'
import { MANNERS } from '../parts/simulated-adversary.ts'
import type { Outcome } from '../simulation.ts'
import { scenario } from './scenario.ts'

function expectGood(outcome: Outcome): void {
  expect([...outcome.violations, ...outcome.missing]).toEqual([])
}

test.each(MANNERS)(
  'swarm: an adversary that "%s" is the only other peer: the origin sends the song, and before the adversary has left',
  manner => {
    for (const hasBlockHashes of [true, false]) {
      const world = scenario().song({ chunkCount: 20, hasBlockHashes }).adversary(manner)
      const outcome = world.peer('peer-1', { joinsAt: SECOND_MS }).run()
      expectGood(outcome)
      expect(outcome.lastStoredAt).toBeLessThan(45 * SECOND_MS)
    }
  },
)

test.each(MANNERS)(
  'swarm: an adversary that "%s" beside an honest holder, the origin dead: everything comes from the honest one',
  manner => {
    const world = scenario().song({ chunkCount: 20 }).adversary(manner).peer('seeder', { holds: 'everything' })
    const outcome = world.peer('peer-1', { joinsAt: SECOND_MS }).originDies().run()
    expectGood(outcome)
    expect(outcome.lastStoredAt).toBeLessThan(15 * SECOND_MS)
  },
)

test.each(MANNERS)('swarm: a listener beside an adversary that "%s", the origin well: waits three seconds at most', manner => {
  for (const hasBlockHashes of [true, false]) {
    const world = scenario().song({ chunkCount: 20, hasBlockHashes }).adversary(manner)
    const listens = [{ startsAfterMs: 0, fromBytes: 0 }]
    const outcome = world.peer('peer-1', { joinsAt: SECOND_MS, interest: 'idle', listens }).run()
    expectGood(outcome)
    expect(outcome.waitedMs).toBeLessThan(3 * SECOND_MS)
    expect(outcome.stallCount).toBeLessThanOrEqual(2)
  }
})

test('swarm: the only holder comes back after a crash, the origin dead: the rest follows within half a minute', () => {
  const seeder = parsePeerId('seeder')
  const crash = { kind: 'peer-crash', peerId: seeder, at: 2 * SECOND_MS, until: MINUTE_MS, isSilent: true, keepsStore: true } as const
  const world = scenario().song({ chunkCount: 40 }).peer('seeder', { holds: 'everything' }).peer('peer-1', { joinsAt: SECOND_MS })
  const outcome = world.originDies().fault(crash).run()
  expectGood(outcome)
  expect(outcome.lastStoredAt).toBeGreaterThan(MINUTE_MS)
  expect(outcome.lastStoredAt).toBeLessThan(1.5 * MINUTE_MS)
})

test('swarm: a listener whose own link is a trickle, beside fast holders: waits for what comes instead of asking one after another', () => {
  const link = { upBytesPerSecond: MIB, downBytesPerSecond: 10 * KIB, latencyMs: 30 }
  const listens = [{ startsAfterMs: SECOND_MS, fromBytes: 0 }]
  const world = scenario().song({ chunkCount: 3 }).peer('peer-1', { holds: 'everything' }).peer('peer-2', { holds: 'everything' })
  const outcome = world.peer('peer-3', { holds: 'everything' }).peer('peer-4', { interest: 'idle', link, listens }).run()
  expectGood(outcome)
  expect(outcome.lastStoredAt).toBeLessThan(100 * SECOND_MS)
  expect(outcome.wastedBytes).toBeLessThan(0.15 * 3 * 256 * KIB)
})

test('swarm: room for one chunk, and the one about to be heard can never be had: the others complete, none is thrown away twice', () => {
  const world = scenario()
    .song({ chunkCount: 6, flaw: { chunkId: 2, wrong: 'block-hashes' } })
    .adversary('always-busy')
  const listens = [{ startsAfterMs: 2 * SECOND_MS, fromBytes: 2 * 256 * KIB }]
  const held = { holds: [0, 1, 3, 4, 5], link: { upBytesPerSecond: 200 * KIB, downBytesPerSecond: MIB, latencyMs: 10 } }
  const outcome = world
    .peer('peer-1', held)
    .withEngine({ downloadsInFlightMax: 1, chunksInProgressMax: 1 })
    .peer('peer-2', { listens })
    .run()
  expectGood(outcome)
  expect(outcome.lastStoredAt).toBeLessThan(30 * SECOND_MS)
  expect(outcome.wastedByReason.get('thrown-away') ?? 0).toBeLessThan(5 * 256 * KIB)
})

const shapes = [
  { chunkCount: 1, chunkSizeBytes: 16 * KIB, lastChunkBytes: 1 },
  { chunkCount: 1, chunkSizeBytes: 256 * KIB },
  { chunkCount: 300, chunkSizeBytes: 16 * KIB },
  { chunkCount: 7, chunkSizeBytes: 100_001, lastChunkBytes: 1 },
  { chunkCount: 3, chunkSizeBytes: 4 * MIB },
]

test.each(shapes)(
  'swarm: a song of $chunkCount chunks of $chunkSizeBytes bytes, with and without block hashes: completes everywhere',
  shape => {
    for (const hasBlockHashes of [true, false]) {
      const outcome = scenario()
        .song({ ...shape, hasBlockHashes })
        .peers(3, { everyMs: 2 * SECOND_MS })
        .run()
      expectGood(outcome)
    }
  },
)
