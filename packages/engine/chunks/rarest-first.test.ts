import { seededRandom } from '@evastream/core/random'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ChunkFacts } from './chunk-selection.ts'
import { rarestFirst } from './rarest-first.ts'

/** Chunk `i` is held by `copies[i]` peers. */
function facts(copies: readonly number[]): ChunkFacts {
  return {
    chunkIds: copies.map((_, chunkId) => chunkId),
    copiesOf: chunkId => copies[chunkId] ?? 0,
    soonestMs: () => 0,
    deadlineOf: () => undefined,
  }
}

describe('rarest first', () => {
  test('chunks of different rarity: the rarest first', () => {
    expect(rarestFirst.order(facts([3, 1, 2, 0]), seededRandom(1), 4)).toEqual([3, 1, 2, 0])
  })

  test('fewer asked for than there are: the rarest of them', () => {
    expect(rarestFirst.order(facts([3, 1, 2, 0]), seededRandom(1), 2)).toEqual([3, 1])
  })

  test('no chunk: an empty list', () => {
    expect(rarestFirst.order(facts([]), seededRandom(1), 8)).toEqual([])
  })

  test('equally rare chunks: each comes first about equally often', () => {
    const firsts = [0, 0, 0, 0, 0]
    for (let seed = 0; seed < 1000; seed++) {
      const [first = -1] = rarestFirst.order(facts([2, 2, 2, 2, 2]), seededRandom(seed), 1)
      firsts[first] = (firsts[first] ?? 0) + 1
    }
    for (const count of firsts) expect(count).toBeGreaterThan(150)
  })

  test('equally rare chunks, one seed: always the same order', () => {
    const order = () => rarestFirst.order(facts([1, 1, 1, 1, 1, 1]), seededRandom(42), 6)
    expect(order()).toEqual(order())
  })

  test('any rarities: a part of what was given, none twice, never a commoner one before a rarer', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(5), { maxLength: 60 }), fc.nat(80), fc.integer(), (copies, countMax, seed) => {
        const order = rarestFirst.order(facts(copies), seededRandom(seed), countMax)
        expect(order.length).toBe(Math.min(countMax, copies.length))
        expect(new Set(order).size).toBe(order.length)
        const rarities = order.map(chunkId => copies[chunkId] ?? Number.NaN)
        expect(rarities).toEqual([...copies].sort((a, b) => a - b).slice(0, countMax))
      }),
      { seed: 1 },
    )
  })
})
