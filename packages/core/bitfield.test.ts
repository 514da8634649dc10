import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Bitfield } from './bitfield.ts'

const lengths = fc.integer({ min: 1, max: 300 })

describe('Bitfield', () => {
  test('any adds and deletes: it holds exactly what a Set holds', () => {
    const steps = fc.array(fc.tuple(fc.boolean(), fc.integer({ min: -2, max: 305 })))
    fc.assert(
      fc.property(lengths, steps, (length, changes) => {
        const field = new Bitfield(length)
        const model = new Set<number>()
        for (const [isAdd, index] of changes) {
          const isInside = index >= 0 && index < length
          expect(isAdd ? field.add(index) : field.delete(index)).toBe(isAdd ? isInside && !model.has(index) : model.has(index))
          if (isAdd && isInside) model.add(index)
          if (!isAdd) model.delete(index)
        }
        expect([...field.members()]).toEqual([...model].sort((a, b) => a - b))
        expect([...field.missing()]).toHaveLength(length - model.size)
        expect(field.count).toBe(model.size)
        expect(field.isFull).toBe(model.size === length)
      }),
    )
  })

  test('bytes: a bitmap read back is the same set', () => {
    fc.assert(
      fc.property(lengths, fc.array(fc.nat(299)), (length, members) => {
        const field = Bitfield.of(length, members)
        const copy = Bitfield.fromBytes(field.toBytes(), length)
        expect([...copy.members()]).toEqual([...field.members()])
        expect(copy.count).toBe(field.count)
      }),
    )
  })

  test('bytes: the first bit is the most significant one', () => {
    expect([...Bitfield.of(10, [0, 9]).toBytes()]).toEqual([0x80, 0x40])
  })

  test('bytes: a wrong size or a bit past the end is refused', () => {
    expect(() => Bitfield.fromBytes(new Uint8Array(1), 9)).toThrow(/takes 2 bytes/)
    expect(() => Bitfield.fromBytes(Uint8Array.of(0, 0x20), 10)).toThrow(/past the end/)
  })

  test('union and without: as of Sets', () => {
    const members = fc.array(fc.nat(299))
    fc.assert(
      fc.property(lengths, fc.array(members), members, (length, lists, others) => {
        const inside = (list: readonly number[]) => list.filter(index => index < length)
        const union = Bitfield.union(
          length,
          lists.map(list => Bitfield.of(length, list)),
        )
        const model = new Set(lists.flatMap(inside))
        expect([...union.members()]).toEqual([...model].sort((a, b) => a - b))
        expect(union.count).toBe(model.size)
        const without = [...model].filter(index => !others.includes(index)).sort((a, b) => a - b)
        expect(union.without(Bitfield.of(length, others))).toEqual(without)
      }),
    )
  })

  test('clone: a change to the copy leaves the original', () => {
    const original = Bitfield.full(3)
    original.clone().delete(1)
    expect(original.isFull).toBe(true)
  })

  test('add: fractions and NaN are never members', () => {
    const field = new Bitfield(4)
    expect([field.add(0.5), field.add(Number.NaN)]).toEqual([false, false])
    expect(field.count).toBe(0)
  })
})
