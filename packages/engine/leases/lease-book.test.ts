import { type PeerId, parsePeerId, parseSongId } from '@evastream/core/ids'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Lease, type LeaseAnswer, type LeaseAsk, LeaseBook, type LeaseFacts } from './lease-book.ts'
import { FRESH_MS } from './song-askers.ts'

const songId = parseSongId('song-1')
const CHUNK_BYTES = 262_144
const MBIT_S = 125_000
const peer = (number: number) => parsePeerId(`peer-${number}`)

/** Who holds what and who is alive, as a test says; and the book that judges by it. */
function aSong({ originCopies = 1, chunkCount = 64 } = {}) {
  const book = new LeaseBook({ originCopies, idPrefix: 'x' })
  const holders = new Map<number, Set<PeerId>>()
  const dead = new Set<PeerId>()
  const members = () => new Set([...holders.values()].flatMap(ids => [...ids]))
  const factsFor = (asker: PeerId): LeaseFacts => ({
    chunkCount,
    chunkSizeBytes: CHUNK_BYTES,
    memberCount: members().size,
    isMember: peerId => members().has(peerId),
    holdersOf: (chunkId, count) => [...(holders.get(chunkId) ?? [])].filter(id => id !== asker && !dead.has(id)).slice(0, count),
    isAlive: peerId => !dead.has(peerId),
  })
  const ask = (number: number, chunkIds: readonly number[], at = 0, more: Partial<LeaseAsk> = {}): LeaseAnswer => {
    const peerId = peer(number)
    return book.request(
      { peerId, songId, chunkIds, expectedMs: 0, backlogMs: 0, uplinkBytesPerSecond: undefined, ...more },
      factsFor(peerId),
      at,
    )
  }
  const acquire = (number: number, ...chunkIds: number[]) => {
    for (const chunkId of chunkIds) holders.set(chunkId, (holders.get(chunkId) ?? new Set()).add(peer(number)))
    book.completed(peer(number), songId, chunkIds)
  }
  return { book, ask, acquire, holders, dead }
}

const idsOf = (answer: LeaseAnswer) => answer.granted.map(lease => lease.chunkId)

