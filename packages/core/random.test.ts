import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { seededRandom } from './random.ts'

describe('seededRandom', () => {
  test('the same seed gives the same sequence, another seed another', () => {
    const draw = (seed: number): number[] =>
      Array.from(
        { length: 20 },
        (
          random => () =>
            random.ratio()
        )(seededRandom(seed)),
      )
    expect(draw(7)).toEqual(draw(7))
    expect(draw(7)).not.toEqual(draw(8))
    expect(draw(7)).not.toEqual(draw(7 + 2 ** 32))
  })

  test('a seed has this sequence for ever, on every machine', () => {
    const random = seededRandom(1)
    expect([random.below(1000), random.below(1000), random.below(1000), random.below(1000)]).toEqual([537, 454, 82, 153])
  })

  test('below: stays under its bound and reaches every value', () => {
    const random = seededRandom(3)
    const seen = new Set(Array.from({ length: 500 }, () => random.below(6)))
    expect([...seen].toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5])
  })

  test('shuffled: has the same elements and leaves its input alone', () => {
    fc.assert(
      fc.property(fc.integer(), fc.array(fc.integer()), (seed, items) => {
        const before = [...items]
        expect([...seededRandom(seed).shuffled(items)].sort((a, b) => a - b)).toEqual([...items].sort((a, b) => a - b))
        expect(items).toEqual(before)
      }),
    )
  })

  test('pick: undefined of nothing', () => {
    expect(seededRandom(1).pick([])).toBeUndefined()
    expect(seededRandom(1).pick(['only'])).toBe('only')
  })

  test('fork: what the child draws does not shift the parent', () => {
    const [lone, parent] = [seededRandom(5), seededRandom(5)]
    lone.fork()
    const child = parent.fork()
    child.ratio()
    expect(parent.ratio()).toBe(lone.ratio())
  })
})
