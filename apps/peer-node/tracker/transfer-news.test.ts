import { EvaError } from '@evastream/core/errors'
import { type ChunkId, parsePeerId, parseSongId } from '@evastream/core/ids'
import { describe, expect, it } from 'vitest'
import { TransferNews } from './transfer-news.ts'

const songId = parseSongId('song-1')
const totals = { originBytes: 1, peerBytes: 2, sentBytes: 3, wastedBytes: 4, overrides: 0 }
const fromPeer = { originBytes: 10, peerBytes: 90 }
const fromOrigin = { originBytes: 90, peerBytes: 10 }

/** What goes with an announcement of these chunks. */
const told = (news: TransferNews, chunkIds: readonly ChunkId[]) => news.telling(songId, chunkIds, async along => along)

describe('transfer news', () => {
  it('what was noted: is told once, with the totals, by where most of the chunk came from', async () => {
    const news = new TransferNews({ ledger: { totals: () => totals } })
    const peerIds = [parsePeerId('peer-7')]
    news.note({ songId, chunkId: 4, split: fromPeer, peerIds })
    news.note({ songId, chunkId: 5, split: fromOrigin, peerIds })
    const sources = [{ chunkId: 4, peerId: 'peer-7' }, { chunkId: 5 }]
    expect(await told(news, [3, 4, 5])).toEqual({ originBytes: 1, peerBytes: 2, sentBytes: 3, sources })
    expect((await told(news, [4, 5])).sources).toEqual([])
  })

  it('a call that fails: what it told is told with the next one, and a chunk that came anew meanwhile by its new source', async () => {
    const news = new TransferNews({ ledger: { totals: () => totals } })
    const peerIds = [parsePeerId('peer-7')]
    for (const chunkId of [4, 5]) news.note({ songId, chunkId, split: fromOrigin, peerIds })
    const failing = news.telling(songId, [4, 5], async () => {
      news.note({ songId, chunkId: 5, split: fromPeer, peerIds })
      throw new EvaError('EVA_SERVICE_TIMEOUT')
    })
    await expect(failing).rejects.toMatchObject({ code: 'EVA_SERVICE_TIMEOUT' })
    expect((await told(news, [4, 5])).sources).toEqual([{ chunkId: 4 }, { chunkId: 5, peerId: 'peer-7' }])
    expect((await told(news, [4, 5])).sources).toEqual([])
  })

  it('a chunk that is lost and comes anew while it is told of: is told of again', async () => {
    const news = new TransferNews({ ledger: { totals: () => totals } })
    news.note({ songId, chunkId: 4, split: fromOrigin, peerIds: [] })
    await news.telling(songId, [4], async () => news.note({ songId, chunkId: 4, split: fromPeer, peerIds: [parsePeerId('peer-7')] }))
    expect((await told(news, [4])).sources).toEqual([{ chunkId: 4, peerId: 'peer-7' }])
  })

  it('chunks that nobody announces, or that no call gets across: do not gather, and one call tells of the last ones only', async () => {
    const news = new TransferNews({ ledger: { totals: () => totals } })
    for (let chunkId = 0; chunkId < 2000; chunkId++) news.note({ songId, chunkId, split: fromOrigin, peerIds: [] })
    const all = Array.from({ length: 2000 }, (_, chunkId) => chunkId)
    await expect(news.telling(songId, all, () => Promise.reject(new EvaError('EVA_SERVICE_TIMEOUT')))).rejects.toThrow()
    expect((await told(news, [2000 - 513])).sources).toEqual([])
    expect((await told(news, [2000 - 512])).sources).toEqual([{ chunkId: 2000 - 512 }])
    const sources = (await told(news, all)).sources.map(({ chunkId }) => chunkId)
    expect(sources).toEqual(Array.from({ length: 64 }, (_, index) => 2000 - 64 + index))
    expect((await told(news, all)).sources).toEqual([])
  })
})
