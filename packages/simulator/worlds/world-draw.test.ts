// Drawn worlds: always the same for a seed, always finishable, and together as varied as real users' worlds.
// Not their running: seeds.test.ts.

import { byteRateBytesPerSecond, chunkLengthBytes, parseManifest } from '@evastream/core/manifest'
import { CHUNK_SIZE_MAX_BYTES, CHUNK_SIZE_MIN_BYTES } from '@evastream/core/units'
import { expect, test } from 'vitest'
import { endOf, type Fault } from '../faults/fault-plan.ts'
import { MANNERS } from '../parts/simulated-adversary.ts'
import { ORIGIN_TROUBLES } from '../parts/simulated-origin.ts'
import { drawWorld } from './world-draw.ts'

const FAULT_KINDS: readonly Fault['kind'][] = [
  'peer-crash',
  'peer-slow',
  'connections-cut',
  'partition',
  'origin-trouble',
  'tracker-down',
  'tracker-forgets',
  'tracker-slow',
  'disk-failure',
  'rot',
  'chunk-evicted',
  'song-away',
  'interest-lost',
]
const worlds = Array.from({ length: 1000 }, (_, index) => drawWorld(index + 1))
const songs = worlds.flatMap(world => world.songs)
const faults = worlds.flatMap(world => world.faults)

test('world draw: the same seed: the same world, and another seed another', () => {
  expect(drawWorld(17)).toEqual(drawWorld(17))
  expect(drawWorld(17)).not.toEqual(drawWorld(18))
})

test('world draw: a plan as JSON: loses nothing', () => {
  for (const world of worlds) expect(JSON.parse(JSON.stringify(world))).toEqual(world)
})

test('world draw: a thousand seeds: every shape that users have is among them', () => {
  const lastBytes = (song: (typeof songs)[number]) => chunkLengthBytes(song.shape, song.shape.chunkCount - 1)
  expect(songs.some(song => song.shape.chunkCount > 1 && lastBytes(song) === 1)).toBe(true)
  expect(songs.some(song => song.shape.chunkCount === 1 && lastBytes(song) === song.shape.chunkSize)).toBe(true)
  expect(songs.some(song => song.shape.chunkCount === 300)).toBe(true)
  expect(songs.some(song => song.shape.chunkSize === CHUNK_SIZE_MIN_BYTES)).toBe(true)
  expect(songs.some(song => song.shape.chunkSize === CHUNK_SIZE_MAX_BYTES)).toBe(true)
  expect(new Set(songs.map(song => song.hasBlockHashes))).toEqual(new Set([true, false]))
  expect(new Set(songs.map(song => song.flaw?.wrong))).toEqual(new Set([undefined, 'chunk-hash', 'block-hashes']))
})

test('world draw: a thousand seeds: every fault, every trouble and every manner is among them', () => {
  expect(new Set(faults.map(({ kind }) => kind))).toEqual(new Set(FAULT_KINDS))
  expect(new Set(faults.flatMap(fault => (fault.kind === 'origin-trouble' ? [fault.trouble] : [])))).toEqual(new Set(ORIGIN_TROUBLES))
  expect(new Set(worlds.flatMap(world => world.adversaries.map(({ manner }) => manner)))).toEqual(new Set(MANNERS))
})

test('world draw: every song: would pass as a manifest', () => {
  for (const { songId, shape } of songs) {
    const chunks = Array.from({ length: shape.chunkCount }, (_, chunkId) => ({ chunkId, hash: '0'.repeat(64) }))
    expect(parseManifest({ id: songId, title: 'x', ...shape, chunks })).toBeDefined()
    expect(byteRateBytesPerSecond(shape)).toBeGreaterThan(0)
  }
})

test('world draw: every world: heals after its last fault, and ends after that', () => {
  for (const { faults, healsAt, endsAt, peers, adversaries } of worlds) {
    for (const fault of faults) expect(endOf(fault)).toBeLessThanOrEqual(healsAt)
    for (const { joinsAt } of [...peers, ...adversaries]) expect(joinsAt).toBeLessThan(healsAt)
    expect(endsAt).toBeGreaterThan(healsAt)
  }
})
