import { parsePeerId } from '@evastream/core/ids'
import { seededRandom } from '@evastream/core/random'
import { describe, expect, it } from 'vitest'
import { PeerTable } from './peer-table.ts'
import { type Seat, SeatTable } from './seat-table.ts'
import { Swarm } from './swarm.ts'

function aSwarm(chunkCount: number, names: readonly string[]) {
  const peers = new PeerTable()
  const seats = new SeatTable(peers)
  const swarm = new Swarm(seats, { chunkCount, number: 0 })
  const seatOf = names.map(name => {
    const peerId = parsePeerId(name)
    const slot = peers.add({ peerId, host: 'h', observedHost: 'h', port: 1, tokenDigest: new Uint8Array(32) }, 0)
    const seat = seats.add(slot, 0)
    swarm.join(seat)
    return seat
  })
  return { swarm, seatOf }
}

describe('Swarm', () => {
  it('complete members: are counted once, also when told again, and no longer when they lose a chunk', () => {
    const { swarm, seatOf } = aSwarm(2, ['one', 'two'])
    const [one, two] = seatOf as [Seat, Seat]
    for (const chunkIds of [[0], [1], [0, 1]]) swarm.acquire(one, chunkIds)
    swarm.acquire(two, [0, 1])
    expect(swarm.completeCount).toBe(2)
    swarm.release(one, [0])
    swarm.leave(two)
    expect({ complete: swarm.completeCount, availability: swarm.availability() }).toEqual({ complete: 0, availability: [0, 1] })
  })

  it('who moves into the place of one who left: keeps what it holds', () => {
    const { swarm, seatOf } = aSwarm(10, ['one', 'two', 'three'])
    const [one, two, three] = seatOf as [Seat, Seat, Seat]
    for (const [index, seat] of seatOf.entries()) swarm.acquire(seat, [index, 9])
    swarm.leave(one)
    expect([two, three].map(seat => [...swarm.bitmapOf(seat)])).toEqual([
      [0x40, 0x40],
      [0x20, 0x40],
    ])
    const sample = swarm.sample({ count: 3, accepts: () => true }, seededRandom(1))
    expect(new Set(sample)).toEqual(new Set([two, three]))
  })

  it('members who are not acceptable: are passed over for others', () => {
    const { swarm, seatOf } = aSwarm(1, ['one', 'two', 'three'])
    for (const seat of seatOf) swarm.acquire(seat, [0])
    expect(swarm.sample({ count: 2, accepts: seat => seat === seatOf[2] }, seededRandom(1))).toEqual([seatOf[2]])
  })

  it('a rare chunk of a large swarm: its holders are found in about as many draws as there are, also as they come and go', () => {
    const names = Array.from({ length: 5000 }, (_, number) => `peer-${number}`)
    const { swarm, seatOf } = aSwarm(2, names)
    for (const seat of seatOf) swarm.acquire(seat, [0])
    const rare = seatOf.filter((_, index) => index % 100 === 7)
    for (const seat of rare) swarm.acquire(seat, [1])
    const random = seededRandom(2)
    const below = random.below.bind(random)
    let draws = 0
    random.below = bound => {
      draws++
      return below(bound)
    }
    const holders = () => new Set(swarm.sample({ count: 5000, chunkId: 1, accepts: () => true }, random))
    expect(holders()).toEqual(new Set(rare))
    expect(draws).toBe(rare.length)
    const [first = 0, second = 0] = rare
    swarm.leave(first)
    swarm.release(second, [1])
    swarm.acquire(seatOf[0] as Seat, [1])
    expect(holders()).toEqual(new Set([...rare.slice(2), seatOf[0]]))
    for (const seat of seatOf.slice(1000, 2000)) swarm.acquire(seat, [1])
    const many = swarm.sample({ count: 2000, chunkId: 1, accepts: () => true }, random)
    expect(new Set(many).size).toBe(swarm.holderCount(1))
  })
})
