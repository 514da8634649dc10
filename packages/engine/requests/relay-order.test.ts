// Who may be asked, or waited for, for blocks of a chunk that it is receiving itself.

import { Bitfield } from '@evastream/core/bitfield'
import { peerNamed } from '@evastream/testkit/scheduler-driver'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Holding } from '../sources/peer-table.ts'
import { offerOf, readyBlocks } from './relay-order.ts'

/** What anna is receiving: a chunk, since when, and its blocks that are there. */
function holding(arriving: readonly (readonly [number, number, number[]?])[], held: readonly number[] = []): Holding {
  const chunks = new Map(arriving.map(([chunkId, since, blocks = []]) => [chunkId, { since, blocks }]))
  return { peerId: peerNamed('anna'), chunks: Bitfield.of(8, held), arriving: chunks, isToldByPeer: true }
}

describe('relay order', () => {
  test('who holds the chunk: offers all of it, whenever it came', () => {
    expect(offerOf(holding([], [3]), 3, { verify: 'blocks', firstBlockAt: 1 }, 7)).toBe('whole')
  })

  test('who is receiving it and has the block: offers it, whoever began first', () => {
    const anna = holding([[3, 100, [4, 5]]])
    expect(offerOf(anna, 3, { verify: 'blocks' }, 4)).toBe('part')
    expect(offerOf(anna, 3, { verify: 'blocks', firstBlockAt: 1 }, 5)).toBe('part')
    expect(offerOf(anna, 3, { verify: 'blocks', firstBlockAt: 1 }, 6)).toBeUndefined()
  })

  test('who is receiving it and has not got the block: may be waited for while nothing of it is here', () => {
    expect(offerOf(holding([[3, 100]]), 3, { verify: 'blocks' }, 0)).toBe('wait')
    expect(offerOf(holding([[3, 100]]), 4, { verify: 'blocks' }, 0)).toBeUndefined()
  })

  test('who began to receive it after us, or with us: is not waited for', () => {
    const anna = holding([[3, 100]])
    expect(offerOf(anna, 3, { verify: 'blocks', firstBlockAt: 101 }, 0)).toBe('wait')
    expect(offerOf(anna, 3, { verify: 'blocks', firstBlockAt: 100 }, 0)).toBeUndefined()
    expect(offerOf(anna, 3, { verify: 'blocks', firstBlockAt: 99 }, 0)).toBeUndefined()
  })

  test('a song that is judged by whole chunks: nobody offers a part', () => {
    expect(offerOf(holding([[3, 100, [0]]]), 3, { verify: 'chunk' }, 0)).toBeUndefined()
  })

  test('the blocks that are ready: those in a row from the first wanted one on, and all of a chunk that is held', () => {
    const anna = holding([[3, 100, [0, 1, 4, 5, 6]]], [2])
    expect([0, 1, 2, 4, 6].map(block => readyBlocks(anna, 3, block))).toEqual([2, 1, 0, 3, 1])
    expect(readyBlocks(anna, 2, 9)).toBe(Number.POSITIVE_INFINITY)
    expect(readyBlocks(anna, 7, 0)).toBe(0)
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
            return index !== asker && offerOf(holding([[0, heardAt]]), 0, { verify: 'blocks', firstBlockAt }, 0) === 'wait' ? [index] : []
          }),
        )
        const reaches = (from: number, seen: ReadonlySet<number>): boolean =>
          (waitsFor[from] ?? []).some(next => seen.has(next) || reaches(next, new Set([...seen, next])))
        for (const index of peers.keys()) expect(reaches(index, new Set([index]))).toBe(false)
      }),
    )
  })
})
