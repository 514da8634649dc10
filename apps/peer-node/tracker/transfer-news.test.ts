import { parsePeerId, parseSongId } from '@evastream/core/ids'
import { describe, expect, it } from 'vitest'
import { TransferNews } from './transfer-news.ts'

const songId = parseSongId('song-1')
const totals = { originBytes: 1, peerBytes: 2, sentBytes: 3, wastedBytes: 4, overrides: 0 }
const fromPeer = { originBytes: 10, peerBytes: 90 }
const fromOrigin = { originBytes: 90, peerBytes: 10 }

describe('transfer news', () => {
  it('what was noted: is told once, with the totals, by where most of the chunk came from', () => {
    const news = new TransferNews({ ledger: { totals: () => totals } })
    const peerIds = [parsePeerId('peer-7')]
    news.note({ songId, chunkId: 4, split: fromPeer, peerIds })
    news.note({ songId, chunkId: 5, split: fromOrigin, peerIds })
    const told = news.take(songId, [3, 4, 5])
    expect(told).toEqual({ originBytes: 1, peerBytes: 2, sentBytes: 3, sources: [{ chunkId: 4, peerId: 'peer-7' }, { chunkId: 5 }] })
    expect(news.take(songId, [4, 5]).sources).toEqual([])
  })

  it('chunks that nobody announces: do not gather, and one call tells of the last ones only', () => {
    const news = new TransferNews({ ledger: { totals: () => totals } })
    for (let chunkId = 0; chunkId < 2000; chunkId++) news.note({ songId, chunkId, split: fromOrigin, peerIds: [] })
    const all = Array.from({ length: 2000 }, (_, chunkId) => chunkId)
    const told = news.take(songId, all).sources.map(({ chunkId }) => chunkId)
    expect(told).toEqual(Array.from({ length: 64 }, (_, index) => 2000 - 64 + index))
    expect(news.take(songId, all).sources).toEqual([])
  })
})
