// What a swarm is for, in calm worlds: who gets the bytes from whom, and who can die without the music stopping.
// Not faults by chance: seeds.test.ts.

import { parsePeerId } from '@evastream/core/ids'
import { KIB, MIB, SECOND_MS } from '@evastream/core/units'
import { expect, test } from 'vitest'
import type { PeerAccount } from '../records/ledger.ts'
import type { Outcome } from '../simulation.ts'
import { STORIES, STORY_CHUNK_COUNT, type StoryName } from './stories.ts'

const SONG_BYTES = STORY_CHUNK_COUNT * 256 * KIB

/** Plays a story; nothing may be broken or missing in any. */
function play(name: StoryName): Outcome {
  const outcome = STORIES[name]().run()
  expect([...outcome.violations, ...outcome.missing]).toEqual([])
  return outcome
}

function accountOf(outcome: Outcome, name: string): PeerAccount {
  return outcome.peers.get(parsePeerId(name)) ?? expect.fail(`${name} was not in the world`)
}

test('swarm: four peers one after another: the first downloads from the origin, the later ones from peers', () => {
  const outcome = play('four-join-one-after-another')
  expect(accountOf(outcome, 'peer-1').originBytes).toBe(SONG_BYTES)
  for (const name of ['peer-2', 'peer-3', 'peer-4']) expect(accountOf(outcome, name).originBytes).toBe(0)
})

test('swarm: thirty peers, the next before the last is done: the origin sends about one copy', () => {
  const copies = play('thirty-join-before-the-last-is-done').originBytes / SONG_BYTES
  expect(copies).toBeLessThan(1.3)
  expect(copies).toBeGreaterThanOrEqual(1)
})

test('swarm: the origin is dead and one peer holds everything: all others complete without it', () => {
  const outcome = play('the-origin-is-dead-and-one-holds-everything')
  expect(outcome.originBytes).toBe(0)
  for (let number = 1; number <= 5; number++) expect(accountOf(outcome, `peer-${number}`).storedBytes).toBe(SONG_BYTES)
})

test('swarm: the origin is dead and each of three peers holds a third: together they complete', () => {
  const outcome = play('the-origin-is-dead-and-three-hold-a-third-each')
  expect(outcome.originBytes).toBe(0)
  expect(outcome.peerBytes).toBeGreaterThanOrEqual(2 * SONG_BYTES)
})

test('swarm: the only holder leaves midway: the origin sends what is left', () => {
  const { originBytes, peerBytes } = accountOf(play('the-only-holder-leaves-midway'), 'peer-2')
  expect(originBytes).toBeGreaterThan(0)
  expect(peerBytes).toBeGreaterThan(0)
  expect(originBytes).toBeLessThan(SONG_BYTES)
})

test('swarm: nobody but the origin: a lone peer fetches at nearly the rate of the link', () => {
  const fluidMs = (SONG_BYTES / (4 * MIB)) * SECOND_MS
  expect(play('alone-with-the-origin').lastStoredAt).toBeLessThan(1.2 * fluidMs)
})

test('swarm: eight peers nearly together: at most two percent of what is received is wasted', () => {
  const outcome = play('eight-join-nearly-together')
  expect(outcome.wastedBytes / (outcome.originBytes + outcome.peerBytes)).toBeLessThan(0.02)
})

test.each(Object.keys(STORIES) as StoryName[])('story %s: every byte received is stored or wasted', name => {
  for (const { originBytes, peerBytes, storedBytes, wastedBytes } of play(name).peers.values())
    expect(originBytes + peerBytes).toBe(storedBytes + wastedBytes)
})

test('swarm: a listener beside a holder, on a good line: waits for the first sound alone, and a second at most', () => {
  const { stallCount, waitedMs } = accountOf(play('a-listener-beside-a-holder'), 'peer-2')
  expect(stallCount).toBeLessThanOrEqual(1)
  expect(waitedMs).toBeLessThan(SECOND_MS)
})

test('swarm: a liar beside an honest holder: is banned at its first bad byte, and everything comes from the honest one', () => {
  const outcome = play('a-liar-beside-an-honest-holder')
  expect(outcome.banCount).toBe(1)
  expect(accountOf(outcome, 'peer-1').sentBytes).toBe(SONG_BYTES)
})

test.each([
  ['a-lease-taker-is-not-there', 1.1],
  ['a-lease-taker-relays-wrong-bytes', 1.25],
  ['a-lease-taker-stalls', 2],
  ['a-lease-taker-says-it-has-all', 2],
  ['two-who-fetch-for-all-lose-power', 1.25],
  ['the-tracker-forgets-amid-a-crowd', 1.25],
  ['the-tracker-answers-a-second-late', 2],
] as const)('leases: %s: everybody finishes, and the origin sends %d copies at the most', (name, copiesMax) => {
  expect(play(name).originBytes / SONG_BYTES).toBeLessThanOrEqual(copiesMax)
})

test('leases: one relays wrong bytes: all who took any from it ban it', () => {
  expect(play('a-lease-taker-relays-wrong-bytes').banCount).toBe(6)
})
