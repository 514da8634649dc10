// When the Scheduler plans, and when it reckons anew at what moment to look at the open requests.
// Not what it plans (scheduler.test.ts and its neighbours).

import type { ErrorCode } from '@evastream/core/errors'
import { parseSongId } from '@evastream/core/ids'
import { KIB } from '@evastream/core/units'
import { aShape, aSongId, type Fact, peerNamed, SchedulerDriver } from '@evastream/testkit/scheduler-driver'
import { describe, expect, test } from 'vitest'
import { defaultEngineConfig, type EngineConfig } from './config.ts'

const EVA = peerNamed('eva')
const CHUNKS = 40
const all = Array.from({ length: CHUNKS }, (_, chunkId) => chunkId)

const listed = (name: string, chunkIds: readonly number[]): Fact => ({
  kind: 'peer-listed',
  songId: aSongId,
  peerId: peerNamed(name),
  chunkIds,
  told: 'peer',
})
const evaHas = (chunkId: number): Fact => ({ kind: 'peer-has', songId: aSongId, peerId: EVA, chunkIds: [chunkId] })
const arriving = (chunkId: number, blocks: readonly number[], peerId = EVA): Fact => ({
  kind: 'peer-arriving',
  songId: aSongId,
  peerId,
  chunks: [{ chunkId, blocks }],
})

/** Something is planned for, though nothing happened. */
const nothing: Fact = { kind: 'queue-changed', songIds: [] }

/** So many requests under way at peers that send nothing; eva holds nothing yet, and the last plan was at 0. */
function busy(requestCount: number, config: Partial<EngineConfig> = {}): SchedulerDriver {
  const driver = new SchedulerDriver({ config: { batchesPerPeerMax: 1, ...config }, trackerMs: 10_000 })
  driver.origin.conduct = 'is silent'
  driver.addSong(aShape(CHUNKS))
  driver.tell(listed('eva', []))
  for (let index = 0; index < requestCount; index++) driver.tell(listed(`peer-${index}`, all))
  expect(driver.scheduler.snapshot().requests).toHaveLength(requestCount)
  return driver
}

const askedOfEva = (driver: SchedulerDriver) => driver.requests().filter(({ source }) => source.kind === 'peer' && source.peerId === EVA)
const untouched = (driver: SchedulerDriver) =>
  all.find(chunkId => driver.requests().every(request => request.chunkId !== chunkId)) ?? CHUNKS - 1

describe('scheduler plans: what others tell', () => {
  test('fewer than eight requests are under way: planned for at once', () => {
    const driver = busy(7)
    driver.now = 5
    expect(driver.tell(evaHas(untouched(driver)))).toMatchObject([{ kind: 'request-blocks', source: { peerId: EVA } }])
  })

  test('eight are: planned for together 20 ms after the last plan, however much is told meanwhile', () => {
    const driver = busy(8)
    const chunkId = untouched(driver)
    for (const at of [1, 12, 19]) {
      driver.now = at
      expect(driver.tell(evaHas(chunkId))).toEqual([])
      expect(driver.scheduler.nextWakeAt()).toBe(20)
    }
    driver.run(0)
    expect(askedOfEva(driver)).toEqual([])
    driver.run(1)
    expect(askedOfEva(driver)).toMatchObject([{ chunkId }])
    expect(driver.scheduler.nextWakeAt()).toBeGreaterThan(20)
  })

  test('eight are, and the last plan was 20 ms ago: at once, and what follows within 20 ms waits again', () => {
    const driver = busy(8)
    driver.now = 20
    expect(driver.tell(evaHas(untouched(driver)))).toMatchObject([{ kind: 'request-blocks', source: { peerId: EVA } }])
    driver.now = 39
    expect(driver.tell({ kind: 'peer-lacks', songId: aSongId, peerId: EVA, chunkIds: [] })).toEqual([])
    expect(driver.scheduler.nextWakeAt()).toBe(40)
  })

  test('woken before that for something else: nothing is planned yet', () => {
    const driver = busy(8)
    driver.now = 5
    driver.tell(evaHas(untouched(driver)))
    driver.now = 19
    expect(driver.tell({ kind: 'woke' })).toEqual([])
    expect(driver.scheduler.nextWakeAt()).toBe(20)
  })

  const news: readonly Fact[] = [
    { kind: 'peer-has', songId: aSongId, peerId: EVA, chunkIds: [CHUNKS - 1] },
    { kind: 'peer-lacks', songId: aSongId, peerId: EVA, chunkIds: [CHUNKS - 1] },
    { kind: 'peer-arriving', songId: aSongId, peerId: EVA, chunks: [{ chunkId: CHUNKS - 1, blocks: [0] }] },
  ]
  test.each(news)('$kind: may wait for the next plan', fact => {
    const driver = busy(8)
    driver.now = 5
    expect(driver.scheduler.nextWakeAt()).toBeGreaterThan(20)
    driver.tell(fact)
    expect(driver.scheduler.nextWakeAt()).toBe(20)
  })
})

