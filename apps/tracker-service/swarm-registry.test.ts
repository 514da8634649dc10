import { type PeerId, parsePeerId, parseSongId, type SongId } from '@evastream/core/ids'
import { type Random, seededRandom } from '@evastream/core/random'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type PeerRecord, type RegistryOptions, SwarmRegistry } from './swarm-registry.ts'

const EXPIRES_AFTER_MS = 30
const options: RegistryOptions = { expiresAfterMs: EXPIRES_AFTER_MS, peersMax: 1000, songsPerPeerMax: 100, holdingsMaxBytes: 1e9 }
const everyone = () => true
const SONGS = [1, 5, 9].map(chunkCount => ({ songId: parseSongId(`song-${chunkCount}`), chunkCount }))
const [oneChunk, fiveChunks, nineChunks] = SONGS as [(typeof SONGS)[0], (typeof SONGS)[0], (typeof SONGS)[0]]

function peerIdOf(number: number): PeerId {
  return parsePeerId(`peer-${number}`)
}

function admit(registry: SwarmRegistry, number: number, at = 0): PeerRecord {
  return registry.admit(
    { peerId: peerIdOf(number), host: '127.0.0.1', port: 9000 + number, observedHost: '127.0.0.1', tokenDigest: new Uint8Array(32) },
    at,
  )
}

/** What the registry should know, kept without any cleverness. */
class Model {
  readonly peers = new Map<number, { lastSeenAt: number; chunks: Map<SongId, Set<number>> }>()

  sweep(at: number): void {
    for (const [number, peer] of this.peers) if (at - peer.lastSeenAt >= EXPIRES_AFTER_MS) this.peers.delete(number)
  }

  holders(songId: SongId, chunkId?: number): number[] {
    return [...this.peers]
      .filter(([, peer]) => (chunkId === undefined ? (peer.chunks.get(songId)?.size ?? 0) > 0 : peer.chunks.get(songId)?.has(chunkId)))
      .map(([number]) => number)
  }
}

interface World {
  readonly registry: SwarmRegistry
  at: number
}

// Weighted so that most peers live, most chunks are held, and songs become complete and incomplete again.
const peer = fc.nat({ max: 5 })
const song = fc.constantFrom(...SONGS)
const seeds = fc.array(fc.nat({ max: 44 }), { minLength: 1, maxLength: 12 })
const kind = <K extends string>(name: K) => fc.constant(name)
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: kind('register'), peer }) },
  { weight: 4, arbitrary: fc.record({ kind: kind('live'), peer }) },
  { weight: 12, arbitrary: fc.record({ kind: kind('acquire'), peer, song, seeds }) },
  { weight: 4, arbitrary: fc.record({ kind: kind('release'), peer, song, seeds }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('leave'), peer }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('forget'), song }) },
  { weight: 3, arbitrary: fc.record({ kind: kind('wait'), durationMs: fc.nat({ max: 9 }) }) },
  { weight: 4, arbitrary: fc.record({ kind: kind('sample'), song, count: fc.integer({ min: 1, max: 7 }), seed: fc.nat() }) },
)
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

function take(step: Step, { registry, at }: World, model: Model): void {
  model.sweep(at)
  if (step.kind === 'forget') {
    registry.forgetSong(step.song.songId)
    for (const peer of model.peers.values()) peer.chunks.delete(step.song.songId)
  } else if (step.kind === 'register') {
    admit(registry, step.peer, at)
    model.peers.set(step.peer, { lastSeenAt: at, chunks: new Map() })
  } else if (step.kind === 'leave') {
    registry.remove(peerIdOf(step.peer))
    model.peers.delete(step.peer)
  } else if (step.kind === 'live' || step.kind === 'acquire' || step.kind === 'release') {
    const record = registry.peer(peerIdOf(step.peer), at)
    const peer = model.peers.get(step.peer)
    expect(record !== undefined).toBe(peer !== undefined)
    if (record === undefined || peer === undefined) return
    if (step.kind === 'live') {
      registry.touch(record, at)
      peer.lastSeenAt = at
      return
    }
    const held = peer.chunks.get(step.song.songId) ?? new Set()
    const chunkIds = step.seeds.map(seed => seed % step.song.chunkCount)
    for (const chunkId of chunkIds)
      if (step.kind === 'acquire') held.add(chunkId)
      else held.delete(chunkId)
    peer.chunks.set(step.song.songId, held)
    const heldCount =
      step.kind === 'acquire' ? registry.acquire(record, step.song, chunkIds) : registry.release(record, step.song.songId, chunkIds)
    expect(heldCount).toBe(held.size)
  } else if (step.kind === 'sample') {
    const { songId } = step.song
    const chunkId = step.seed % 2 === 0 ? undefined : step.seed % step.song.chunkCount
    const sample = registry.sample(songId, { count: step.count, chunkId, accepts: everyone, at }, seededRandom(step.seed))
    const ids = sample.map(({ peer }) => peer.peerId)
    const holders = model.holders(songId, chunkId).map(peerIdOf)
    expect(new Set(ids).size).toBe(ids.length)
    expect(ids.length).toBe(Math.min(step.count, holders.length))
    expect(holders).toEqual(expect.arrayContaining(ids))
    for (const { peer, chunks } of sample)
      expect(new Set(chunks.members())).toEqual(model.peers.get(Number(peer.peerId.slice(5)))?.chunks.get(songId))
  }
}

