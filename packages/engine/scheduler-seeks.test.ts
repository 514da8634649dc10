import { KIB } from '@evastream/core/units'
import { aShape, aSongId, SchedulerDriver } from '@evastream/testkit/scheduler-driver'
import { describe, expect, test } from 'vitest'

const CHUNK = 256 * KIB

function moveTo(driver: SchedulerDriver, positionBytes: number, readerId = 'reader') {
  return driver.tell({ kind: 'playback-moved', songId: aSongId, readerId, positionBytes })
}

function stop(driver: SchedulerDriver, readerId = 'reader') {
  return driver.tell({ kind: 'playback-stopped', songId: aSongId, readerId })
}

/** A listener at the start of a song of 40 chunks, whom peers of this rate (bytes per second) send the rest as well. */
function playing(rates: readonly number[], config: ConstructorParameters<typeof SchedulerDriver>[0] = {}): SchedulerDriver {
  const driver = new SchedulerDriver(config)
  driver.addSong(aShape(40), { interest: 'idle' })
  for (const [index, rateBytesPerSecond] of rates.entries()) driver.addPeer(`peer-${index}`, { rateBytesPerSecond })
  moveTo(driver, 0)
  return driver
}

const open = (driver: SchedulerDriver) => driver.scheduler.snapshot().requests
const isHeld = (driver: SchedulerDriver, chunkId: number) => driver.stored.get(aSongId)?.has(chunkId) === true
const received = (driver: SchedulerDriver) => [...driver.bytesFrom.values()].reduce((sum, bytes) => sum + bytes, 0)
const discarded = (driver: SchedulerDriver) => driver.commands.filter(({ kind }) => kind === 'discard-chunk')

describe('scheduler: play is pressed', () => {
  test('until the first blocks are here: nothing is asked for that is not about to be heard', () => {
    const driver = playing([200_000, 200_000, 200_000, 200_000, 200_000, 200_000, 200_000, 200_000])
    driver.run(10_000, () => driver.requests().some(({ priority }) => priority !== 'play'))
    const atFirst = driver.requests().filter(({ priority }) => priority === 'play')
    expect(atFirst.length).toBeGreaterThan(0)
    expect(received(driver)).toBeGreaterThanOrEqual(2 * 16 * KIB)
    expect(driver.now).toBeLessThan(1000)
    expect(driver.requests().at(-1)?.priority).toBe('prefetch')
  })

  test('the first sound cannot be had: the rest waits no longer than a second', () => {
    const driver = playing([200_000])
    driver.addPeer('peer-0', { conduct: ({ chunkId }) => (chunkId < 2 ? 'is silent' : 'serves') })
    driver.origin.conduct = 'is silent'
    driver.addPeer('peer-9', { rateBytesPerSecond: 200_000 }, { chunkIds: [5, 6, 7] })
    driver.run(10_000, () => driver.requests().some(({ priority }) => priority === 'prefetch'))
    expect(driver.now).toBeLessThanOrEqual(1001)
  })
})

