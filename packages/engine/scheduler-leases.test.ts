// What the Scheduler asks of the origin when a tracker hands out its leases: whose chunk it is, until when, and what is done without one.
// Not the tracker's judgement (lease-book.test.ts).

import { seededRandom } from '@evastream/core/random'
import { MIB } from '@evastream/core/units'
import { aShape, peerNamed, aSongId as songId } from '@evastream/testkit/scheduler-driver'
import { describe, expect, test } from 'vitest'
import type { RequestBlocks, RequestOriginLeases, ReturnOriginLeases, SchedulerCommand } from './commands.ts'
import { type EngineConfig, engineConfig } from './config.ts'
import type { AwaitedLease, GrantedLease, SchedulerEvent } from './events.ts'
import { rendezvousRank } from './leases/rendezvous-rank.ts'
import { Scheduler } from './scheduler.ts'

const OWN = peerNamed('peer-own')
const ANNA = peerNamed('anna')
const CHUNKS = 8

type Fact = SchedulerEvent extends infer Event ? (Event extends SchedulerEvent ? Omit<Event, 'at'> : never) : never

/** One Scheduler and its clock; nothing is carried out. */
class Node {
  readonly scheduler: Scheduler
  readonly commands: SchedulerCommand[] = []
  now = 1000
  /** The tracker's answer to every question from here on. */
  waitsForAll = false

  constructor(interest: 'seed' | 'idle' = 'seed', config: Partial<EngineConfig> = { hasLeases: true }) {
    this.scheduler = new Scheduler(engineConfig(config), seededRandom(1), OWN)
    const shape = aShape(CHUNKS)
    const song = { songId, shape, byteRateBytesPerSecond: 40_000, hasBlockHashes: true, heldChunkIds: [], interest }
    this.tell({ kind: 'song-added', ...song })
  }

  tell(fact: Fact): void {
    this.commands.push(...this.scheduler.handle({ ...fact, at: this.now } as SchedulerEvent))
    if (!this.waitsForAll) return
    for (const { chunkIds } of this.take('request-origin-leases'))
      this.answer(
        [],
        chunkIds.map(chunkId => elsewhere(chunkId)),
      )
  }

  /** Wakes it whenever it wants to be. */
  passTo(at: number): void {
    for (let next = this.scheduler.nextWakeAt(); next !== undefined && next <= at; next = this.scheduler.nextWakeAt()) {
      this.now = Math.max(next, this.now)
      this.tell({ kind: 'woke' })
    }
    this.now = at
  }

  answer(granted: readonly GrantedLease[], waiting: readonly AwaitedLease[] = []): void {
    this.tell({ kind: 'leases-answered', songId, granted, waiting })
  }

  findNobody(): void {
    this.tell({ kind: 'peers-found', songId })
  }

  press(): void {
    this.tell({ kind: 'playback-moved', songId, readerId: 'r', positionBytes: 0 })
  }

  /** What was wanted since this was last asked. */
  take<Kind extends SchedulerCommand['kind']>(kind: Kind): Extract<SchedulerCommand, { kind: Kind }>[] {
    const taken = this.commands.filter((command): command is Extract<SchedulerCommand, { kind: Kind }> => command.kind === kind)
    for (const command of taken) this.commands.splice(this.commands.indexOf(command), 1)
    return taken
  }

  takeOriginRequests(): RequestBlocks[] {
    return this.take('request-blocks').filter(({ source }) => source.kind === 'origin')
  }
}

const lease = (chunkId: number, expiresInMs = 2000): GrantedLease => ({ chunkId, leaseId: `life-${chunkId}`, expiresInMs })
const elsewhere = (chunkId: number, reason = 'leased'): AwaitedLease => ({ chunkId, reason, holder: ANNA, retryAfterMs: 1000 })
const allChunks = Array.from({ length: CHUNKS }, (_, chunkId) => chunkId)

