import { KIB } from '@evastream/core/units'
import { aShape, aSongId, peerNamed, SchedulerDriver } from '@evastream/testkit/scheduler-driver'
import { describe, expect, test } from 'vitest'

const CHUNK = 256 * KIB
const originBytes = (driver: SchedulerDriver) => driver.bytesFrom.get('origin') ?? 0

function moveTo(driver: SchedulerDriver, positionBytes: number, readerId = 'reader') {
  return driver.tell({ kind: 'playback-moved', songId: aSongId, readerId, positionBytes })
}

/** A song of so many chunks that nobody wants yet; peers of this rate (bytes per second) hold all of it. */
function quiet(
  options: {
    chunkCount?: number
    rates?: readonly number[]
    byteRate?: number
    config?: ConstructorParameters<typeof SchedulerDriver>[0]
  } = {},
): SchedulerDriver {
  const driver = new SchedulerDriver(options.config)
  driver.addSong(aShape(options.chunkCount ?? 20), { interest: 'idle', byteRateBytesPerSecond: options.byteRate ?? 40_000 })
  for (const [index, rateBytesPerSecond] of (options.rates ?? []).entries()) driver.addPeer(`peer-${index}`, { rateBytesPerSecond })
  return driver
}

describe('scheduler: somebody listens', () => {
  test('from the start: what is heard first is asked for first, as to be played; the rest as to come', () => {
    const driver = quiet({ rates: [2_000_000, 2_000_000] })
    moveTo(driver, 0)
    driver.runUntilHeld(60_000)
    const [first] = driver.requests()
    expect(first).toMatchObject({ chunkId: 0, firstBlock: 0, priority: 'play' })
    const play = driver.requests().filter(({ priority }) => priority === 'play')
    expect(new Set(play.map(({ chunkId }) => chunkId))).toEqual(new Set([0, 1]))
    expect(driver.requests().every(({ priority }) => priority === 'play' || priority === 'prefetch')).toBe(true)
  })

  test('in the middle of a chunk: its blocks from there on come before those behind', () => {
    const driver = quiet({ rates: [2_000_000] })
    moveTo(driver, 3 * CHUNK + 9 * 16 * KIB + 5)
    driver.run(1000)
    expect(driver.requests()[0]).toMatchObject({ chunkId: 3, firstBlock: 9 })
    expect(driver.run(60_000, () => driver.stored.get(aSongId)?.has(3) === true)).toBe(true)
  })

  test('from the middle: nothing before it is fetched', () => {
    const driver = quiet({ rates: [2_000_000] })
    moveTo(driver, 15 * CHUNK)
    driver.run(60_000)
    expect(driver.stored.get(aSongId)).toEqual(new Set([15, 16, 17, 18, 19]))
  })

  test('the listener stops: nothing more is fetched', () => {
    const driver = quiet({ rates: [500_000] })
    moveTo(driver, 0)
    driver.run(1500)
    driver.tell({ kind: 'playback-stopped', songId: aSongId, readerId: 'reader' })
    expect(driver.scheduler.snapshot().requests).toEqual([])
    const { length } = driver.requests()
    driver.run(10_000)
    expect(driver.requests()).toHaveLength(length)
    expect(driver.tell({ kind: 'playback-stopped', songId: aSongId, readerId: 'reader' })).toEqual([])
  })

  test('a seek forward: what is heard there comes next, and what lies behind is dropped', () => {
    const driver = quiet({ rates: [500_000, 500_000] })
    moveTo(driver, 0)
    driver.run(1000)
    const before = driver.requests().length
    moveTo(driver, 14 * CHUNK)
    driver.run(2000)
    const next = driver.requests()[before]
    expect(next).toMatchObject({ chunkId: 14, priority: 'play' })
    expect(
      driver
        .requests()
        .slice(before)
        .every(({ chunkId }) => chunkId >= 14),
    ).toBe(true)
  })

  test('two listeners at different places: both get what they need next', () => {
    const driver = quiet({ rates: [2_000_000, 2_000_000] })
    moveTo(driver, 0, 'one')
    moveTo(driver, 10 * CHUNK, 'two')
    driver.run(60_000, () => [0, 1, 10, 11].every(chunkId => driver.stored.get(aSongId)?.has(chunkId)))
    expect(driver.now).toBeLessThan(1000)
  })

  test('the listener reads on as the music goes: chunks become urgent in time, and none is late', () => {
    const driver = quiet({ chunkCount: 12, rates: [80_000] })
    moveTo(driver, 0)
    let position = 0
    let stalls = 0
    driver.run(1100)
    for (let second = 0; second < 60; second++) {
      const wanted = position + 40_000
      if (driver.stored.get(aSongId)?.has(Math.floor(position / CHUNK))) position = wanted
      else stalls++
      moveTo(driver, position)
      driver.run(1000)
    }
    expect(stalls).toBeLessThanOrEqual(3)
  })
})