describe('scheduler plans: a chunk is stored', () => {
  const isPlannedFor = (requestCount: number, { evaHolds, ...config }: Partial<EngineConfig> & { readonly evaHolds: boolean }) => {
    const driver = busy(requestCount, config)
    if (evaHolds) driver.tell(listed('eva', all))
    driver.tell(nothing)
    driver.now = 5
    driver.tell({ kind: 'chunk-stored', songId: aSongId, chunkId: CHUNKS - 1 })
    return driver.scheduler.nextWakeAt() === 20
  }

  test('as many were in progress as may be, and somebody was free for more: planned for, and that may wait', () => {
    expect(isPlannedFor(8, { chunksInProgressMax: 4, evaHolds: true })).toBe(true)
  })

  test('as many were in progress as may be, and nobody was free for more: nothing is planned', () => {
    expect(isPlannedFor(8, { chunksInProgressMax: 4, evaHolds: false })).toBe(false)
  })

  test('there was room for more: nothing is planned', () => {
    expect(isPlannedFor(8, { evaHolds: false })).toBe(false)
  })

  test('few requests are under way, and there was room for more: nothing is planned', () => {
    const driver = busy(2)
    const chunkId = untouched(driver)
    // A plan would ask eva for it, but while the tracker is asked its news causes none.
    driver.tell({ kind: 'peer-listed', songId: aSongId, peerId: EVA, chunkIds: [chunkId], told: 'tracker' })
    driver.tell({ kind: 'chunk-stored', songId: aSongId, chunkId: CHUNKS - 1 })
    expect(askedOfEva(driver)).toEqual([])
    driver.tell(nothing)
    expect(askedOfEva(driver)).toMatchObject([{ chunkId }])
  })
})

describe('scheduler plans: what happens to us', () => {
  const happenings: readonly (readonly [string, (requestId: number) => Fact])[] = [
    ['a request is done', requestId => ({ kind: 'request-finished', requestId })],
    ['a request failed', requestId => ({ kind: 'request-failed', requestId, code: 'EVA_PEER_BUSY', retryAfterMs: 1000 })],
    ['a peer is gone', () => ({ kind: 'peer-lost', peerId: peerNamed('peer-0'), code: 'EVA_PEER_CLOSED' })],
    ['a peer lists what it holds', () => listed('fjodor', [])],
    ['the interest changes', () => ({ kind: 'interest-changed', songId: aSongId, interest: 'seed' })],
    ['the queue changes', () => nothing],
  ]
  test.each(happenings)('%s: planned for at once, with all that was told before', (_, happens) => {
    const driver = busy(10)
    driver.now = 5
    expect(driver.tell(evaHas(0))).toEqual([])
    expect(driver.tell(evaHas(untouched(driver)))).toEqual([])
    driver.now = 6
    driver.tell(happens(driver.requests()[0]?.requestId ?? 0))
    expect(askedOfEva(driver)).toHaveLength(1)
    expect(driver.scheduler.nextWakeAt()).not.toBe(20)
  })
})