describe('LeaseBook: one lease for each chunk', () => {
  it('the first who asks gets it, the next ones wait for that one', () => {
    const { ask } = aSong()
    expect(idsOf(ask(1, [3]))).toEqual([3])
    expect(ask(2, [3], 10)).toEqual({ granted: [], waiting: [{ chunkId: 3, reason: 'leased', holder: peer(1), retryAfterMs: 1000 }] })
  })

  it('a chunk that somebody holds: is taken from there', () => {
    const { ask, acquire } = aSong()
    acquire(1, 3)
    expect(ask(2, [3]).waiting).toEqual([{ chunkId: 3, reason: 'held', holder: peer(1), retryAfterMs: 1000 }])
  })

  it('a chunk whose only holder asks for it: is granted, for its copy is no good', () => {
    const { ask, acquire } = aSong()
    acquire(1, 3)
    expect(idsOf(ask(1, [3]))).toEqual([3])
  })

  it('asking again: gives the same lease, with its time begun anew', () => {
    const { ask } = aSong()
    const [first] = ask(1, [3]).granted
    const again = ask(1, [3, 3], 1500).granted
    expect(again).toMatchObject([{ leaseId: first?.leaseId, expiresAt: 3500 }])
  })

  it('asking again and again: keeps a lease five times as long as the first time at the most', () => {
    const { ask } = aSong()
    for (let at = 0; at < 10_000; at += 500) expect(idsOf(ask(1, [3], at))).toEqual([3])
    expect(idsOf(ask(2, [3], 9_999))).toEqual([])
    expect(idsOf(ask(2, [3], 10_000))).toEqual([3])
  })

  it('those who asked: are known for three seconds', () => {
    const { ask, book } = aSong()
    ask(1, [3])
    ask(2, [4], 2000)
    expect(book.askersOf(songId, 2500)).toEqual([peer(1), peer(2)])
    ask(3, [5], 3100)
    expect(book.askersOf(songId, 3100)).toEqual([peer(2), peer(3)])
    expect(book.askersOf(parseSongId('song-2'), 3100)).toEqual([])
  })

  it('expectation: a lease lives twice as long, and two seconds at least', () => {
    const { ask } = aSong()
    expect(ask(1, [3], 0, { expectedMs: 3000 }).granted).toMatchObject([{ expiresAt: 6000 }])
    expect(ask(1, [4], 0, { expectedMs: 10 }).granted).toMatchObject([{ expiresAt: 2000 }])
  })

  it.each<[string, (song: ReturnType<typeof aSong>, lease: Lease | undefined) => unknown]>([
    ['given back', ({ book }, lease) => book.returned(peer(1), [lease?.leaseId ?? ''], 1)],
    ['its holder dead', ({ dead }) => dead.add(peer(1)).size],
    ['its holder gone', ({ book }) => book.peerFailed(peer(1))],
    ['the song forgotten', ({ book }) => book.forgetSong(songId)],
  ])('its lease %s: it is the next one’s at once', (_, end) => {
    const song = aSong()
    const [lease] = song.ask(1, [3]).granted
    expect(idsOf(song.ask(2, [3], 1))).toEqual([])
    end(song, lease)
    expect(idsOf(song.ask(2, [3], 2))).toEqual([3])
  })

  it('its time over: it is the next one’s at once', () => {
    const { ask } = aSong()
    ask(1, [3])
    expect([1999, 2000].map(at => idsOf(ask(2, [3], at)))).toEqual([[], [3]])
  })

  it('the lease of another peer: cannot be given back', () => {
    const { book, ask } = aSong()
    const [lease] = ask(1, [3]).granted
    expect(book.returned(peer(2), [lease?.leaseId ?? ''], 0)).toBe(0)
    expect(idsOf(ask(2, [3]))).toEqual([])
  })

  it('an acquired chunk whose holders all die: is leased anew', () => {
    const { ask, acquire, dead } = aSong()
    ask(1, [3])
    acquire(1, 3)
    expect(idsOf(ask(2, [3], 5))).toEqual([])
    dead.add(peer(1))
    expect(idsOf(ask(2, [3], 6))).toEqual([3])
  })
})

