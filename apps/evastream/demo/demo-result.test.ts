import { describe, expect, test } from 'vitest'
import { judge, type Measurements } from './demo-result.ts'

const SONG_BYTES = 1000

function peer(peerId: string, originBytes: number, peerBytes: number) {
  return { peerId, originBytes, peerBytes, sentBytes: 0, complete: true, sha256Ok: true }
}

const good: Measurements = {
  songId: 'song-1',
  songBytes: SONG_BYTES,
  sha256: 'ab'.repeat(32),
  peers: [peer('peer-1', 1000, 0), peer('peer-2', 0, 1000), peer('peer-3', 100, 900)],
  originBytesByPeer: [1000, 0, 100],
  originStoppedPeer: { peerId: 'peer-4', complete: true, originBytes: 0 },
}

describe('demo result', () => {
  test('a swarm that took over: all four hold', () => {
    expect(judge(good)).toMatchObject({
      ok: true,
      originBytesTotal: 1100,
      observations: { firstMostlyOrigin: true, laterMostlyPeers: true, originFalls: true, selfSustaining: true },
    })
  })

  test.each<[string, Partial<Measurements>, string]>([
    ['the first peer got half from nowhere', { peers: [peer('peer-1', 500, 0), ...good.peers.slice(1)] }, 'firstMostlyOrigin'],
    ['one later peer leaned on the origin', { peers: [...good.peers.slice(0, 2), peer('peer-3', 600, 400)] }, 'laterMostlyPeers'],
    ['nobody came later', { peers: good.peers.slice(0, 1) }, 'laterMostlyPeers'],
    ['the origin sent as much to the last as to the first', { originBytesByPeer: [1000, 0, 1000] }, 'originFalls'],
    ['the origin sent a fifth to the last', { originBytesByPeer: [1000, 0, 200] }, 'originFalls'],
    ['the origin sent nothing at all', { originBytesByPeer: [0, 0, 0] }, 'originFalls'],
    ['the last peer is not whole', { originStoppedPeer: { ...good.originStoppedPeer, complete: false } }, 'selfSustaining'],
    ['the last peer had a byte from the origin', { originStoppedPeer: { ...good.originStoppedPeer, originBytes: 1 } }, 'selfSustaining'],
  ])('%s: that observation and the whole fail', (_, change, observation) => {
    const result = judge({ ...good, ...change })
    expect(result.observations).toMatchObject({ [observation]: false })
    expect(result.ok).toBe(false)
  })

  test('a peer whose bytes differ: the whole fails though all four hold', () => {
    const result = judge({ ...good, peers: [...good.peers.slice(0, 2), { ...peer('peer-3', 100, 900), sha256Ok: false }] })
    expect(result.ok).toBe(false)
    expect(Object.values(result.observations).every(Boolean)).toBe(true)
  })
})