describe('scheduler plans: news of a chunk that a peer is receiving', () => {
  /** Nine requests of eight blocks each: of the last chunk the second half is free. */
  function halfAsked(config: Partial<EngineConfig> = {}) {
    const driver = busy(9, config)
    const last = driver.requests().at(-1)
    expect(last).toMatchObject({ firstBlock: 0, blockCount: 8 })
    driver.now = 5
    const { requestId = 0, chunkId = 0 } = last ?? {}
    const isPlanDueAfter = (fact: Fact) => {
      driver.tell(fact)
      return driver.scheduler.nextWakeAt() === 20
    }
    return { driver, requestId, chunkId, isPlanDueAfter }
  }

  test('blocks that are here, or asked for: cause no plan', () => {
    const { driver, requestId, chunkId, isPlanDueAfter } = halfAsked()
    driver.tell({ kind: 'bytes-arrived', requestId, sizeBytes: 16 * KIB })
    driver.tell({ kind: 'blocks-verified', requestId, firstBlock: 0, blockCount: 1 })
    expect(isPlanDueAfter(arriving(chunkId, [0]))).toBe(false)
    expect(isPlanDueAfter(arriving(chunkId, [0, 1, 7]))).toBe(false)
  })

  test('a block that is free: causes one, and none when it is told again', () => {
    const { driver, chunkId } = halfAsked()
    driver.now = 0
    driver.tell(evaHas(untouched(driver)))
    driver.run(20)
    const [asked] = askedOfEva(driver)
    driver.tell({ kind: 'request-failed', requestId: asked?.requestId ?? 0, code: 'EVA_PEER_BUSY', retryAfterMs: 9000 })
    const isPlanDueFor = (blocks: readonly number[]) => {
      driver.tell(nothing)
      driver.tell(arriving(chunkId, blocks))
      return driver.scheduler.nextWakeAt() === 40
    }
    expect([[0], [0, 8], [0, 8], [0, 8, 9]].map(isPlanDueFor)).toEqual([false, true, false, true])
  })

  test('a chunk that is not begun: its being received causes one, and its first block', () => {
    for (const [first, then, isPlanDue] of [
      [[3], [3, 4], false],
      [[3], [0, 3], true],
    ] as const) {
      const { driver, isPlanDueAfter } = halfAsked({ relayWaitsMax: 0 })
      const chunkId = untouched(driver)
      driver.tell(arriving(chunkId, first, peerNamed('fjodor')))
      driver.tell(nothing)
      driver.now = 6
      driver.tell(arriving(chunkId, then, peerNamed('fjodor')))
      expect(driver.scheduler.nextWakeAt() === 25).toBe(isPlanDue)
      expect(isPlanDueAfter(evaHas(CHUNKS))).toBe(false)
    }
  })

  test('a peer that is full, or no place for another request: causes none', () => {
    const { driver, chunkId, isPlanDueAfter } = halfAsked()
    expect(isPlanDueAfter(arriving(chunkId, [8], peerNamed('peer-3')))).toBe(false)
    const full = busy(9, { downloadsInFlightMax: 9 })
    full.now = 5
    full.tell(arriving(chunkId, [8]))
    expect(full.scheduler.nextWakeAt()).not.toBe(20)
    expect(driver.requests()).toHaveLength(9)
  })
})