function compare({ registry, at }: World, model: Model): void {
  model.sweep(at)
  expect(registry.peerCount(at)).toBe(model.peers.size)
  for (const { songId, chunkCount } of SONGS) {
    const holders = model.holders(songId)
    const swarm = registry.swarm(songId, at)
    expect(swarm?.peerCount ?? 0).toBe(holders.length)
    expect(swarm?.completeCount ?? 0).toBe(
      holders.filter(number => model.peers.get(number)?.chunks.get(songId)?.size === chunkCount).length,
    )
    const counted = Array.from({ length: chunkCount }, (_, chunkId) => model.holders(songId, chunkId).length)
    expect(swarm?.availability() ?? Array(chunkCount).fill(0)).toEqual(counted)
  }
  expect(registry.trackedSongs(at).sort()).toEqual(SONGS.map(each => each.songId).filter(songId => model.holders(songId).length > 0))
}

describe('SwarmRegistry: against a naive model', () => {
  it('any sequence of calls: the same peers, counters, complete ones and samples', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 10, maxLength: 150, size: 'max' }), steps => {
        const world: World = { registry: new SwarmRegistry(options), at: 0 }
        const model = new Model()
        for (let number = 0; number < 4; number++) take({ kind: 'register', peer: number }, world, model)
        for (const each of steps) {
          if (each.kind === 'wait') world.at += each.durationMs
          else take(each, world, model)
          compare(world, model)
        }
        world.at += EXPIRES_AFTER_MS
        expect(world.registry.sweep(world.at)).toBe(model.peers.size)
        expect(world.registry.songCount(world.at)).toBe(0)
      }),
      { numRuns: 150, seed: 3 },
    )
  })
})

describe('SwarmRegistry: expiry', () => {
  it('a peer is there until its time is up, and then in no answer, without a sweep', () => {
    const registry = new SwarmRegistry(options)
    registry.acquire(admit(registry, 1, 100), fiveChunks, [0, 1])
    const wanted = { count: 5, accepts: everyone }
    expect(registry.sample(fiveChunks.songId, { ...wanted, at: 129 }, seededRandom(1))).toHaveLength(1)
    expect(registry.sample(fiveChunks.songId, { ...wanted, at: 130 }, seededRandom(1))).toEqual([])
    expect(registry.peer(peerIdOf(1), 130)).toBeUndefined()
  })

  it('a sign of life of a record that has been replaced: gives no life to the new one', () => {
    const registry = new SwarmRegistry(options)
    const old = admit(registry, 1, 0)
    admit(registry, 1, 0)
    registry.touch(old, 29)
    expect(registry.peer(peerIdOf(1), 30)).toBeUndefined()
  })

  it('a registration of a known id: begins with nothing held', () => {
    const registry = new SwarmRegistry(options)
    registry.acquire(admit(registry, 1), nineChunks, [3])
    admit(registry, 1)
    expect(registry.swarm(nineChunks.songId, 0)).toBeUndefined()
  })
})

describe('SwarmRegistry: chunks that do not exist', () => {
  it.each([[[5]], [[0, 1, 5]], [[-1]], [[Number.NaN]]])('%j of five chunks: refused, and nothing has changed', chunkIds => {
    const registry = new SwarmRegistry(options)
    const peer = admit(registry, 1)
    const outOfRange = expect.objectContaining({ code: 'EVA_CHUNK_OUT_OF_RANGE' })
    expect(() => registry.acquire(peer, fiveChunks, chunkIds)).toThrow(outOfRange)
    expect(registry.songCount(0)).toBe(0)
    registry.acquire(peer, fiveChunks, [0])
    expect(() => registry.acquire(peer, fiveChunks, chunkIds)).toThrow(outOfRange)
    expect(() => registry.release(peer, fiveChunks.songId, chunkIds)).toThrow(outOfRange)
    expect(registry.swarm(fiveChunks.songId, 0)?.availability()).toEqual([1, 0, 0, 0, 0])
  })

  it('no chunks at all: leave no trace', () => {
    const registry = new SwarmRegistry(options)
    expect(registry.acquire(admit(registry, 1), fiveChunks, [])).toBe(0)
    expect(registry.songCount(0)).toBe(0)
  })
})