describe('scheduler: origin leases', () => {
  test('a song that nobody else has: leases are asked for at once, and the origin is asked only when they are granted', () => {
    const node = new Node()
    const [asked] = node.take('request-origin-leases') as RequestOriginLeases[]
    expect([...(asked?.chunkIds ?? [])].sort((a, b) => a - b)).toEqual(allChunks)
    node.findNobody()
    expect(node.takeOriginRequests()).toEqual([])
    node.answer([lease(3), lease(5)], [elsewhere(0)])
    const requests = node.takeOriginRequests()
    expect(new Set(requests.map(({ chunkId }) => chunkId))).toEqual(new Set([3, 5]))
    expect(requests.every(({ permit }) => permit === 'leased')).toBe(true)
  })

  test('somebody else fetches it: not asked of the origin, and asked of that peer as soon as it has it', () => {
    const node = new Node()
    node.waitsForAll = true
    node.findNobody()
    node.passTo(8000)
    expect(node.takeOriginRequests()).toEqual([])
    node.tell({ kind: 'peer-listed', songId, peerId: ANNA, chunkIds: [2], told: 'peer' })
    expect(node.take('request-blocks')).toMatchObject([{ chunkId: 2, source: { kind: 'peer', peerId: ANNA } }])
  })

  test('leases are not to be had any more: the origin is asked without them; and when they are again, only with them', () => {
    const node = new Node()
    node.waitsForAll = true
    node.findNobody()
    expect(node.takeOriginRequests()).toEqual([])
    node.tell({ kind: 'leasing-changed', hasLeases: false })
    const requests = node.takeOriginRequests()
    expect(requests.length).toBeGreaterThan(0)
    expect(requests.every(({ permit }) => permit === 'open')).toBe(true)
    node.tell({ kind: 'leasing-changed', hasLeases: true })
    for (const { requestId } of requests) node.tell({ kind: 'request-failed', requestId, code: 'EVA_CANCELLED' })
    node.now += 1
    node.tell({ kind: 'woke' })
    expect(node.takeOriginRequests()).toEqual([])
  })

  test('it may receive little: it asks for no more chunks than come soon, so that others need not wait for the rest', () => {
    const node = new Node('seed', { hasLeases: true, downloadLimitBytesPerSecond: 20_000 })
    expect(node.take('request-origin-leases').map(({ chunkIds }) => chunkIds.length)).toEqual([1])
    node.findNobody()
    node.answer([lease(3)])
    node.passTo(4000)
    expect(node.take('request-origin-leases').flatMap(({ chunkIds }) => chunkIds)).toEqual([3])
  })

  test('those who were said to bring it bring nothing for ten seconds: the origin after all', () => {
    const node = new Node()
    node.waitsForAll = true
    node.findNobody()
    node.passTo(10_900)
    expect(node.takeOriginRequests()).toEqual([])
    node.passTo(12_500)
    const requests = node.takeOriginRequests()
    expect(requests.length).toBeGreaterThan(0)
    expect(requests.every(({ permit }) => permit === 'open')).toBe(true)
  })

  test('the tracker says that somebody holds it who has told us otherwise: it is not asked of that peer, and the tracker is asked again', () => {
    const node = new Node()
    node.findNobody()
    node.tell({ kind: 'peer-listed', songId, peerId: ANNA, chunkIds: [], told: 'peer' })
    node.answer(
      [],
      allChunks.map(chunkId => elsewhere(chunkId, 'held')),
    )
    expect(node.take('request-blocks')).toEqual([])
    node.take('request-origin-leases')
    node.passTo(2100)
    expect(node.take('request-origin-leases').length).toBeGreaterThan(0)
  })

  test('a lease that has expired: is not used, and is asked for again', () => {
    const node = new Node()
    node.findNobody()
    node.tell({ kind: 'interest-changed', songId, interest: 'idle' })
    node.take('request-origin-leases')
    node.answer([lease(3)])
    node.passTo(4000)
    node.tell({ kind: 'interest-changed', songId, interest: 'seed' })
    expect(node.takeOriginRequests()).toEqual([])
    const [asked] = node.take('request-origin-leases') as RequestOriginLeases[]
    expect(asked?.chunkIds).toContain(3)
  })

  test('only the first blocks are granted: no more than those are asked for', () => {
    const node = new Node()
    node.findNobody()
    node.answer(
      [{ ...lease(0), firstBlocks: 4 }],
      allChunks.slice(1).map(chunkId => elsewhere(chunkId)),
    )
    const blocks = node
      .takeOriginRequests()
      .flatMap(({ firstBlock, blockCount }) => Array.from({ length: blockCount }, (_, i) => firstBlock + i))
    expect(blocks.sort((a, b) => a - b)).toEqual([0, 1, 2, 3])
  })

  test('a peer has a chunk that is ours to fetch and was not asked for yet: the lease is given back, once', () => {
    const node = new Node('idle')
    node.tell({ kind: 'interest-changed', songId, interest: 'seed' })
    node.findNobody()
    const many = allChunks.map(chunkId => lease(chunkId, 60_000))
    node.tell({ kind: 'request-failed', requestId: 999, code: 'EVA_CANCELLED' })
    node.answer(many)
    const asked = new Set(node.takeOriginRequests().map(({ chunkId }) => chunkId))
    const idle = allChunks.filter(chunkId => !asked.has(chunkId))
    expect(idle.length).toBeGreaterThan(0)
    node.tell({ kind: 'peer-listed', songId, peerId: ANNA, chunkIds: idle, told: 'peer' })
    node.passTo(node.now + 300)
    const given = (node.take('return-origin-leases') as ReturnOriginLeases[]).flatMap(({ leaseIds }) => leaseIds)
    expect(given.sort()).toEqual(idle.map(chunkId => `life-${chunkId}`).sort())
  })

  test('the origin may send two copies of a chunk: one that a peer has is asked for as well, and what is granted is kept', () => {
    const node = new Node()
    node.tell({ kind: 'peer-listed', songId, peerId: ANNA, chunkIds: allChunks, told: 'peer' })
    node.findNobody()
    node.take('request-origin-leases')
    const busy = { chunkId: 7, reason: 'limit', holder: undefined, retryAfterMs: 0 }
    node.tell({ kind: 'leases-answered', songId, granted: [], waiting: [busy] })
    node.passTo(node.now + 300)
    expect(node.take('request-origin-leases')).toEqual([])
    node.tell({ kind: 'leases-answered', songId, granted: [], waiting: [busy], originCopies: 2 })
    node.passTo(node.now + 300)
    const [{ chunkIds } = { chunkIds: [] }] = node.take('request-origin-leases')
    expect(chunkIds.length).toBeGreaterThan(0)
    node.tell({ kind: 'leases-answered', songId, granted: chunkIds.map(chunkId => lease(chunkId)), waiting: [], originCopies: 2 })
    expect(new Set(node.takeOriginRequests().map(({ chunkId }) => chunkId)).size).toBeGreaterThan(0)
    expect(node.take('return-origin-leases')).toEqual([])
  })

  test('the only place is taken: what a crowd waits for gets it next, before what is urgent', () => {
    const node = new Node('seed', { hasLeases: true, downloadsInFlightMax: 1 })
    node.tell({ kind: 'peer-listed', songId, peerId: ANNA, chunkIds: [0, 1, 2, 3], told: 'peer' })
    node.now += 100
    node.press()
    node.answer([lease(7, 9000)], [elsewhere(6)])
    node.passTo(3000)
    const [last] = node.take('request-blocks').slice(-1)
    expect(last?.source).toEqual({ kind: 'peer', peerId: ANNA })
    node.tell({ kind: 'request-finished', requestId: last?.requestId as number })
    expect(node.take('request-blocks')).toMatchObject([{ chunkId: 7, source: { kind: 'origin' }, permit: 'leased' }])
  })

  test('nobody else is there for a while: leases are asked for in the order of the song', () => {
    const node = new Node('seed', { hasLeases: true, leaseChunksPerCall: CHUNKS })
    node.findNobody()
    node.press()
    const asked = (): readonly number[] => {
      node.answer([])
      node.now += 200
      node.tell({ kind: 'woke' })
      return node.take('request-origin-leases').at(-1)?.chunkIds ?? []
    }
    asked()
    asked()
    expect(asked()).toEqual(allChunks)
  })

  test('the song is not wanted any more: all leases are given back', () => {
    const node = new Node()
    node.findNobody()
    node.answer([lease(3), lease(5)])
    node.tell({ kind: 'song-removed', songId })
    expect(node.take('return-origin-leases')).toMatchObject([{ leaseIds: ['life-3', 'life-5'] }])
  })

  test('the tracker cannot be asked: chunks for which we rank first at once, the others a quarter of a second later for each before us', () => {
    const node = new Node()
    const others = ['boris', 'clara', 'dora'].map(peerNamed)
    node.findNobody()
    for (const peerId of others) node.tell({ kind: 'peer-listed', songId, peerId, chunkIds: [], told: 'peer' })
    node.tell({ kind: 'leases-unavailable', songId, code: 'EVA_SERVICE_UNREACHABLE' })
    const rankOf = (chunkId: number) => rendezvousRank(OWN, others, { songId, chunkId })
    const asked = () => new Set(node.takeOriginRequests().map(({ chunkId }) => chunkId))
    for (const chunkId of asked()) expect(rankOf(chunkId)).toBe(0)
    node.passTo(1240)
    for (const chunkId of asked()) expect(rankOf(chunkId)).toBe(0)
    node.passTo(1260)
    for (const chunkId of asked()) expect(rankOf(chunkId)).toBeLessThanOrEqual(1)
  })

  test('play is pressed, and somebody else fetches the beginning: after the start budget it is asked for without a lease', () => {
    const node = new Node('idle')
    node.waitsForAll = true
    node.press()
    node.findNobody()
    node.passTo(1900)
    expect(node.takeOriginRequests()).toEqual([])
    node.passTo(2100)
    expect(node.takeOriginRequests()[0]).toMatchObject({ chunkId: 0, firstBlock: 0, permit: 'override' })
  })

  test('play is pressed, and the beginning is granted: not a moment is lost', () => {
    const node = new Node('idle')
    node.press()
    node.findNobody()
    node.answer([lease(0), lease(1)])
    expect(node.takeOriginRequests()).toMatchObject([{ chunkId: 0, firstBlock: 0, permit: 'leased' }])
  })

  test('leases are granted for what the origin sends in a moment, not for all that is wanted', () => {
    const node = new Node()
    const [first] = node.take('request-origin-leases') as RequestOriginLeases[]
    node.findNobody()
    node.answer((first?.chunkIds ?? []).map(chunkId => lease(chunkId, 60_000)))
    node.passTo(1200)
    expect(node.take('request-origin-leases')).toEqual([])
    expect(first?.chunkIds.length).toBeLessThanOrEqual((16 * MIB) / (256 * 1024))
  })

  test('a peer that is not there: the tracker hears of it once in a while; of one that hung up it does not', () => {
    const node = new Node()
    node.tell({ kind: 'peer-lost', peerId: ANNA, code: 'EVA_PEER_CLOSED' })
    expect(node.take('report-peer')).toEqual([])
    node.tell({ kind: 'peer-lost', peerId: ANNA, code: 'EVA_PEER_UNREACHABLE' })
    node.tell({ kind: 'peer-lost', peerId: ANNA, code: 'EVA_PEER_UNREACHABLE' })
    expect(node.take('report-peer')).toEqual([{ kind: 'report-peer', peerId: ANNA, code: 'EVA_PEER_UNREACHABLE' }])
    node.now += 10_000
    node.tell({ kind: 'peer-lost', peerId: ANNA, code: 'EVA_PEER_TIMEOUT' })
    expect(node.take('report-peer')).toHaveLength(1)
  })

  test('a first sound that a crowd is bringing is waited for; one that those who have it do not send is not', () => {
    const asksWithin = (reason: string): number => {
      const node = new Node('idle')
      node.findNobody()
      node.press()
      node.take('request-origin-leases')
      node.answer([], [elsewhere(0, reason), elsewhere(1, reason)])
      node.tell({ kind: 'request-failed', requestId: 1, code: 'EVA_PEER_UNREACHABLE' })
      node.tell({ kind: 'peer-lost', peerId: ANNA, code: 'EVA_PEER_UNREACHABLE' })
      node.passTo(1900)
      return node.takeOriginRequests().length
    }
    expect(asksWithin('leased')).toBe(0)
    expect(asksWithin('held')).toBeGreaterThan(0)
  })
})