describe('scheduler plans: a chunk in progress that nobody can be asked for', () => {
  /** Of the only chunk a block came from eva, and then a failure; whether the origin may be asked the tracker has said. */
  function begun(failure: ErrorCode, reason: string): SchedulerDriver {
    const driver = new SchedulerDriver({ trackerMs: 10_000, config: { hasLeases: true } })
    driver.addSong(aShape(1))
    driver.tell({ kind: 'leases-answered', songId: aSongId, granted: [], waiting: [{ chunkId: 0, reason, retryAfterMs: 60_000 }] })
    driver.tell(listed('eva', [0]))
    const [{ requestId } = { requestId: 0 }] = askedOfEva(driver)
    driver.tell({ kind: 'blocks-verified', requestId, firstBlock: 0, blockCount: 1 })
    driver.tell({ kind: 'request-failed', requestId, code: failure, retryAfterMs: 700 })
    expect(driver.requests()).toHaveLength(1)
    return driver
  }

  test.each([
    ['EVA_PEER_BUSY', 700],
    ['EVA_PEER_TIMEOUT', defaultEngineConfig.chunkMarkBaseMs],
  ] as const)('who has it failed with %s: is asked again when that is %i ms ago', (failure, afterMs) => {
    const driver = begun(failure, 'uplink')
    expect(driver.run(10_000, () => askedOfEva(driver).length > 1)).toBe(true)
    expect([driver.now, driver.requests().length]).toEqual([afterMs, 2])
  })

  test('who was to bring it does not: the origin is asked when it is open to all', () => {
    const driver = begun('EVA_PEER_TIMEOUT', 'leased')
    expect(driver.run(10_000, () => driver.requests().length > 1)).toBe(true)
    expect(driver.now).toBe(defaultEngineConfig.leaseWaitMs)
    expect(driver.requests()[1]).toMatchObject({ source: { kind: 'origin' }, firstBlock: 1 })
  })
})

describe('scheduler plans: when to look at the open requests', () => {
  /** Eva is receiving the song's only chunk, of which she has the end, and is asked for it at 0; without a byte from her it is looked at after 150 ms. */
  function waiting() {
    const driver = new SchedulerDriver({ trackerMs: 10_000 })
    driver.origin.conduct = 'is silent'
    driver.addSong(aShape(1, 128 * KIB))
    driver.tell(listed('eva', []))
    driver.tell(arriving(0, [7]))
    expect(driver.requests()).toHaveLength(1)
    expect(driver.scheduler.nextWakeAt()).toBe(150)
    const requestId = driver.requests()[0]?.requestId ?? 0
    const bytesAt = (at: number) => {
      driver.now = at
      driver.tell({ kind: 'bytes-arrived', requestId, sizeBytes: 16 * KIB })
    }
    return { driver, requestId, bytesAt }
  }

  test('something happens within 50 ms: it is reckoned anew when these are over', () => {
    const { driver, bytesAt } = waiting()
    bytesAt(30)
    driver.now = 49
    driver.tell(nothing)
    expect(driver.scheduler.nextWakeAt()).toBe(50)
    driver.now = 50
    driver.tell(nothing)
    expect(driver.scheduler.nextWakeAt()).toBe(180)
    bytesAt(60)
    driver.now = 99
    driver.tell(nothing)
    expect(driver.scheduler.nextWakeAt()).toBe(100)
    driver.now = 100
    driver.tell(nothing)
    expect(driver.scheduler.nextWakeAt()).toBe(210)
  })

  test('a new request: is reckoned with at once', () => {
    const { driver, bytesAt } = waiting()
    bytesAt(30)
    driver.now = 35
    const other = driver.addSong(aShape(1, 128 * KIB), { songId: parseSongId('song-2') })
    driver.tell({ ...listed('fjodor', [0]), songId: other } as Fact)
    expect(driver.requests()).toHaveLength(2)
    expect(driver.scheduler.nextWakeAt()).toBe(180)
  })

  test('the moment comes: it is reckoned anew then, whatever happened shortly before', () => {
    const { driver, bytesAt } = waiting()
    driver.now = 140
    driver.tell(nothing)
    bytesAt(145)
    driver.now = 150
    driver.tell({ kind: 'woke' })
    expect(driver.scheduler.nextWakeAt()).toBeGreaterThan(150)
  })

  test('a request goes silent, whether much happens besides or nothing: given up 2 s after its last byte', () => {
    for (const everyMs of [7, 40, 50, 3000]) {
      const { driver, requestId, bytesAt } = waiting()
      for (const at of [20, 40, 61]) bytesAt(at)
      const cancels = () => driver.commands.some(command => command.kind === 'cancel-request' && command.requestId === requestId)
      const tick = () => {
        driver.tell(nothing)
        driver.after(everyMs, tick)
      }
      driver.after(everyMs, tick)
      expect(driver.run(10_000, cancels)).toBe(true)
      expect(driver.now).toBe(2061)
    }
  })
})
