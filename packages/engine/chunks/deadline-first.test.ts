import { seededRandom } from '@evastream/core/random'
import { describe, expect, test } from 'vitest'
import type { ChunkFacts } from './chunk-selection.ts'
import { deadlineFirst } from './deadline-first.ts'

/** Chunks with their deadlines, in the order in which they are given to the policy. */
function facts(deadlines: readonly (readonly [number, number | undefined])[]): ChunkFacts {
  const known = new Map(deadlines)
  return {
    chunkIds: deadlines.map(([chunkId]) => chunkId),
    copiesOf: () => 1,
    soonestMs: () => 0,
    deadlineOf: chunkId => known.get(chunkId),
  }
}

const random = seededRandom(1)

describe('deadline first', () => {
  test('chunks with deadlines: the earliest first', () => {
    expect(
      deadlineFirst.order(
        facts([
          [4, 900],
          [5, 300],
          [6, 600],
        ]),
        random,
        3,
      ),
    ).toEqual([5, 6, 4])
  })

  test('chunks without a deadline: last, in the order of the song', () => {
    expect(
      deadlineFirst.order(
        facts([
          [7, undefined],
          [2, undefined],
          [5, 300],
        ]),
        random,
        3,
      ),
    ).toEqual([5, 2, 7])
  })

  test('equal deadlines: in the order of the song', () => {
    expect(
      deadlineFirst.order(
        facts([
          [9, 300],
          [3, 300],
          [6, 300],
        ]),
        random,
        3,
      ),
    ).toEqual([3, 6, 9])
  })

  test('a deadline that is long past: first all the same', () => {
    expect(
      deadlineFirst.order(
        facts([
          [1, 100],
          [2, -5000],
        ]),
        random,
        2,
      ),
    ).toEqual([2, 1])
  })

  test('fewer asked for than there are: the earliest of them', () => {
    expect(
      deadlineFirst.order(
        facts([
          [4, 900],
          [5, 300],
          [6, 600],
        ]),
        random,
        1,
      ),
    ).toEqual([5])
  })

  test('no chunk: an empty list', () => {
    expect(deadlineFirst.order(facts([]), random, 8)).toEqual([])
  })
})
