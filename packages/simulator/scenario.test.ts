// What a swarm is for, told in calm worlds: who gets the bytes from whom, and who can die without the music stopping.
// Not faults by chance: seeds.test.ts.

import { parsePeerId } from '@evastream/core/ids'
import { KIB, MIB, MINUTE_MS, SECOND_MS } from '@evastream/core/units'
import { expect, test } from 'vitest'
import { scenario } from './scenario.ts'
import { MANNERS } from './simulated-adversary.ts'
import type { Outcome } from './simulation.ts'

const SONG_BYTES = 40 * 256 * KIB

function accountOf(outcome: Outcome, name: string) {
  const account = outcome.peers.get(parsePeerId(name))
  expect(account, `${name} was in the world`).toBeDefined()
  return (
    account ?? { originBytes: Number.NaN, peerBytes: Number.NaN, wastedBytes: Number.NaN, storedBytes: Number.NaN, stallCount: Number.NaN }
  )
}

function expectGood(outcome: Outcome): void {
  expect([...outcome.violations, ...outcome.missing]).toEqual([])
}

test('swarm: four peers one after another: the first downloads from the origin, the later ones from peers', () => {
  const outcome = scenario()
    .song({ chunkCount: 40 })
    .peers(4, { everyMs: 20 * SECOND_MS })
    .run()
  expectGood(outcome)
  expect(accountOf(outcome, 'peer-1').originBytes).toBe(SONG_BYTES)
  for (const name of ['peer-2', 'peer-3', 'peer-4']) expect(accountOf(outcome, name).originBytes).toBe(0)
})

test('swarm: thirty peers one after another, the next before the last is done: the origin sends about one copy', () => {
  const outcome = scenario()
    .song({ chunkCount: 40 })
    .peers(30, { everyMs: 3 * SECOND_MS })
    .run()
  expectGood(outcome)
  expect(outcome.originBytes / SONG_BYTES).toBeLessThan(1.3)
  expect(outcome.originBytes / SONG_BYTES).toBeGreaterThanOrEqual(1)
})

test('swarm: the origin is dead and one peer holds everything: all others complete, bit for bit', () => {
  const outcome = scenario().song({ chunkCount: 40, lastChunkBytes: 1 }).peer('seeder', { holds: 'everything' }).peers(5).originDies().run()
  expectGood(outcome)
  expect(outcome.originBytes).toBe(0)
})

test('swarm: the origin is dead and each of three peers holds a third: together they complete', () => {
  const third = (rest: number) => Array.from({ length: 30 }, (_, chunkId) => chunkId).filter(chunkId => chunkId % 3 === rest)
  const world = scenario().song({ chunkCount: 30 }).originDies()
  for (const rest of [0, 1, 2]) world.peer(`peer-${rest + 1}`, { holds: third(rest) })
  const outcome = world.run()
  expectGood(outcome)
  expect(outcome.peerBytes).toBeGreaterThanOrEqual(2 * 30 * 256 * KIB)
})

test('swarm: all holders die midway: the origin sends what is left', () => {
  const world = scenario()
    .song({ chunkCount: 40 })
    .peer('peer-1', { holds: 'everything', leavesAt: 5 * SECOND_MS })
    .peer('peer-2', { joinsAt: 2 * SECOND_MS })
  const outcome = world.run()
  expectGood(outcome)
  const { originBytes, peerBytes } = accountOf(outcome, 'peer-2')
  expect(originBytes).toBeGreaterThan(0)
  expect(peerBytes).toBeGreaterThan(0)
})

test('swarm: nobody but the origin: a lone peer fetches at nearly the rate of the link', () => {
  const outcome = scenario().song({ chunkCount: 40 }).peer('peer-1').everybodyIsDoneWithin(MINUTE_MS).run()
  expectGood(outcome)
  const fluidMs = (SONG_BYTES / (4 * MIB)) * SECOND_MS
  expect(outcome.endedAt).toBeLessThan(1.5 * fluidMs)
})

test('swarm: a calm world: wastes at most two percent', () => {
  const outcome = scenario().song({ chunkCount: 40 }).peers(8, { everyMs: SECOND_MS }).run()
  expectGood(outcome)
  expect(outcome.wastedBytes / (outcome.originBytes + outcome.peerBytes)).toBeLessThan(0.02)
})

test('swarm: a calm world: every byte received is stored or wasted', () => {
  const outcome = scenario().song({ chunkCount: 40 }).peers(4, { everyMs: SECOND_MS }).run()
  for (const { originBytes, peerBytes, storedBytes, wastedBytes } of outcome.peers.values())
    expect(originBytes + peerBytes).toBe(storedBytes + wastedBytes)
})

test('swarm: a listener with a good line: hears the song without a stall after the first sound', () => {
  const world = scenario().song({ chunkCount: 40 }).peer('peer-1', { holds: 'everything' })
  const outcome = world
    .peer('peer-2', { interest: 'idle', joinsAt: SECOND_MS, listens: [{ startsAfterMs: SECOND_MS, fromBytes: 0 }] })
    .run()
  expectGood(outcome)
  expect(accountOf(outcome, 'peer-2').stallCount).toBeLessThanOrEqual(1)
})

test('swarm: a liar beside an honest holder: is banned, and everything comes from the honest one', () => {
  const outcome = scenario()
    .song({ chunkCount: 40 })
    .adversary('sends-bad-bytes')
    .peer('peer-1', { holds: 'everything' })
    .peer('peer-2', { joinsAt: SECOND_MS })
    .originDies()
    .run()
  expectGood(outcome)
  expect(outcome.banCount).toBeGreaterThanOrEqual(1)
})

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
