// The order of chunks by how soon somebody idle could bring them, with rarity among equals.

import { seededRandom } from '@evastream/core/random'
import { expect, test } from 'vitest'
import type { ChunkFacts } from './chunk-selection.ts'
import { soonestFirst } from './soonest-first.ts'

function facts(chunks: readonly { readonly soonestMs: number; readonly copies: number }[]): ChunkFacts {
  return {
    chunkIds: chunks.map((_, chunkId) => chunkId),
    copiesOf: chunkId => chunks[chunkId]?.copies ?? 0,
    soonestMs: chunkId => chunks[chunkId]?.soonestMs ?? 0,
    deadlineOf: () => undefined,
  }
}

const late = { soonestMs: 900, copies: 0.5 }
const soon = { soonestMs: 60, copies: 7 }

test('soonest first: what an idle source has comes before what is rarer and has to wait', () => {
  expect(soonestFirst.order(facts([late, soon, late, soon]), seededRandom(1), 2).sort()).toEqual([1, 3])
})

test('soonest first: equally soon: the rarest; equally rare too: each may come first', () => {
  const equals = [
    { soonestMs: 60, copies: 3 },
    { soonestMs: 60, copies: 1 },
    { soonestMs: 60, copies: 1 },
  ]
  const firsts = Array.from({ length: 40 }, (_, seed) => soonestFirst.order(facts(equals), seededRandom(seed), 1)[0])
  expect(new Set(firsts)).toEqual(new Set([1, 2]))
})

test('soonest first: what nobody offers is the origin’s, and comes first of all', () => {
  expect(soonestFirst.order(facts([soon, { soonestMs: 0, copies: 0 }, late]), seededRandom(1), 3)).toEqual([1, 0, 2])
})