describe('SwarmRegistry: bounds', () => {
  const limitReached = (limit: number) =>
    expect.objectContaining({ code: 'EVA_LIMIT_REACHED', details: expect.objectContaining({ limit, retryAfterMs: EXPIRES_AFTER_MS }) })

  it('peers: a newcomer is refused and the living stay, until one of them expires', () => {
    const registry = new SwarmRegistry({ ...options, peersMax: 2 })
    admit(registry, 1, 0)
    admit(registry, 2, 10)
    expect(() => admit(registry, 3, 20)).toThrow(limitReached(2))
    admit(registry, 2, 20)
    expect([1, 2].map(number => registry.peer(peerIdOf(number), 20) !== undefined)).toEqual([true, true])
    admit(registry, 3, 30)
    expect(registry.peerCount(30)).toBe(2)
  })

  it('songs of one peer: the next is refused, those it holds go on', () => {
    const registry = new SwarmRegistry({ ...options, songsPerPeerMax: 2 })
    const peer = admit(registry, 1)
    registry.acquire(peer, oneChunk, [0])
    registry.acquire(peer, fiveChunks, [0])
    expect(() => registry.acquire(peer, nineChunks, [0])).toThrow(limitReached(2))
    expect(registry.acquire(peer, fiveChunks, [1])).toBe(2)
    registry.release(peer, oneChunk.songId, [0])
    expect(registry.acquire(peer, nineChunks, [0])).toBe(1)
  })

  it('bytes of holdings: are given back by whoever leaves, whichever way', () => {
    const song = { songId: parseSongId('long'), chunkCount: 8000 }
    const roomForOneBytes = 1000 + 40 + 4 * 8000 + 600
    const registry = new SwarmRegistry({ ...options, holdingsMaxBytes: roomForOneBytes + 100 })
    const leaving = [
      (peer: PeerRecord) => registry.remove(peer.peerId),
      (peer: PeerRecord) => registry.release(peer, song.songId, [7]),
      () => registry.forgetSong(song.songId),
      () => registry.sweep(EXPIRES_AFTER_MS),
    ]
    for (const leave of leaving) {
      const peer = admit(registry, 1)
      const other = admit(registry, 2)
      registry.acquire(peer, song, [7])
      expect(() => registry.acquire(other, song, [8])).toThrow(limitReached(roomForOneBytes + 100))
      leave(peer)
      expect(registry.songCount(0)).toBe(0)
    }
  })
})

describe('SwarmRegistry: sampling', () => {
  const registry = new SwarmRegistry(options)
  const song = { songId: parseSongId('wide'), chunkCount: 4 }
  const PEERS = 40
  for (let number = 0; number < PEERS; number++)
    registry.acquire(admit(registry, number), song, number % 4 === 0 ? [0, 1, 2, 3] : [number % 4])

  /** Chi-square of the draws against an even spread; for 39 degrees of freedom 82 is past one in ten thousand. */
  function unevenness(draws: readonly PeerId[], among: number): number {
    const counts = new Map<PeerId, number>()
    for (const peerId of draws) counts.set(peerId, (counts.get(peerId) ?? 0) + 1)
    const expected = draws.length / among
    expect(counts.size).toBe(among)
    return [...counts.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
  }

  function drawMany(wanted: { count: number; chunkId?: number }, rounds: number): PeerId[] {
    const random = seededRandom(11)
    return Array.from({ length: rounds }, () => registry.sample(song.songId, { ...wanted, accepts: everyone, at: 0 }, random))
      .flat()
      .map(({ peer }) => peer.peerId)
  }

  it('many samples of one, and of ten: every member as often as any other', () => {
    expect(unevenness(drawMany({ count: 1 }, 8000), PEERS)).toBeLessThan(82)
    expect(unevenness(drawMany({ count: 10 }, 800), PEERS)).toBeLessThan(82)
  })

  it('holders of one chunk: all of them and nobody else, as often as any other', () => {
    expect(unevenness(drawMany({ count: 3, chunkId: 1 }, 2000), 20)).toBeLessThan(60)
  })

  it('a large swarm: a sample reads about as many members as it takes', () => {
    const crowd = new SwarmRegistry({ ...options, peersMax: 5000 })
    for (let number = 0; number < 5000; number++) crowd.acquire(admit(crowd, number), song, [0, 1, 2, 3])
    const { random, readCount } = countingRandom()
    expect(crowd.sample(song.songId, { count: 30, chunkId: 2, accepts: everyone, at: 0 }, random)).toHaveLength(30)
    expect(readCount()).toBeLessThan(36)
    expect(crowd.sample(song.songId, { count: 30, accepts: everyone, at: 0 }, random)).toHaveLength(30)
    expect(readCount()).toBeLessThan(72)
  })

  it('the holders of a chunk, once all are found: nobody else is read', () => {
    const crowd = new SwarmRegistry({ ...options, peersMax: 2000 })
    for (let number = 0; number < 2000; number++) crowd.acquire(admit(crowd, number), song, number < 4 ? [0, 1] : [0])
    const { random, readCount } = countingRandom()
    expect(crowd.sample(song.songId, { count: 9, chunkId: 2, accepts: everyone, at: 0 }, random)).toEqual([])
    expect(readCount()).toBe(0)
    expect(crowd.sample(song.songId, { count: 2000, chunkId: 1, accepts: everyone, at: 0 }, random)).toHaveLength(4)
    expect(readCount()).toBe(4)
  })

  function countingRandom(): { random: Random; readCount: () => number } {
    const random = seededRandom(5)
    const below = random.below.bind(random)
    let count = 0
    random.below = bound => {
      count++
      return below(bound)
    }
    return { random, readCount: () => count }
  }
})
