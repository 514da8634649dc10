import { parsePeerId } from '@evastream/core/ids'
import { seededRandom } from '@evastream/core/random'
import { describe, expect, it } from 'vitest'
import { Swarm } from './swarm.ts'

const [one, two, three] = ['one', 'two', 'three'].map(parsePeerId) as [
  ReturnType<typeof parsePeerId>,
  ReturnType<typeof parsePeerId>,
  ReturnType<typeof parsePeerId>,
]

describe('Swarm', () => {
  it('chunks that are none of the song: make nobody a member', () => {
    const swarm = new Swarm(3)
    swarm.acquire(one, [3, -1, 1.5, Number.NaN])
    expect({ peers: swarm.peerCount, has: swarm.has(one), availability: swarm.availability() }).toEqual({
      peers: 0,
      has: false,
      availability: [0, 0, 0],
    })
  })

  it('complete members: are counted once, also when told again, and no longer when they lose a chunk', () => {
    const swarm = new Swarm(2)
    for (const chunkIds of [[0], [1], [0, 1]]) swarm.acquire(one, chunkIds)
    swarm.acquire(two, [0, 1])
    expect(swarm.completeCount).toBe(2)
    swarm.release(one, [0])
    swarm.leave(two)
    expect({ complete: swarm.completeCount, availability: swarm.availability() }).toEqual({ complete: 0, availability: [0, 1] })
  })

  it('members who left after samples had shuffled the seats: are the right ones', () => {
    const swarm = new Swarm(1)
    const random = seededRandom(1)
    for (const peerId of [one, two, three]) swarm.acquire(peerId, [0])
    for (let round = 0; round < 5; round++) swarm.sample({ count: 2, accepts: () => true }, random)
    swarm.leave(two)
    expect(swarm.memberIds()).toEqual([one, three])
    const sample = swarm.sample({ count: 3, accepts: () => true }, random)
    expect(new Set(sample.map(member => member.peerId))).toEqual(new Set([one, three]))
  })

  it('members who are not acceptable: are passed over for others', () => {
    const swarm = new Swarm(1)
    for (const peerId of [one, two, three]) swarm.acquire(peerId, [0])
    const sample = swarm.sample({ count: 2, accepts: peerId => peerId === three }, seededRandom(1))
    expect(sample.map(member => member.peerId)).toEqual([three])
  })
})