describe('LeaseBook: more copies, and the first chunk', () => {
  it('a budget of two: two peers fetch a chunk, or one while another holds it, and no third', () => {
    const { ask, acquire } = aSong({ originCopies: 2 })
    expect([1, 2, 3].map(number => idsOf(ask(number, [3])).length)).toEqual([1, 1, 0])
    acquire(1, 3)
    expect(idsOf(ask(3, [3]))).toEqual([])
    acquire(4, 5)
    expect([6, 7].map(number => idsOf(ask(number, [5])).length)).toEqual([1, 0])
  })

  it('a budget of two: the second copy is granted to a busy uplink, the first one is not', () => {
    const { ask, acquire } = aSong({ originCopies: 2 })
    for (const number of [1, 2, 3]) ask(number, [number], 0, { uplinkBytesPerSecond: 2_500_000 })
    acquire(4, 9)
    const busy = { uplinkBytesPerSecond: 2_500_000, backlogMs: 5000 }
    expect(idsOf(ask(5, [9, 10], 0, busy))).toEqual([9])
  })

  it.each([
    [19, 1],
    [20, 2],
    [100, 4],
    [300, 7],
    [2000, 9],
  ])('the first chunk, %i peers: %i leases at once, all but one for its first blocks', (peerCount, leaseCount) => {
    const { ask } = aSong()
    const granted = []
    for (let round = 0; round < 2; round++)
      for (let number = 0; number < peerCount; number++) granted.push(...ask(number, [0], round).granted)
    const leases = [...new Map(granted.map(lease => [lease.leaseId, lease])).values()]
    expect(leases).toHaveLength(leaseCount)
    expect(leases.filter(lease => lease.firstBlocks === undefined)).toHaveLength(1)
    expect(leases.filter(lease => lease.firstBlocks === 4)).toHaveLength(leaseCount - 1)
  })

  it('the first chunk, while as much is on its way as may be: its first blocks are granted all the same, other chunks are not', () => {
    const { ask } = aSong()
    for (let number = 0; number < 12; number++) expect(idsOf(ask(number, [number]))).toEqual([number])
    for (let number = 12; number < 40; number++) ask(number, [20])
    const { granted, waiting } = ask(40, [0, 20], 1)
    expect(granted).toMatchObject([{ chunkId: 0, firstBlocks: 4 }])
    expect(waiting).toMatchObject([{ chunkId: 20, reason: 'limit' }])
  })

  it('two copies, and the second whole of the first chunk is refused: its first blocks are granted instead', () => {
    const { ask } = aSong({ originCopies: 2 })
    for (let number = 0; number < 24; number++) ask(number, [number])
    const granted = [24, 25].map(number => ask(number, [0], 1).granted.map(({ firstBlocks }) => firstBlocks))
    expect(granted).toEqual([[4], []])
  })

  it('the first chunk of a small song: no first leases that would be more than a 32nd of it', () => {
    const { ask } = aSong({ chunkCount: 7 })
    const leases = Array.from({ length: 500 }, (_, number) => ask(number, [0]).granted).flat()
    expect(leases.map(({ firstBlocks }) => firstBlocks)).toEqual([undefined])
  })

  it('the first chunk, once somebody has it: no more leases; another chunk: one, however many ask', () => {
    const { ask, acquire } = aSong()
    for (let number = 0; number < 100; number++) ask(number, [1])
    acquire(1, 0)
    expect([101, 102].map(number => idsOf(ask(number, [0, 2])))).toEqual([[2], []])
  })
})