describe('scheduler: a seek', () => {
  test('what was about to be heard there and is not here: not fetched on, and what is needed now is asked for at once', () => {
    const driver = playing([100_000, 100_000])
    driver.run(400)
    expect(open(driver).every(({ priority, chunkId }) => priority === 'play' && chunkId < 2)).toBe(true)
    const old = open(driver).map(({ requestId }) => requestId)
    const commands = moveTo(driver, 20 * CHUNK)
    for (const requestId of old) expect(commands).toContainEqual({ kind: 'cancel-request', requestId, reason: 'unwanted' })
    expect(commands.find(({ kind }) => kind === 'request-blocks')).toMatchObject({ chunkId: 20, firstBlock: 0, priority: 'play' })
  })

  test('what is on its way for later, and would hold up the first sound: cancelled, save what is nearly here', () => {
    const driver = playing([300_000, 300_000, 300_000, 300_000])
    driver.run(3000, () => open(driver).filter(({ priority }) => priority === 'prefetch').length >= 6)
    const missing = (request: { requestId: number; blockCount: number; receivedBytes: number }) =>
      request.blockCount * 16 * KIB - request.receivedBytes
    moveTo(driver, 20 * CHUNK)
    const left = open(driver).filter(({ priority }) => priority === 'prefetch')
    expect(left.reduce((sum, request) => sum + missing(request), 0)).toBeLessThan(0.05 * 1_200_000 + 1)
    expect(open(driver).some(({ chunkId, priority }) => chunkId === 20 && priority === 'play')).toBe(true)
  })

  test('to where the music is here already: nothing for later is cancelled', () => {
    const driver = playing([300_000, 300_000])
    driver.run(60_000, () => isHeld(driver, 0) && isHeld(driver, 1) && isHeld(driver, 2))
    driver.run(300)
    const later = open(driver).filter(({ priority }) => priority === 'prefetch')
    expect(later.length).toBeGreaterThan(0)
    moveTo(driver, 10, 'other')
    const { length } = open(driver).filter(({ requestId }) => later.some(request => request.requestId === requestId))
    expect(length).toBe(later.length)
  })

  test('there and back again within a while: verified blocks are not fetched twice', () => {
    const driver = playing([100_000])
    driver.run(1500)
    const here = driver.scheduler.snapshot().songs[0]?.inProgress.find(({ chunkId }) => chunkId === 0)?.blocksHere ?? 0
    expect(here).toBeGreaterThan(3)
    moveTo(driver, 20 * CHUNK)
    driver.run(2000)
    const before = driver.requests().length
    moveTo(driver, 0)
    driver.run(20_000, () => isHeld(driver, 0))
    const again = driver
      .requests()
      .slice(before)
      .filter(({ chunkId }) => chunkId === 0)
    expect(Math.min(...again.map(({ firstBlock }) => firstBlock))).toBe(here)
    expect(discarded(driver).filter(command => 'chunkId' in command && command.chunkId === 0)).toEqual([])
  })

  test('a storm of them: waste stays small, and the last one is heard soon', () => {
    const driver = playing([600_000, 600_000, 600_000, 600_000])
    driver.run(2000)
    for (let seek = 0; seek < 60; seek++) {
      moveTo(driver, ((seek * 7) % 35) * CHUNK + seek * 1000)
      driver.run(100)
    }
    const soughtAt = driver.now
    moveTo(driver, 30 * CHUNK + 16 * KIB)
    const song = () => driver.scheduler.snapshot().songs[0]
    const isThere = () => isHeld(driver, 30) || (song()?.inProgress.find(({ chunkId }) => chunkId === 30)?.blocksHere ?? 0) > 0
    driver.run(5000, isThere)
    expect(driver.now - soughtAt).toBeLessThan(300)
    moveTo(driver, 0)
    expect(driver.runUntilHeld(120_000)).toBe(true)
    expect(received(driver) - 40 * CHUNK).toBeLessThan(0.1 * received(driver))
  })
})

describe('scheduler: a player hangs up', () => {
  test('and comes back elsewhere and then to where it was: what was verified is still here', () => {
    const driver = playing([100_000])
    driver.run(1500)
    stop(driver)
    expect(open(driver)).toEqual([])
    driver.run(3000)
    moveTo(driver, 0, 'again')
    const next = driver.requests().at(-1)
    expect(next?.chunkId).toBe(0)
    expect(next?.firstBlock).toBeGreaterThan(3)
  })

  test('and does not come back: what was begun is thrown away after a minute, and nobody is woken any more', () => {
    const driver = playing([100_000])
    driver.run(1500)
    stop(driver)
    const inProgress = () => driver.scheduler.snapshot().songs[0]?.inProgress
    driver.run(50_000)
    expect(inProgress()).toMatchObject([{ chunkId: 0 }])
    driver.run(20_000)
    expect(inProgress()).toEqual([])
    expect(driver.scheduler.nextWakeAt()).toBeUndefined()
  })

  test('while others listen on: chunks parked for it give way at once when room is needed', () => {
    const driver = playing([100_000, 100_000], { config: { chunksInProgressMax: 2 } })
    driver.run(1500)
    moveTo(driver, 20 * CHUNK, 'reader')
    const inProgress = () => driver.scheduler.snapshot().songs[0]?.inProgress.map(({ chunkId }) => chunkId)
    expect(driver.run(2000, () => inProgress()?.includes(21) === true)).toBe(true)
    expect(driver.scheduler.snapshot().songs[0]?.inProgress.every(({ chunkId }) => chunkId >= 20)).toBe(true)
    expect(discarded(driver).length).toBeGreaterThan(0)
  })
})
