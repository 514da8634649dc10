import { fromOrigin, fromPeer } from '@evastream/testkit/engine-fixtures'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ChunkProgress, isSameSource } from './chunk-progress.ts'

function progressOf(blockCount: number): ChunkProgress {
  return new ChunkProgress({ chunkId: 3, blockCount, verify: 'blocks' }, 1000)
}

const run = (firstBlock: number, blockCount: number) => ({ firstBlock, blockCount })

describe('chunk progress: which blocks are free', () => {
  test('a new chunk: all of them, in one run', () => {
    expect(progressOf(16).freeRun()).toEqual(run(0, 16))
  })

  test('the first blocks are on their way: the rest', () => {
    const progress = progressOf(16)
    progress.claim(1, run(0, 8))
    expect(progress.freeRun()).toEqual(run(8, 8))
  })

  test('some in the middle are here: the run ends before them', () => {
    const progress = progressOf(16)
    progress.claim(1, run(4, 2))
    progress.arrived(4, fromOrigin)
    progress.arrived(5, fromOrigin)
    expect(progress.freeRun()).toEqual(run(0, 4))
    progress.claim(2, run(0, 4))
    expect(progress.freeRun()).toEqual(run(6, 10))
  })

  test('a reader stands in the middle: the run from there comes first, the start after it', () => {
    const progress = progressOf(16)
    expect(progress.freeRun(10)).toEqual(run(10, 6))
    progress.claim(1, run(10, 6))
    expect(progress.freeRun(10)).toEqual(run(0, 10))
  })

  test('every block is here or on its way: none', () => {
    const progress = progressOf(4)
    progress.claim(1, run(0, 3))
    progress.claim(2, run(3, 1))
    progress.arrived(0, fromOrigin)
    expect(progress.freeRun()).toBeUndefined()
    expect(progress.isIdle).toBe(false)
  })

  test('a block that is claimed twice: a mistake of ours', () => {
    const progress = progressOf(4)
    progress.claim(1, run(0, 2))
    expect(() => progress.claim(2, run(1, 2))).toThrow(expect.objectContaining({ code: 'EVA_INTERNAL' }))
  })
})

describe('chunk progress: blocks that arrive', () => {
  test('one by one: counted, until the chunk is full', () => {
    const progress = progressOf(3)
    progress.claim(1, run(0, 3))
    expect(progress.arrived(0, fromPeer('anna'))).toBe(true)
    expect(progress.arrived(1, fromPeer('anna'))).toBe(true)
    expect([progress.blocksHere, progress.isFull]).toEqual([2, false])
    expect(progress.arrived(2, fromPeer('anna'))).toBe(true)
    expect([progress.blocksHere, progress.isFull, progress.isIdle]).toEqual([3, true, true])
  })

  test('the same again: not new, and its second sender did not send it', () => {
    const progress = progressOf(3)
    progress.arrived(0, fromPeer('anna'))
    expect(progress.arrived(0, fromPeer('boris'))).toBe(false)
    expect(progress.blocksHere).toBe(1)
    expect(progress.senders).toEqual([fromPeer('anna')])
  })

  test('a block the chunk does not have: not new', () => {
    const progress = progressOf(3)
    expect(progress.arrived(3, fromOrigin)).toBe(false)
    expect(progress.arrived(-1, fromOrigin)).toBe(false)
    expect(progress.blocksHere).toBe(0)
  })

  test('who sent what is here: each source once', () => {
    const progress = progressOf(4)
    progress.arrived(0, fromPeer('anna'))
    progress.arrived(1, fromOrigin)
    progress.arrived(2, fromPeer('anna'))
    progress.arrived(3, fromPeer('boris'))
    expect(progress.senders).toEqual([fromPeer('anna'), fromOrigin, fromPeer('boris')])
  })

  test('a run: here once all its blocks are', () => {
    const progress = progressOf(4)
    progress.arrived(1, fromOrigin)
    expect(progress.isRunHere(run(1, 2))).toBe(false)
    progress.arrived(2, fromOrigin)
    expect(progress.isRunHere(run(1, 2))).toBe(true)
    expect(progress.isHere(2)).toBe(true)
    expect(progress.isHere(3)).toBe(false)
  })
})