describe('scheduler: the listener reads on', () => {
  /** The first three chunks are here, and two are urgent at a time; a peer that has the next ones has been heard of since the last plan. */
  function readingOn(at: number) {
    const driver = quiet({ config: { trackerMs: 10_000 } })
    for (const chunkId of [0, 1, 2]) driver.tell({ kind: 'chunk-stored', songId: aSongId, chunkId })
    moveTo(driver, 0)
    driver.now = at
    const hearOf = (name: string) =>
      driver.tell({ kind: 'peer-listed', songId: aSongId, peerId: peerNamed(name), chunkIds: [3, 4], told: 'tracker' })
    hearOf('anna')
    expect(driver.requests()).toEqual([])
    return { driver, hearOf }
  }

  test('nothing more has become urgent: nothing is planned', () => {
    const { driver } = readingOn(3000)
    moveTo(driver, 4000)
    expect(driver.requests()).toEqual([])
  })

  test('something more has: it is asked for at once, and nothing is planned when he has read a little further', () => {
    const { driver, hearOf } = readingOn(7000)
    moveTo(driver, CHUNK + 10_000)
    expect(driver.requests()).toMatchObject([{ chunkId: 3, priority: 'play' }])
    hearOf('boris')
    moveTo(driver, CHUNK + 11_000)
    expect(driver.requests()).toHaveLength(1)
  })

  test('he leaves a chunk behind of which the beginning is on its way: it is given up, and something else asked for in its place', () => {
    const driver = quiet({ config: { trackerMs: 10_000 } })
    driver.origin.conduct = 'is silent'
    driver.tell({ kind: 'chunk-stored', songId: aSongId, chunkId: 1 })
    moveTo(driver, CHUNK - 16 * KIB)
    driver.tell({ kind: 'peer-listed', songId: aSongId, peerId: peerNamed('anna'), chunkIds: [0, 2, 3, 4, 5], told: 'peer' })
    driver.now = 20
    const [heard] = driver.requests()
    expect(heard).toMatchObject({ chunkId: 0, firstBlock: 15 })
    driver.tell({ kind: 'blocks-verified', requestId: heard?.requestId ?? 0, firstBlock: 15, blockCount: 1 })
    driver.tell({ kind: 'request-finished', requestId: heard?.requestId ?? 0 })
    const behind = driver.requests().filter(({ chunkId, firstBlock }) => chunkId === 0 && firstBlock < 15)
    expect(behind.length).toBeGreaterThan(0)
    const before = driver.requests().length
    const commands = moveTo(driver, CHUNK + 10)
    expect(commands.filter(({ kind }) => kind === 'cancel-request')).toHaveLength(behind.length)
    expect(driver.requests().length).toBeGreaterThan(before)
  })
})