describe('LeaseBook: alone and in a crowd', () => {
  it('alone: several chunks in one call, half a mebibyte first, and more the longer nobody else comes', () => {
    const { ask } = aSong()
    const all = Array.from({ length: 64 }, (_, chunkId) => chunkId)
    expect(idsOf(ask(1, all))).toEqual([0, 1])
    expect(idsOf(ask(1, all, 124))).toEqual([0, 1])
    expect(idsOf(ask(1, all, 125))).toEqual([0, 1, 2, 3])
    expect(idsOf(ask(1, all, 499))).toEqual([0, 1, 2, 3])
    expect(idsOf(ask(1, all, 500))).toHaveLength(16)
    expect(ask(1, [63], 700).waiting).toEqual([{ chunkId: 63, reason: 'limit', holder: undefined, retryAfterMs: 50 }])
  })

  it('chunks larger than all of that: one at a time at least', () => {
    const { book } = aSong()
    const facts = {
      chunkCount: 9,
      chunkSizeBytes: 2 ** 23,
      memberCount: 0,
      isMember: () => false,
      holdersOf: () => [],
      isAlive: () => true,
    }
    const more = { expectedMs: 0, backlogMs: 0, uplinkBytesPerSecond: undefined }
    expect(idsOf(book.request({ peerId: peer(1), songId, chunkIds: [1, 2], ...more }, facts, 0))).toEqual([1])
  })

  it('alone with a backlog: is not judged by it', () => {
    const { ask } = aSong()
    expect(idsOf(ask(1, [3], 0, { backlogMs: 60_000, uplinkBytesPerSecond: 1000 }))).toEqual([3])
  })

  it('uplinks of 2 to 50 Mbit/s: the slow ones get no leases, and the fastest again only when it is nearly idle', () => {
    const { ask } = aSong()
    const rates = [50, 2, 5, 10, 20, 40]
    for (const [number, rate] of rates.entries()) ask(number, [0], 0, { uplinkBytesPerSecond: rate * MBIT_S })
    const gets = (number: number, chunkId: number, backlogMs: number) =>
      idsOf(ask(number, [chunkId], 300, { uplinkBytesPerSecond: (rates[number] ?? 0) * MBIT_S, backlogMs })).length
    expect(rates.map((_, number) => gets(number, 10 + number, 0))).toEqual([1, 0, 0, 1, 1, 1])
    expect([gets(0, 20, 110), gets(0, 20, 90)]).toEqual([0, 1])
  })

  it('an uplink that was not measured: counts as the median', () => {
    const { ask } = aSong()
    for (const [number, rate] of [50, 20, 4].entries()) ask(number, [0], 0, { uplinkBytesPerSecond: rate * MBIT_S })
    expect(idsOf(ask(7, [3], 300))).toEqual([3])
    expect(ask(7, [4], 300, { backlogMs: 100 }).waiting).toMatchObject([{ reason: 'uplink', holder: undefined }])
  })

  it('a slow peer that is kept waiting while nobody better wants the chunk: gets it after five seconds', () => {
    const { ask } = aSong()
    const grantedAt: number[] = []
    for (let at = 0; at < 12_000; at += 500) {
      ask(1, [0], at, { uplinkBytesPerSecond: 50 * MBIT_S })
      if (idsOf(ask(2, [9], at, { uplinkBytesPerSecond: 2 * MBIT_S })).length > 0) grantedAt.push(at)
    }
    expect(grantedAt.slice(0, 4)).toEqual([5000, 5500, 6000, 6500])
  })

  it('a fast peer that asks no longer: keeps nobody waiting', () => {
    const { ask } = aSong()
    ask(1, [0], 0, { uplinkBytesPerSecond: 50 * MBIT_S })
    expect(idsOf(ask(2, [9], FRESH_MS - 1, { uplinkBytesPerSecond: 2 * MBIT_S }))).toEqual([])
    expect(idsOf(ask(2, [9], FRESH_MS, { uplinkBytesPerSecond: 2 * MBIT_S }))).toEqual([9])
  })
})