describe('chunk progress: requests that end', () => {
  test('it fails midway: what is here stays, the rest is free again', () => {
    const progress = progressOf(8)
    progress.claim(1, run(0, 8))
    progress.arrived(0, fromOrigin)
    progress.arrived(1, fromOrigin)
    progress.release(1, run(0, 8))
    expect(progress.freeRun()).toEqual(run(2, 6))
    expect(progress.isIdle).toBe(true)
    expect(progress.blocksHere).toBe(2)
  })

  test('another request owns blocks nearby: those stay its own', () => {
    const progress = progressOf(8)
    progress.claim(1, run(0, 4))
    progress.claim(2, run(4, 4))
    progress.release(1, run(0, 4))
    expect(progress.freeRun()).toEqual(run(0, 4))
    expect(progress.isIdle).toBe(false)
  })

  test('it was hedged: the hedge inherits what it brings anyway, the rest is free', () => {
    const progress = progressOf(8)
    progress.claim(1, run(0, 8))
    progress.release(1, run(0, 8), { requestId: 2, run: run(0, 4) })
    expect(progress.freeRun()).toEqual(run(4, 4))
    expect(progress.missingRunOf(2, run(0, 4))).toEqual(run(0, 4))
    progress.release(2, run(0, 4))
    expect(progress.isIdle).toBe(true)
  })

  test('what a request still has to bring: the first run of it that is missing', () => {
    const progress = progressOf(8)
    progress.claim(1, run(2, 4))
    progress.arrived(2, fromOrigin)
    expect(progress.missingRunOf(1, run(2, 4))).toEqual(run(3, 3))
    for (const block of [3, 4, 5]) progress.arrived(block, fromOrigin)
    expect(progress.missingRunOf(1, run(2, 4))).toBeUndefined()
  })
})

describe('chunk progress: sources', () => {
  test('the origin is the origin, a peer is the peer of that name', () => {
    expect(isSameSource(fromOrigin, { kind: 'origin' })).toBe(true)
    expect(isSameSource(fromPeer('anna'), fromPeer('anna'))).toBe(true)
    expect(isSameSource(fromPeer('anna'), fromPeer('boris'))).toBe(false)
    expect(isSameSource(fromPeer('anna'), fromOrigin)).toBe(false)
    expect(isSameSource(fromOrigin, fromPeer('anna'))).toBe(false)
  })
})

test('chunk progress: whatever is claimed, arrives and is released: free, on their way and here add up to the chunk', () => {
  const step = fc.record({ kind: fc.constantFrom('claim', 'arrive', 'release'), block: fc.nat(23), count: fc.integer({ min: 1, max: 8 }) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), steps => {
      const progress = progressOf(24)
      const open = new Map<number, { firstBlock: number; blockCount: number }>()
      const here = new Set<number>()
      let lastId = 0
      for (const { kind, block, count } of steps) {
        const free = progress.freeRun(block)
        if (kind === 'claim' && free !== undefined) {
          const claimed = { firstBlock: free.firstBlock, blockCount: Math.min(count, free.blockCount) }
          for (let each = claimed.firstBlock; each < claimed.firstBlock + claimed.blockCount; each++) expect(here.has(each)).toBe(false)
          progress.claim(++lastId, claimed)
          open.set(lastId, claimed)
        } else if (kind === 'arrive') {
          expect(progress.arrived(block, fromOrigin)).toBe(!here.has(block))
          here.add(block)
        } else if (kind === 'release') {
          const [requestId, claimed] = [...open][block % Math.max(1, open.size)] ?? []
          if (requestId === undefined || claimed === undefined) continue
          progress.release(requestId, claimed)
          open.delete(requestId)
        }
        const onTheirWay = new Set<number>()
        for (const claimed of open.values())
          for (let each = claimed.firstBlock; each < claimed.firstBlock + claimed.blockCount; each++)
            if (!here.has(each)) onTheirWay.add(each)
        expect(progress.blocksHere).toBe(here.size)
        expect(progress.isIdle).toBe(onTheirWay.size === 0)
        expect(progress.freeRun() === undefined).toBe(here.size + onTheirWay.size === 24)
        for (let each = -1; each <= 24; each++)
          expect(progress.isFree(each)).toBe(each >= 0 && each < 24 && !here.has(each) && !onTheirWay.has(each))
      }
    }),
    { seed: 1, numRuns: 200 },
  )
})