describe('scheduler: somebody reads ahead, and nobody waits to hear it', () => {
  const readTail = (driver: SchedulerDriver, isReadAhead: boolean) =>
    driver.tell({ kind: 'playback-moved', songId: aSongId, readerId: 'tail', positionBytes: 19 * CHUNK, isReadAhead })
  const seeding = (rateBytesPerSecond: number, chunkIds?: readonly number[]) => {
    const driver = quiet()
    driver.origin.conduct = 'is silent'
    driver.addPeer('peer-0', { rateBytesPerSecond }, chunkIds === undefined ? {} : { chunkIds })
    driver.tell({ kind: 'interest-changed', songId: aSongId, interest: 'seed' })
    return driver
  }

  test('it comes while others are on their way: what it needs is asked for as to be played, and nothing is cancelled for it', () => {
    const cancelledFor = (isReadAhead: boolean) => {
      const driver = seeding(100_000)
      driver.run(500)
      const commands = readTail(driver, isReadAhead)
      driver.run(1)
      expect(driver.requests().at(-1)).toMatchObject({ chunkId: 19, firstBlock: 0, priority: 'play' })
      return commands.filter(({ kind }) => kind === 'cancel-request').length
    }
    expect(cancelledFor(false)).toBeGreaterThan(0)
    expect(cancelledFor(true)).toBe(0)
  })

  test('what it needs cannot be had: the rest is fetched meanwhile, and does not wait for it', () => {
    const storedWith = (isReadAhead: boolean) => {
      const driver = seeding(
        2_000_000,
        Array.from({ length: 19 }, (_, chunkId) => chunkId),
      )
      readTail(driver, isReadAhead)
      driver.run(900)
      return driver.stored.get(aSongId)?.size
    }
    expect(storedWith(false)).toBe(0)
    expect(storedWith(true)).toBeGreaterThan(0)
  })
})

describe('scheduler: never late', () => {
  test('no peer can make the deadline: the origin sends what is urgent, and the peers the rest', () => {
    const driver = quiet({ chunkCount: 12, rates: [20_000, 20_000] })
    moveTo(driver, 0)
    driver.run(8000)
    expect(originBytes(driver)).toBeGreaterThan(0)
    expect(driver.stored.get(aSongId)?.has(0)).toBe(true)
    driver.runUntilHeld(300_000)
    expect(originBytes(driver)).toBeLessThan(9 * CHUNK)
  })

  test('no peer can make the deadline and nobody listens: not a byte from the origin', () => {
    const driver = quiet({ chunkCount: 6, rates: [30_000, 30_000] })
    driver.tell({ kind: 'interest-changed', songId: aSongId, interest: 'seed' })
    driver.runUntilHeld(120_000)
    expect(originBytes(driver)).toBe(0)
  })

  test('nobody holds it: the first sound needs one round trip to the tracker and the first chunk', () => {
    const driver = quiet({ chunkCount: 12 })
    Object.assign(driver.origin, { rateBytesPerSecond: 1_250_000, roundTripMs: 20 })
    moveTo(driver, 0)
    driver.run(10_000, () => originBytes(driver) > 0)
    expect(driver.now).toBeLessThan(5 + 20 + 15)
    driver.run(10_000, () => driver.stored.get(aSongId)?.has(0) === true)
    expect(driver.now).toBeLessThan(600)
  })

  test('the one peer that holds it falls silent as play is pressed: the origin brings the music in time', () => {
    const driver = quiet({ chunkCount: 12, rates: [2_000_000] })
    driver.addPeer('peer-0', { conduct: 'is silent' })
    moveTo(driver, 0)
    driver.run(10_000, () => originBytes(driver) >= 8 * 16 * KIB)
    expect(driver.now).toBeLessThan(1000)
    driver.run(10_000, () => driver.stored.get(aSongId)?.has(0) === true)
    expect(driver.now).toBeLessThan(2100)
  })

  test('one of the peers falls silent as play is pressed: another brings the music in time', () => {
    const driver = quiet({ chunkCount: 12, rates: [2_000_000, 2_000_000, 2_000_000] })
    driver.addPeer('peer-1', { conduct: 'is silent' })
    moveTo(driver, 0)
    driver.run(10_000, () => driver.stored.get(aSongId)?.has(0) === true)
    expect(driver.now).toBeLessThan(1500)
    expect(originBytes(driver)).toBeLessThanOrEqual(2 * CHUNK)
  })
})

