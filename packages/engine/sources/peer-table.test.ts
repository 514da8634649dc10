import type { ChunkId } from '@evastream/core/ids'
import { parseSongId } from '@evastream/core/ids'
import { peerNamed } from '@evastream/testkit/scheduler-driver'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PeerTable } from './peer-table.ts'

const song = parseSongId('song-1')
const other = parseSongId('song-2')
const anna = peerNamed('anna')
const boris = peerNamed('boris')

function tableWith(options: { chunkCount?: number; neighboursPerSongMax?: number } = {}): PeerTable {
  const table = new PeerTable({ neighboursPerSongMax: options.neighboursPerSongMax ?? 10 })
  table.addSong(song, options.chunkCount ?? 4)
  return table
}

function heldBy(table: PeerTable, peerId = anna): ChunkId[] {
  return [...(table.holdingsOf(song).get(peerId)?.chunks.members() ?? [])]
}

function copies(table: PeerTable): number[] {
  return Array.from(table.copiesOf(song))
}

describe('peer table: what is told', () => {
  test('a list: the peer holds that, and it counts as copies', () => {
    const table = tableWith()
    table.listed(song, anna, { chunkIds: [0, 2], told: 'tracker' })
    table.listed(song, boris, { chunkIds: [2, 3], told: 'peer' })
    expect(heldBy(table)).toEqual([0, 2])
    expect(copies(table)).toEqual([1, 0, 2, 1])
  })

  test('a newer list of the tracker: replaces its older one', () => {
    const table = tableWith()
    table.listed(song, anna, { chunkIds: [0, 1], told: 'tracker' })
    table.listed(song, anna, { chunkIds: [1, 2], told: 'tracker' })
    expect(heldBy(table)).toEqual([1, 2])
    expect(copies(table)).toEqual([0, 1, 1, 0])
  })

  test('a list of the tracker after the peer spoke itself: adds, and takes nothing away', () => {
    const table = tableWith()
    table.listed(song, anna, { chunkIds: [0, 1], told: 'peer' })
    table.listed(song, anna, { chunkIds: [1, 2], told: 'tracker' })
    expect(heldBy(table)).toEqual([0, 1, 2])
  })

  test('a newer list of the peer itself: replaces everything', () => {
    const table = tableWith()
    table.listed(song, anna, { chunkIds: [0, 1], told: 'peer' })
    table.listed(song, anna, { chunkIds: [2], told: 'tracker' })
    table.listed(song, anna, { chunkIds: [3], told: 'peer' })
    expect(heldBy(table)).toEqual([3])
    expect(copies(table)).toEqual([0, 0, 0, 1])
  })

  test('the same told again: counted once', () => {
    const table = tableWith()
    table.has(song, anna, [1, 1])
    table.has(song, anna, [1])
    table.listed(song, anna, { chunkIds: [1, 1], told: 'tracker' })
    expect(copies(table)).toEqual([0, 1, 0, 0])
  })

  test('a peer that has something new, known or not: added', () => {
    const table = tableWith()
    table.has(song, anna, [3])
    expect(heldBy(table)).toEqual([3])
  })

  test('a peer that lacks something: taken away, once', () => {
    const table = tableWith()
    table.has(song, anna, [1, 3])
    table.lacks(song, anna, [3, 2])
    table.lacks(song, anna, [3])
    expect(heldBy(table)).toEqual([1])
    expect(copies(table)).toEqual([0, 1, 0, 0])
  })

  test('a stranger that lacks something: still a stranger', () => {
    const table = tableWith()
    table.lacks(song, anna, [3])
    expect(table.holdingsOf(song).size).toBe(0)
  })

  test('chunks that the song does not have: ignored', () => {
    const table = tableWith()
    table.has(song, anna, [-1, 4, 1.5, Number.NaN, 2 ** 40, 0])
    expect(heldBy(table)).toEqual([0])
    expect(copies(table)).toEqual([1, 0, 0, 0])
  })

  test('a peer that holds nothing: known all the same, since it may have something soon', () => {
    const table = tableWith()
    table.listed(song, anna, { chunkIds: [], told: 'peer' })
    expect(table.holdingsOf(song).has(anna)).toBe(true)
  })
})

describe('peer table: songs', () => {
  test('a song that was not added: nothing is noted and nobody holds it', () => {
    const table = tableWith()
    table.listed(other, anna, { chunkIds: [0], told: 'peer' })
    table.has(other, anna, [1])
    expect(table.holdingsOf(other).size).toBe(0)
    expect(table.copiesOf(other)[0]).toBeUndefined()
  })

  test('a song removed: what was known of it is gone', () => {
    const table = tableWith()
    table.has(song, anna, [1])
    table.removeSong(song)
    table.addSong(song, 4)
    expect(table.holdingsOf(song).size).toBe(0)
    expect(copies(table)).toEqual([0, 0, 0, 0])
  })

  test('a song added again: what is known stays, unless it has another number of chunks', () => {
    const table = tableWith()
    table.has(song, anna, [1])
    table.addSong(song, 4)
    expect(heldBy(table)).toEqual([1])
    table.addSong(song, 5)
    expect(heldBy(table)).toEqual([])
    expect(copies(table)).toHaveLength(5)
  })

  test('a peer removed: gone from every song', () => {
    const table = tableWith()
    table.addSong(other, 2)
    table.has(song, anna, [1])
    table.has(other, anna, [0])
    table.has(other, boris, [0])
    table.remove(anna)
    expect(copies(table)).toEqual([0, 0, 0, 0])
    expect(Array.from(table.copiesOf(other))).toEqual([1, 0])
    expect(table.holdingsOf(song).has(anna)).toBe(false)
  })

  test('a peer removed and back: its own word of before does not count any more', () => {
    const table = tableWith()
    table.listed(song, anna, { chunkIds: [0, 1], told: 'peer' })
    table.remove(anna)
    table.listed(song, anna, { chunkIds: [0, 1], told: 'tracker' })
    table.listed(song, anna, { chunkIds: [2], told: 'tracker' })
    expect(heldBy(table)).toEqual([2])
  })
})

