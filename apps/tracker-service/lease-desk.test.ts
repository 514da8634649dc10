// Checks the facts that the lease book is given: who counts as a holder, and who as alive.

import { parsePeerId, parseSongId } from '@evastream/core/ids'
import { seededRandom } from '@evastream/core/random'
import { LeaseBook } from '@evastream/engine/leases/lease-book'
import { describe, expect, it } from 'vitest'
import { HandoutPolicy } from './handout-policy.ts'
import { LeaseDesk } from './lease-desk.ts'
import { type PeerRecord, SwarmRegistry } from './swarm-registry.ts'

const song = { songId: parseSongId('song-1'), chunkCount: 10, chunkSizeBytes: 65_536 }
const AT = 1_000

function aDesk({ originCopies = 1 } = {}) {
  const registry = new SwarmRegistry({ expiresAfterMs: 30_000, peersMax: 100, songsPerPeerMax: 10, holdingsMaxBytes: 1e6 })
  const policy = new HandoutPolicy({ heartbeatIntervalMs: 10_000 })
  const leases = new LeaseBook({ originCopies, idPrefix: 'a' })
  const desk = new LeaseDesk({ registry, policy, leases, random: seededRandom(1) })
  const join = (name: string, host: string, chunkIds: readonly number[] = []) => {
    const peer = registry.admit({ peerId: parsePeerId(name), host, observedHost: host, port: 9001, tokenDigest: new Uint8Array(32) }, AT)
    if (chunkIds.length > 0) registry.acquire(peer, song, chunkIds)
    return peer
  }
  const ask = (peer: PeerRecord, chunkId: number) => {
    const request = { peerId: peer.peerId, songId: song.songId, chunkId }
    return desk.ask(peer, song, { request, chunkIds: desk.chunksOf(request, song), at: AT })
  }
  return { policy, join, ask }
}

describe('lease desk', () => {
  it('a chunk that somebody holds: is not granted, and the holder is named with its address', () => {
    const { join, ask } = aDesk()
    join('holder', '10.0.0.1', [3])
    expect(ask(join('asker', '10.0.0.2'), 3)).toMatchObject({
      granted: [],
      waiting: [{ chunkId: 3, reason: 'held', holder: { peerId: 'holder', host: '10.0.0.1', port: 9001 } }],
    })
  })

  it('a chunk that only the asker itself is known to hold, or only one that two called dead: is granted', () => {
    const { policy, join, ask } = aDesk()
    const asker = join('asker', '10.0.0.2', [3])
    expect(ask(asker, 3).granted).toHaveLength(1)
    const dead = join('dead', '10.0.0.1', [4])
    policy.note(asker, dead, AT)
    policy.note(join('other', '10.0.0.3'), dead, AT)
    expect(ask(asker, 4).granted).toHaveLength(1)
  })

  it('the holder of a lease whom two called dead: its lease goes to who asks next, without waiting for its end', () => {
    const { policy, join, ask } = aDesk()
    const [first, second, third] = [join('first', '10.0.0.1'), join('second', '10.0.0.2'), join('third', '10.0.0.3')]
    expect(ask(first, 5).granted).toHaveLength(1)
    expect(ask(second, 5)).toMatchObject({ granted: [], waiting: [{ reason: 'leased', holder: { peerId: 'first' } }] })
    policy.note(second, first, AT)
    policy.note(third, first, AT)
    expect(ask(second, 5).granted).toHaveLength(1)
  })

  it('the budget of copies: is said where it is more than one', () => {
    const one = aDesk()
    const two = aDesk({ originCopies: 2 })
    expect(one.ask(one.join('asker', '10.0.0.2'), 3)).not.toHaveProperty('originCopies')
    expect(two.ask(two.join('asker', '10.0.0.2'), 3)).toMatchObject({ originCopies: 2 })
  })

  it('a chunk that the song does not have: is refused', () => {
    const { join, ask } = aDesk()
    expect(() => ask(join('asker', '10.0.0.2'), 10)).toThrow(expect.objectContaining({ code: 'EVA_CHUNK_OUT_OF_RANGE' }))
  })
})
