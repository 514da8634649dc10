// Worlds made by hand: each adversary by itself, songs of every shape, a holder that comes back.
// Not the stories of what a swarm is for (stories.test.ts), nor faults by chance (seeds.test.ts).

import { parsePeerId } from '@evastream/core/ids'
import { KIB, MIB, MINUTE_MS, SECOND_MS } from '@evastream/core/units'
import { expect, test } from 'vitest'
import { scenario } from './scenario.ts'
import { MANNERS } from './simulated-adversary.ts'
import type { Outcome } from './simulation.ts'

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
