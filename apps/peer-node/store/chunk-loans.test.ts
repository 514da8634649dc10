// Loaded once for many, kept for a while, and never kept when loading failed.
import { EvaError } from '@evastream/core/errors'
import type { ChunkId } from '@evastream/core/ids'
import { MIB } from '@evastream/core/units'
import { filledStore } from '@evastream/testkit/filled-store'
import { songFixture } from '@evastream/testkit/song-fixture'
import { describe, expect, it } from 'vitest'
import { ChunkBuffers } from './chunk-buffers.ts'
import { ChunkLoans } from './chunk-loans.ts'

const song = songFixture({ fileSize: 12 * MIB, chunkSize: 4 * MIB })
const { id: songId } = song.manifest

async function countedLoans() {
  const store = await filledStore(song)
  const loads: ChunkId[] = []
  const failures: EvaError[] = []
  const buffers = new ChunkBuffers()
  const loans = new ChunkLoans({
    buffers,
    store: {
      heldChunks: id => store.heldChunks(id),
      hasChunk: (id, chunkId) => store.hasChunk(id, chunkId),
      loadChunk: async (id, chunkId, allocate) => {
        loads.push(chunkId)
        const failure = failures.shift()
        if (failure !== undefined) throw failure
        const bytes = await store.loadChunk(id, chunkId)
        const target = allocate?.(bytes.length) ?? new Uint8Array(bytes.length)
        target.set(bytes)
        return target
      },
    },
  })
  return { loans, loads, failures, buffers }
}

describe('ChunkLoans', () => {
  it('chunk loans: asked for by several at once, and again: is loaded once', async () => {
    const { loans, loads } = await countedLoans()
    const lent = await Promise.all([loans.borrow(songId, 1), loans.borrow(songId, 1)])
    lent.push(await loans.borrow(songId, 1))
    expect(loads).toEqual([1])
    expect(lent.map(({ bytes }) => Buffer.compare(bytes, song.chunkBytes(1)))).toEqual([0, 0, 0])
  })

  it('chunk loans: more than 8 MiB: the one longest unused is let go', async () => {
    const { loans, loads } = await countedLoans()
    for (const chunkId of [0, 1, 0, 2, 0, 1]) await loans.borrow(songId, chunkId)
    expect(loads).toEqual([0, 1, 2, 1])
  })

  it('chunk loans: a load that fails: says so to all who asked, and the next one loads again', async () => {
    const { loans, loads, failures } = await countedLoans()
    failures.push(new EvaError('EVA_STORED_CHUNK_ROTTEN'))
    const outcomes = await Promise.allSettled([loans.borrow(songId, 1), loans.borrow(songId, 1)])
    expect(outcomes.map(outcome => outcome.status === 'rejected' && outcome.reason.code)).toEqual(Array(2).fill('EVA_STORED_CHUNK_ROTTEN'))
    await loans.borrow(songId, 1)
    expect(loads).toEqual([1, 1])
  })

  it('chunk loans: a chunk that was stored a moment ago: is not loaded, and its buffer is used again once nobody has it', async () => {
    const { loans, loads, buffers } = await countedLoans()
    const own = song.chunkBytes(0).slice()
    loans.lend(songId, 0, { bytes: own, isSole: true })
    const loan = await loans.borrow(songId, 0)
    expect([loads, loan.bytes === own]).toEqual([[], true])
    for (const chunkId of [1, 2]) await loans.borrow(songId, chunkId)
    expect(buffers.take(own.length)).not.toBe(own)
    loans.giveBack(loan, false)
    expect(buffers.take(own.length)).toBe(own)
    expect(buffers.take(own.length)).not.toBe(own)
  })

  it.each([
    ['of which parts are still on their way out', true, true],
    ['that somebody else reads', false, false],
  ])('chunk loans: a buffer %s: is not used again', async (_name, isSole, isStillRead) => {
    const { loans, buffers } = await countedLoans()
    const own = song.chunkBytes(0).slice()
    loans.lend(songId, 0, { bytes: own, isSole })
    loans.giveBack(await loans.borrow(songId, 0), isStillRead)
    for (const chunkId of [1, 2]) await loans.borrow(songId, chunkId)
    expect(buffers.take(own.length)).not.toBe(own)
  })

  it('chunk loans: a chunk that was loaded: lies in a buffer that was used before, which is used again afterwards', async () => {
    const { loans, buffers } = await countedLoans()
    const used = song.chunkBytes(0).slice()
    buffers.give(used)
    const loan = await loans.borrow(songId, 0)
    expect(loan.bytes).toBe(used)
    for (const chunkId of [1, 2]) await loans.borrow(songId, chunkId)
    loans.giveBack(loan, false)
    expect(buffers.take(used.length)).toBe(used)
  })

  it('chunk loans: what is held: is what the store says', async () => {
    const { loans } = await countedLoans()
    expect([loans.heldChunks(songId), loans.hasChunk(songId, 2), loans.hasChunk(songId, 3)]).toEqual([[0, 1, 2], true, false])
  })
})
