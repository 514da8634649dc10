import { type PeerId, parsePeerId } from '@evastream/core/ids'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DepartedTotals } from './departed-totals.ts'

const idOf = (number: number): PeerId => parsePeerId(`peer-${number}`)

function leave(departed: DepartedTotals, peer: number, total: number): void {
  departed.set(departed.add(idOf(peer)), 0, total)
}

function totalOf(departed: DepartedTotals, peer: number): number | undefined {
  const row = departed.find(idOf(peer))
  return row === undefined ? undefined : departed.total(row, 0)
}

describe('DepartedTotals', () => {
  it('departed totals: a peer that leaves and comes back a thousand times: costs the others none of their rows', () => {
    const departed = new DepartedTotals({ max: 3 })
    leave(departed, 1, 10)
    leave(departed, 2, 20)
    for (let round = 0; round < 1000; round++) {
      leave(departed, 3, round)
      departed.remove(idOf(3))
    }
    expect([1, 2, 3].map(peer => totalOf(departed, peer))).toEqual([10, 20, undefined])
  })

  it('departed totals: any coming and going: exactly those who left last are remembered', () => {
    const step = fc.record({ peer: fc.integer({ min: 0, max: 7 }), isLeaving: fc.boolean(), total: fc.nat(1000) })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.array(step, { maxLength: 60 }), (max, steps) => {
        const departed = new DepartedTotals({ max })
        const expected = new Map<number, number>()
        for (const { peer, isLeaving, total } of steps) {
          expected.delete(peer)
          if (isLeaving) {
            leave(departed, peer, total)
            expected.set(peer, total)
            for (const oldest of [...expected.keys()].slice(0, -max)) expected.delete(oldest)
          } else departed.remove(idOf(peer))
          for (let each = 0; each < 8; each++) expect(totalOf(departed, each)).toBe(expected.get(each))
        }
      }),
      { seed: 5, numRuns: 200 },
    )
  })
})
