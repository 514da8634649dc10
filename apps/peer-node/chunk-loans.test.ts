// Loaded once for many, kept for a while, and never kept when loading failed.
import { EvaError } from '@evastream/core/errors'
import type { ChunkId } from '@evastream/core/ids'
import { MIB } from '@evastream/core/units'
import { filledStore } from '@evastream/testkit/filled-store'
import { songFixture } from '@evastream/testkit/song-fixture'
import { describe, expect, it } from 'vitest'
import { ChunkLoans } from './chunk-loans.ts'

const song = songFixture({ fileSize: 12 * MIB, chunkSize: 4 * MIB })
const { id: songId } = song.manifest

async function countedLoans() {
  const store = await filledStore(song)
  const loads: ChunkId[] = []
  const failures: EvaError[] = []
  const loans = new ChunkLoans({
    store: {
      heldChunks: id => store.heldChunks(id),
      hasChunk: (id, chunkId) => store.hasChunk(id, chunkId),
      loadChunk: async (id, chunkId) => {
        loads.push(chunkId)
        const failure = failures.shift()
        if (failure !== undefined) throw failure
        return store.loadChunk(id, chunkId)
      },
    },
  })
  return { loans, loads, failures }
}

describe('ChunkLoans', () => {
  it('chunk loans: asked for by several at once, and again: is loaded once', async () => {
    const { loans, loads } = await countedLoans()
    const lent = await Promise.all([loans.loadChunk(songId, 1), loans.loadChunk(songId, 1)])
    lent.push(await loans.loadChunk(songId, 1))
    expect(loads).toEqual([1])
    expect(lent.map(bytes => Buffer.compare(bytes, song.chunkBytes(1)))).toEqual([0, 0, 0])
  })

  it('chunk loans: more than 8 MiB: the one longest unused is let go', async () => {
    const { loans, loads } = await countedLoans()
    for (const chunkId of [0, 1, 0, 2, 0, 1]) await loans.loadChunk(songId, chunkId)
    expect(loads).toEqual([0, 1, 2, 1])
  })

  it('chunk loans: a load that fails: says so to all who asked, and the next one loads again', async () => {
    const { loans, loads, failures } = await countedLoans()
    failures.push(new EvaError('EVA_STORED_CHUNK_ROTTEN'))
    const outcomes = await Promise.allSettled([loans.loadChunk(songId, 1), loans.loadChunk(songId, 1)])
    expect(outcomes.map(outcome => outcome.status === 'rejected' && outcome.reason.code)).toEqual(Array(2).fill('EVA_STORED_CHUNK_ROTTEN'))
    await loans.loadChunk(songId, 1)
    expect(loads).toEqual([1, 1])
  })

  it('chunk loans: what is held: is what the store says', async () => {
    const { loans } = await countedLoans()
    expect([loans.heldChunks(songId), loans.hasChunk(songId, 2), loans.hasChunk(songId, 3)]).toEqual([[0, 1, 2], true, false])
  })
})