describe('scheduler: two sources for what is late', () => {
  test('a peer falls silent with urgent blocks: a second source is asked for them, and the first is given up', () => {
    const driver = quiet({ chunkCount: 2, rates: [2_000_000, 2_000_000], config: { config: { hedgeAllowanceBytes: CHUNK } } })
    driver.addPeer('peer-0', { conduct: 'is silent' })
    moveTo(driver, 0)
    driver.run(4000)
    const first = driver.requests().find(({ source }) => source.kind === 'peer' && source.peerId === 'peer-0')
    const second = driver
      .requests()
      .find(other => other !== first && other.chunkId === first?.chunkId && other.firstBlock === first?.firstBlock)
    expect(second).toMatchObject({ source: { kind: 'peer', peerId: 'peer-1' } })
    expect(driver.commands).toContainEqual(expect.objectContaining({ kind: 'cancel-request', requestId: first?.requestId }))
    expect(originBytes(driver)).toBe(0)
  })

  test('in a swarm where all is well: nobody is asked twice', () => {
    const driver = quiet({ chunkCount: 40, rates: [1_000_000, 1_500_000, 2_000_000, 2_500_000] })
    moveTo(driver, 0)
    driver.runUntilHeld(60_000)
    const total = [...driver.bytesFrom.values()].reduce((sum, bytes) => sum + bytes, 0)
    expect(total).toBe(40 * CHUNK)
  })

  test('peers that fall silent again and again: bytes that came twice stay within a hundredth and the allowance', () => {
    const driver = quiet({ chunkCount: 40, rates: [400_000, 400_000, 400_000, 400_000] })
    let count = 0
    for (const index of [0, 1, 2, 3]) driver.addPeer(`peer-${index}`, { conduct: () => (++count % 7 === 0 ? 'is silent' : 'serves') })
    moveTo(driver, 0)
    expect(driver.runUntilHeld(300_000)).toBe(true)
    const total = [...driver.bytesFrom.values()].reduce((sum, bytes) => sum + bytes, 0)
    expect(total - 40 * CHUNK).toBeLessThanOrEqual(0.01 * total + 32 * KIB)
    expect(driver.scheduler.snapshot().hedgeWastedBytes).toBeLessThanOrEqual(0.01 * total + 32 * KIB)
  })
})

describe('scheduler: many want the same of the origin', () => {
  function pressed(originBytesPerSecond: number): SchedulerDriver {
    const driver = new SchedulerDriver()
    driver.origin.rateBytesPerSecond = originBytesPerSecond
    driver.addSong(aShape(3), { interest: 'idle', byteRateBytesPerSecond: 16_000 })
    driver.tell({ kind: 'playback-moved', songId: aSongId, readerId: 'r', positionBytes: 0 })
    return driver
  }

  test('nobody holds the song: two blocks are asked for, and nothing else until they are here', () => {
    const driver = pressed(100_000)
    driver.run(300)
    expect(driver.requests()).toMatchObject([{ chunkId: 0, firstBlock: 0, blockCount: 2, source: { kind: 'origin' } }])
  })

  test('the origin is slow: of what is heard first two blocks at a time are asked for, not long before they are heard', () => {
    const driver = pressed(80_000)
    driver.run(2000)
    expect(driver.requests().every(({ blockCount }) => blockCount <= 2)).toBe(true)
    expect(driver.requests().length).toBeLessThanOrEqual(4)
  })
})
