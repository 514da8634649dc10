import { type ChunkId, parsePeerId, parseSongId } from '@evastream/core/ids'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { rendezvousRank } from './rendezvous-rank.ts'

const songId = parseSongId('song-1')
const peers = Array.from({ length: 12 }, (_, index) => parsePeerId(`peer-${index + 1}`))
const othersOf = (own: string) => peers.filter(peerId => peerId !== own)
const ranksOf = (chunkId: ChunkId) => peers.map(own => rendezvousRank(own, othersOf(own), { songId, chunkId }))

describe('rendezvous rank', () => {
  test('peers that know the same peers: each has a rank of its own, and one is first', () => {
    for (let chunkId = 0; chunkId < 50; chunkId++) expect(ranksOf(chunkId).sort((a, b) => a - b)).toEqual(peers.map((_, rank) => rank))
  })

  test('many chunks: the first places are spread over all peers', () => {
    const firsts = new Map<number, number>()
    for (let chunkId = 0; chunkId < 1200; chunkId++) {
      const first = ranksOf(chunkId).indexOf(0)
      firsts.set(first, (firsts.get(first) ?? 0) + 1)
    }
    for (const index of peers.keys()) expect(firsts.get(index)).toBeGreaterThan(60)
  })

  test('one peer fewer: nobody else falls back', () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.nat(11), (chunkId, goneIndex) => {
        const gone = peers[goneIndex]
        for (const own of peers) {
          if (own === gone) continue
          const others = othersOf(own)
          const after = rendezvousRank(
            own,
            others.filter(other => other !== gone),
            { songId, chunkId },
          )
          expect(after).toBeLessThanOrEqual(rendezvousRank(own, others, { songId, chunkId }))
        }
      }),
      { seed: 1 },
    )
  })

  test('nobody else is known: first', () => {
    expect(rendezvousRank(parsePeerId('peer-1'), [], { songId, chunkId: 3 })).toBe(0)
  })
})