describe('scheduler: leases in a crowd, while our own first sound is awaited', () => {
  /** Somebody pressed play; others bring the beginning, and the tracker granted us chunk 5. */
  const pressedWith = (waiting: readonly AwaitedLease[]) => {
    const node = new Node('seed')
    node.findNobody()
    node.press()
    node.take('request-blocks')
    node.answer([lease(5)], waiting)
    return node
  }
  const crowd = [elsewhere(0), elsewhere(1)]

  test('what was leased to us: is asked of the origin at once, as others wait for it', () => {
    const node = pressedWith(crowd)
    const requests = node.takeOriginRequests()
    expect(new Set(requests.map(({ chunkId }) => chunkId))).toEqual(new Set([5]))
    for (const request of requests) expect(request).toMatchObject({ permit: 'leased', priority: 'prefetch' })
    expect(requests.reduce((sum, { blockCount }) => sum + blockCount, 0)).toBe(16)
  })

  test('what was not leased to us: waits for the first sound for a moment, though a peer has it', () => {
    const node = pressedWith(crowd)
    node.tell({ kind: 'peer-listed', songId, peerId: ANNA, chunkIds: [6], told: 'peer' })
    node.passTo(1240)
    expect(node.take('request-blocks').every(({ chunkId }) => chunkId === 5)).toBe(true)
    node.passTo(1260)
    expect(node.take('request-blocks').some(({ chunkId }) => chunkId === 6)).toBe(true)
  })

  test('nobody else wants the song: what was leased to us waits as well', () => {
    const node = pressedWith([])
    node.passTo(1900)
    expect(node.takeOriginRequests().filter(({ chunkId }) => chunkId === 5)).toEqual([])
  })
})