describe('LeaseBook: any sequence of calls', () => {
  const CHUNKS = 3
  const PEERS = 6
  const number = fc.nat({ max: PEERS - 1 })
  const chunkIds = fc.array(fc.nat({ max: CHUNKS - 1 }), { minLength: 1, maxLength: CHUNKS })
  const kind = <K extends string>(name: K) => fc.constant(name)
  const step = fc.oneof(
    {
      weight: 10,
      arbitrary: fc.record({
        kind: kind('ask'),
        number,
        chunkIds,
        backlogMs: fc.constantFrom(0, 0, 500),
        rate: fc.constantFrom(undefined, 1e5, 6e6),
      }),
    },
    { weight: 3, arbitrary: fc.record({ kind: kind('acquire'), number, chunkIds }) },
    { weight: 2, arbitrary: fc.record({ kind: kind('lose'), number, chunkIds }) },
    { weight: 2, arbitrary: fc.record({ kind: kind('return'), number, chunkIds }) },
    { weight: 2, arbitrary: fc.record({ kind: kind('fail'), number }) },
    { weight: 1, arbitrary: fc.record({ kind: kind('forget') }) },
    { weight: 1, arbitrary: fc.record({ kind: kind('sweep') }) },
    { weight: 4, arbitrary: fc.record({ kind: kind('wait'), ms: fc.constantFrom(1, 100, 900, 2500) }) },
  )

  it('never more leases alive than the budget; what ended is granted to whoever asks alone; in the end nothing is left', () => {
    const budgets = fc.constantFrom(1, 2, 3)
    fc.assert(
      fc.property(budgets, fc.array(step, { minLength: 5, maxLength: 120, size: 'max' }), (originCopies, steps) => {
        const song = aSong({ originCopies, chunkCount: CHUNKS })
        const alive = new Map<string, Lease>()
        const drop = (isOver: (lease: Lease) => boolean) => {
          for (const lease of alive.values()) if (isOver(lease)) alive.delete(lease.leaseId)
        }
        let at = 0
        for (const each of steps) {
          drop(lease => lease.expiresAt <= at)
          if (each.kind === 'wait') at += each.ms
          if (each.kind === 'sweep') song.book.sweep(at)
          if (each.kind === 'forget') {
            song.book.forgetSong(songId)
            alive.clear()
          }
          if (each.kind === 'acquire') {
            song.acquire(each.number, ...each.chunkIds)
            drop(lease => lease.peerId === peer(each.number) && each.chunkIds.includes(lease.chunkId))
          }
          if (each.kind === 'lose') for (const chunkId of each.chunkIds) song.holders.get(chunkId)?.delete(peer(each.number))
          if (each.kind === 'fail') {
            song.book.peerFailed(peer(each.number))
            drop(lease => lease.peerId === peer(each.number))
          }
          if (each.kind === 'return') {
            const own = [...alive.values()].filter(lease => lease.peerId === peer(each.number) && each.chunkIds.includes(lease.chunkId))
            expect(
              song.book.returned(
                peer(each.number),
                own.map(lease => lease.leaseId),
                at,
              ),
            ).toBe(own.length)
            for (const { leaseId } of own) alive.delete(leaseId)
          }
          if (each.kind === 'ask') {
            const before = new Set(alive.keys())
            const answer = song.ask(each.number, each.chunkIds, at, { backlogMs: each.backlogMs, uplinkBytesPerSecond: each.rate })
            const told = [...answer.granted, ...answer.waiting].map(({ chunkId }) => chunkId)
            expect(told.sort()).toEqual([...new Set(each.chunkIds)].sort())
            for (const lease of answer.granted) {
              alive.set(lease.leaseId, lease)
              if (before.has(lease.leaseId)) continue
              const others = [...alive.values()].filter(other => other.chunkId === lease.chunkId).length
              const holders = [...(song.holders.get(lease.chunkId) ?? [])].filter(id => id !== lease.peerId).length
              expect(others + holders).toBeLessThanOrEqual(originCopies)
            }
          }
          drop(lease => lease.expiresAt <= at)
          const counted = song.book.leasedChunks(songId, at)?.chunkIds ?? []
          expect(counted.sort()).toEqual([...new Set([...alive.values()].map(lease => lease.chunkId))].sort())
        }
        at += FRESH_MS
        song.holders.clear()
        for (const { leaseId, peerId } of [...alive.values()]) song.book.returned(peerId, [leaseId], at)
        for (let chunkId = 0; chunkId < CHUNKS; chunkId++) expect(idsOf(song.ask(99, [chunkId], at + 200 * chunkId))).toEqual([chunkId])
        at += 10_000
        for (let round = 0; round < 3; round++) song.book.sweep(at)
        expect([song.book.songCount, song.book.liveCount(at)]).toEqual([0, 0])
      }),
      { numRuns: 300, seed: 4 },
    )
  })

  it('many songs and peers that come and go: the memory is that of those who asked lately', () => {
    const { book } = aSong()
    const facts = {
      chunkCount: 9,
      chunkSizeBytes: CHUNK_BYTES,
      memberCount: 0,
      isMember: () => false,
      holdersOf: () => [],
      isAlive: () => true,
    }
    const more = { expectedMs: 0, backlogMs: 0, uplinkBytesPerSecond: undefined }
    for (let round = 0; round < 5000; round++)
      book.request({ peerId: peer(round), songId: parseSongId(`song-${round}`), chunkIds: [0, 1, 2], ...more }, facts, round * 10)
    expect(book.songCount).toBeLessThan(1500)
    expect(book.liveCount(5000 * 10)).toBeLessThan(1000)
  })
})
