// Who may be waited for, for blocks that it is receiving itself.

import { Bitfield } from '@evastream/core/bitfield'
import { peerNamed } from '@evastream/testkit/scheduler-driver'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Holding } from '../sources/peer-table.ts'
import { offerOf } from './relay-order.ts'

function holding(arriving: readonly (readonly [number, number])[], held: readonly number[] = []): Holding {
  return { peerId: peerNamed('anna'), chunks: Bitfield.of(8, held), arriving: new Map(arriving), isToldByPeer: true }
}

describe('relay order', () => {
  test('who holds the chunk: offers all of it, whenever it came', () => {
    expect(offerOf(holding([], [3]), 3, { verify: 'blocks', firstBlockAt: 1 })).toBe('whole')
  })

  test('who is receiving it: offers a part, to those of whom nothing of it is here yet', () => {
    expect(offerOf(holding([[3, 100]]), 3, { verify: 'blocks' })).toBe('part')
    expect(offerOf(holding([[3, 100]]), 4, { verify: 'blocks' })).toBeUndefined()
  })

  test('who began to receive it after us, or with us: is not waited for', () => {
    const anna = holding([[3, 100]])
    expect(offerOf(anna, 3, { verify: 'blocks', firstBlockAt: 101 })).toBe('part')
    expect(offerOf(anna, 3, { verify: 'blocks', firstBlockAt: 100 })).toBeUndefined()
    expect(offerOf(anna, 3, { verify: 'blocks', firstBlockAt: 99 })).toBeUndefined()
  })

  test('a song that is judged by whole chunks: nobody offers a part', () => {
    expect(offerOf(holding([[3, 100]]), 3, { verify: 'chunk' })).toBeUndefined()
  })

  test('whoever tells whom after whatever delay: nobody ever waits for itself, however many are in between', () => {
    const times = fc.array(fc.record({ firstBlockAt: fc.integer({ min: 0, max: 20 }), delayMs: fc.integer({ min: 1, max: 9 }) }), {
      minLength: 2,
      maxLength: 7,
    })
    fc.assert(
      fc.property(times, peers => {
        const waitsFor = peers.map(({ firstBlockAt }, asker) =>
          peers.flatMap((other, index) => {
            const heardAt = other.firstBlockAt + other.delayMs
            return index !== asker && offerOf(holding([[0, heardAt]]), 0, { verify: 'blocks', firstBlockAt }) === 'part' ? [index] : []
          }),
        )
        const reaches = (from: number, seen: ReadonlySet<number>): boolean =>
          (waitsFor[from] ?? []).some(next => seen.has(next) || reaches(next, new Set([...seen, next])))
        for (const index of peers.keys()) expect(reaches(index, new Set([index]))).toBe(false)
      }),
    )
  })
})