describe('scheduler: a node that hands nothing on, and so has no leases', () => {
  const yielding = { hasLeases: false, originYieldMs: 3000 }
  const meet = (node: Node, chunkIds: number[]) => {
    node.tell({ kind: 'peer-listed', songId, peerId: ANNA, chunkIds, told: 'peer' })
    node.findNobody()
  }

  /** Every request is answered in full, at once. */
  const requestsAnswered = (node: Node) => {
    const all: RequestBlocks[] = []
    for (let asked = node.take('request-blocks'); asked.length > 0; asked = node.take('request-blocks')) {
      all.push(...asked)
      for (const { requestId } of asked) node.tell({ kind: 'request-finished', requestId })
    }
    expect(all.length).toBeGreaterThan(0)
    return all
  }

  test('others of the song lack it as well: it is left to them, as long as they get on', () => {
    const node = new Node('seed', yielding)
    meet(node, [])
    for (const chunkId of [0, 1, 2]) {
      node.passTo(node.now + 2000)
      node.tell({ kind: 'peer-has', songId, peerId: ANNA, chunkIds: [chunkId] })
      for (const { source } of requestsAnswered(node)) expect(source).toEqual({ kind: 'peer', peerId: ANNA })
      node.tell({ kind: 'chunk-stored', songId, chunkId })
    }
  })

  test('they stand still: the origin is asked, though nothing happens', () => {
    const node = new Node('seed', yielding)
    meet(node, [])
    node.passTo(3999)
    expect(node.takeOriginRequests()).toEqual([])
    node.passTo(4001)
    expect(node.takeOriginRequests().length).toBeGreaterThan(0)
  })

  test('nobody else is there: the origin is asked at once', () => {
    const node = new Node('seed', yielding)
    node.findNobody()
    expect(node.takeOriginRequests().length).toBeGreaterThan(0)
  })

  test('it is about to be heard: the origin is asked at once', () => {
    const node = new Node('idle', yielding)
    node.press()
    meet(node, [])
    expect(node.takeOriginRequests()).toMatchObject([{ chunkId: 0 }])
  })
})
