import { aSongState, fromOrigin, fromPeer } from '@evastream/testkit/engine-fixtures'
import { peerNamed } from '@evastream/testkit/scheduler-driver'
import { describe, expect, test } from 'vitest'
import type { OpenRequest, RequestOpening } from './request-table.ts'
import { RequestTable } from './request-table.ts'

const song = aSongState()

function opening(changes: Partial<RequestOpening> = {}): RequestOpening {
  return {
    song,
    chunk: song.startChunk(0, 0),
    run: { firstBlock: 0, blockCount: 8 },
    sizeBytes: 8 * 16_384,
    source: fromPeer('anna'),
    priority: 'seed',
    askedAs: 'seed',
    askedAt: 100,
    expectedMs: 200,
    patience: 1,
    deadlineAt: undefined,
    hedgeOf: undefined,
    ...changes,
  }
}

const ids = (requests: Iterable<OpenRequest>) => [...requests].map(({ requestId }) => requestId)

describe('request table: opening', () => {
  test('a request: has a number of its own, is found by it, and owns its blocks', () => {
    const table = new RequestTable()
    const first = opening()
    const request = table.open(first)
    const second = table.open(opening())
    expect(second.requestId).not.toBe(request.requestId)
    expect(table.get(request.requestId)).toBe(request)
    expect(table.size).toBe(2)
    expect(request).toMatchObject({ receivedBytes: 0, usefulBytes: 0, quietSince: 100, queueBytes: 0, hedgedBy: undefined })
    expect(first.chunk.freeRun()).toEqual({ firstBlock: 8, blockCount: 8 })
  })

  test('blocks that somebody was asked for already: a mistake of ours', () => {
    const table = new RequestTable()
    const { chunk } = table.open(opening())
    expect(() => table.open(opening({ chunk, run: { firstBlock: 7, blockCount: 2 } }))).toThrow(
      expect.objectContaining({ code: 'EVA_INTERNAL' }),
    )
  })

  test('a hedge: doubles blocks that are on their way, and the two know each other', () => {
    const table = new RequestTable()
    const first = table.open(opening())
    const hedge = table.open(opening({ chunk: first.chunk, source: fromOrigin, hedgeOf: first }))
    expect(first.hedgedBy).toBe(hedge)
    expect(hedge.hedgeOf).toBe(first)
    expect(first.chunk.missingRunOf(first.requestId, first.run)).toEqual(first.run)
  })
})

describe('request table: who has what', () => {
  test('of a peer, and of a chunk: those and no others', () => {
    const table = new RequestTable()
    const one = table.open(opening())
    const two = table.open(opening({ chunk: one.chunk, run: { firstBlock: 8, blockCount: 8 }, source: fromPeer('boris') }))
    const three = table.open(opening({ source: fromOrigin }))
    expect(ids(table.ofPeer(peerNamed('anna')))).toEqual([one.requestId])
    expect(ids(table.ofPeer(peerNamed('nobody')))).toEqual([])
    expect(ids(table.ofChunk(one.chunk))).toEqual([one.requestId, two.requestId])
    expect(ids(table.all())).toEqual([one.requestId, two.requestId, three.requestId])
  })

  test('a list of them: stays as it is while they are closed', () => {
    const table = new RequestTable()
    table.open(opening())
    table.open(opening())
    const list = table.ofPeer(peerNamed('anna'))
    for (const request of list) table.close(request)
    expect(list).toHaveLength(2)
    expect(table.size).toBe(0)
  })
})

describe('request table: bytes', () => {
  test('bytes arrive: the request is not quiet', () => {
    const table = new RequestTable()
    const request = table.open(opening())
    table.arrived(request, 500, 150)
    table.arrived(request, 700, 180)
    expect(request).toMatchObject({ receivedBytes: 1200, queueBytes: 1200, quietSince: 180 })
  })

  test('bytes of a request asked before, of the same source: the later one only stands in the queue', () => {
    const table = new RequestTable()
    const first = table.open(opening())
    const second = table.open(opening())
    table.arrived(first, 500, 150)
    expect(second).toMatchObject({ receivedBytes: 0, queueBytes: 500, quietSince: 150 })
  })

  test('bytes of a request asked later: no excuse for the earlier one', () => {
    const table = new RequestTable()
    const first = table.open(opening())
    const second = table.open(opening())
    table.arrived(second, 500, 150)
    expect(first).toMatchObject({ queueBytes: 0, quietSince: 100 })
  })

  test('bytes of another source: no excuse at all', () => {
    const table = new RequestTable()
    const first = table.open(opening({ source: fromOrigin }))
    const second = table.open(opening())
    table.arrived(first, 500, 150)
    expect(second.quietSince).toBe(100)
  })
})

describe('request table: closing', () => {
  test('a request is over: gone, and its blocks are free', () => {
    const table = new RequestTable()
    const request = table.open(opening())
    table.close(request)
    expect(table.get(request.requestId)).toBeUndefined()
    expect(ids(table.ofPeer(peerNamed('anna')))).toEqual([])
    expect(request.chunk.freeRun()).toEqual({ firstBlock: 0, blockCount: 16 })
  })

  test('closed twice: the second time nothing happens', () => {
    const table = new RequestTable()
    const request = table.open(opening())
    table.close(request)
    const heir = table.open(opening({ chunk: request.chunk }))
    table.close(request)
    expect(request.chunk.missingRunOf(heir.requestId, heir.run)).toEqual(heir.run)
  })

  test('one that was hedged is over: the hedge owns the blocks and is a hedge no longer', () => {
    const table = new RequestTable()
    const first = table.open(opening())
    const hedge = table.open(opening({ chunk: first.chunk, run: { firstBlock: 0, blockCount: 4 }, source: fromOrigin, hedgeOf: first }))
    table.close(first)
    expect(hedge.hedgeOf).toBeUndefined()
    expect(first.chunk.missingRunOf(hedge.requestId, hedge.run)).toEqual(hedge.run)
    expect(first.chunk.freeRun()).toEqual({ firstBlock: 4, blockCount: 12 })
    table.close(hedge)
    expect(first.chunk.freeRun()).toEqual({ firstBlock: 0, blockCount: 16 })
  })

  test('a hedge is over: the first owns its blocks as before and can be hedged again', () => {
    const table = new RequestTable()
    const first = table.open(opening())
    const hedge = table.open(opening({ chunk: first.chunk, source: fromOrigin, hedgeOf: first }))
    table.close(hedge)
    expect(first.hedgedBy).toBeUndefined()
    expect(first.chunk.missingRunOf(first.requestId, first.run)).toEqual(first.run)
  })
})