describe('peer table: bounds', () => {
  test('more neighbours than allowed: the newcomer is not noted, those known go on', () => {
    const table = tableWith({ neighboursPerSongMax: 1 })
    table.has(song, anna, [0])
    table.has(song, boris, [1])
    table.has(song, anna, [2])
    expect(table.holdingsOf(song).has(boris)).toBe(false)
    expect(copies(table)).toEqual([1, 0, 1, 0])
  })

  test('a neighbour leaves: there is room for another', () => {
    const table = tableWith({ neighboursPerSongMax: 1 })
    table.has(song, anna, [0])
    table.remove(anna)
    table.has(song, boris, [1])
    expect(copies(table)).toEqual([0, 1, 0, 0])
  })
})

test('peer table: whatever is told: the copies of a chunk are the peers that hold it', () => {
  const names = ['anna', 'boris', 'clara', 'dora']
  const step = fc.record({
    kind: fc.constantFrom('listed-tracker', 'listed-peer', 'has', 'lacks', 'remove'),
    name: fc.constantFrom(...names),
    chunkIds: fc.array(fc.integer({ min: -2, max: 9 }), { maxLength: 8 }),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), steps => {
      const table = tableWith({ chunkCount: 8, neighboursPerSongMax: 3 })
      for (const { kind, name, chunkIds } of steps) {
        const peerId = peerNamed(name)
        if (kind === 'has') table.has(song, peerId, chunkIds)
        else if (kind === 'lacks') table.lacks(song, peerId, chunkIds)
        else if (kind === 'remove') table.remove(peerId)
        else table.listed(song, peerId, { chunkIds, told: kind === 'listed-peer' ? 'peer' : 'tracker' })
        const counted = Array.from(
          { length: 8 },
          (_, chunkId) => [...table.holdingsOf(song).values()].filter(({ chunks }) => chunks.has(chunkId)).length,
        )
        expect(copies(table)).toEqual(counted)
        expect(table.holdingsOf(song).size).toBeLessThanOrEqual(3)
      }
    }),
    { seed: 1, numRuns: 200 },
  )
})

describe('peer table: chunks on their way', () => {
  const toCome = (table: PeerTable) => [0, 1, 2, 3].map(chunkId => table.copiesToComeOf(song, chunkId))
  const arriving = (...chunkIds: number[]) => chunkIds.map(chunkId => ({ chunkId, blocks: [0] }))
  const arrivingAt = (table: PeerTable) => [...(table.holdingsOf(song).get(anna)?.arriving ?? [])].map(([id, { since }]) => [id, since])

  test('a chunk on its way to somebody: is half a copy, and nobody holds it', () => {
    const table = tableWith()
    table.listed(song, boris, { chunkIds: [1], told: 'peer' })
    table.arriving(song, anna, { chunks: arriving(1, 2), at: 5 })
    expect(toCome(table)).toEqual([0, 1.5, 0.5, 0])
    expect(copies(table)).toEqual([0, 1, 0, 0])
    expect(arrivingAt(table)).toEqual([
      [1, 5],
      [2, 5],
    ])
  })

  test('told again: the first time counts, and the last word about its blocks', () => {
    const table = tableWith()
    table.arriving(song, anna, { chunks: [{ chunkId: 1, blocks: [0] }], at: 5 })
    table.arriving(song, anna, { chunks: [{ chunkId: 1, blocks: [0, 3] }], at: 9 })
    expect(table.holdingsOf(song).get(anna)?.arriving).toEqual(new Map([[1, { since: 5, blocks: [0, 3] }]]))
    expect(toCome(table)).toEqual([0, 0.5, 0, 0])
  })

  test('it holds it now, lacks it, tells a new list, failed at it, or is gone: it is on its way no more', () => {
    const ends: ((table: PeerTable) => void)[] = [
      table => table.has(song, anna, [1]),
      table => table.lacks(song, anna, [1]),
      table => table.listed(song, anna, { chunkIds: [], told: 'peer' }),
      table => table.arrivalFailed(song, anna, 1),
      table => table.remove(anna),
    ]
    for (const end of ends) {
      const table = tableWith()
      table.arriving(song, anna, { chunks: arriving(1), at: 5 })
      end(table)
      expect(arrivingAt(table)).toEqual([])
      expect(toCome(table)[1]).toBe(copies(table)[1])
    }
  })

  test('a list of the tracker: changes nothing of what is on its way', () => {
    const table = tableWith()
    table.arriving(song, anna, { chunks: arriving(1), at: 5 })
    table.listed(song, anna, { chunkIds: [2], told: 'tracker' })
    expect(arrivingAt(table)).toEqual([[1, 5]])
  })

  test('a chunk that it held and is receiving again: is held no more', () => {
    const table = tableWith()
    table.has(song, anna, [1])
    table.arriving(song, anna, { chunks: arriving(1, 7), at: 5 })
    expect(heldBy(table)).toEqual([])
    expect(toCome(table)).toEqual([0, 0.5, 0, 0])
  })
})
