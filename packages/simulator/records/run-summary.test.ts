// What a person reads of a run: complete, and honest about what went wrong.
// Not the run: simulation.ts.

import { parsePeerId } from '@evastream/core/ids'
import { KIB, SECOND_MS } from '@evastream/core/units'
import { expect, test } from 'vitest'
import { scenario } from '../worlds/scenario.ts'
import { summaryLine, summaryOf } from './run-summary.ts'

const peerId = parsePeerId('peer-2')
const world = () =>
  scenario()
    .song({ chunkCount: 3, chunkSizeBytes: 64 * KIB, lastChunkBytes: 1 })
    .peer('peer-1')

test('summary: a good run: tells the world, the outcome, the bytes and the faults', () => {
  const outcome = world()
    .peer('peer-2', { joinsAt: SECOND_MS })
    .adversary('tarpit')
    .fault({ kind: 'peer-crash', peerId, at: 2 * SECOND_MS, until: 4 * SECOND_MS, isSilent: false, keepsStore: true })
    .run({ seed: 5 })
  const lines = summaryOf(outcome).split('\n')
  expect(lines[0]).toBe('seed 5: good')
  expect(lines[1]).toBe(
    '  world    song-1 (3 chunks of 64.0 KiB, the last of 1 B, with block hashes); 2 peers (peer-1 from 0.0 s fetching, peer-2 from 1.0 s fetching); 1 adversary (adversary-1 tarpit from 0.0 s)',
  )
  expect(lines[2]).toMatch(/everything wanted is there after \d+\.\d s of virtual time/)
  expect(lines[3]).toMatch(/KiB from the origin, .* from peers, .* wasted/)
  expect(lines.slice(4, -1)).toEqual([
    expect.stringMatching(/^ {11}peer-1: .* origin, .* peers, .* sent on, .* wasted$/),
    expect.stringMatching(/^ {11}peer-2: /),
  ])
  expect(lines.at(-1)).toBe('  faults   at 2.0 s peer-2 crashes, back at 4.0 s with its chunks')
  expect(summaryLine(outcome)).toMatch(/^seed=5 good \d+\.\d s, .* origin, .* peers, .* wasted, 1 faults, \d+ steps$/)
})

test('summary: a bad run: says what is missing, what was broken, and how to play it again', () => {
  const outcome = world().originDies().everybodyIsDoneWithin(SECOND_MS).run({ seed: 6 })
  const violations = [{ at: 1500, peerId, rule: 'the law', reason: 'it was broken' }]
  const text = summaryOf({ ...outcome, violations })
  expect(text).toContain('seed 6: BAD')
  expect(text).toContain('MISSING  peer-1 lacks chunks 0, 1, 2 of song-1')
  expect(text).toContain('BROKEN   "the law" at 1.5 s by peer-2: it was broken')
  expect(text.split('\n').at(-1)).toBe('  replay   npm run sim -- --seed 6 --trace -')
})
