import { KIB, MIB } from '@evastream/core/units'
import { aShape, aSongId, SchedulerDriver } from '@evastream/testkit/scheduler-driver'
import { describe, expect, test } from 'vitest'

const CHUNK = 256 * KIB
const SPAN_MS = 10_000

interface Arrival {
  readonly at: number
  readonly sizeBytes: number
}

/** A node that may receive so many bytes per second, and notes what it receives when. */
function limited(downloadLimitBytesPerSecond: number, config: ConstructorParameters<typeof SchedulerDriver>[0] = {}) {
  const driver = new SchedulerDriver({ ...config, config: { ...config.config, downloadLimitBytesPerSecond } })
  const arrivals: Arrival[] = []
  driver.observe = event => {
    if (event.kind === 'bytes-arrived') arrivals.push({ at: event.at, sizeBytes: event.sizeBytes })
  }
  return { driver, arrivals }
}

/** The most and the least bytes per second that came in any span of ten seconds. */
function extremes(arrivals: readonly Arrival[]): { least: number; most: number } {
  let least = Number.POSITIVE_INFINITY
  let most = 0
  const end = arrivals.at(-1)?.at ?? 0
  for (let from = 1000; from + SPAN_MS < end; from += 250) {
    let sum = 0
    for (const { at, sizeBytes } of arrivals) if (at >= from && at < from + SPAN_MS) sum += sizeBytes
    least = Math.min(least, sum / 10)
    most = Math.max(most, sum / 10)
  }
  return { least, most }
}

describe('scheduler: a download limit', () => {
  test.each([100_000, 400_000, MIB, 5 * MIB])(
    '%i bytes per second, peers far faster: kept within a twentieth over any ten seconds',
    limit => {
      const { driver, arrivals } = limited(limit)
      driver.addSong(aShape(Math.ceil((limit * 30) / CHUNK)))
      for (let index = 0; index < 6; index++) driver.addPeer(`peer-${index}`, { rateBytesPerSecond: 4 * limit, roundTripMs: 40 })
      expect(driver.runUntilHeld(60_000)).toBe(true)
      const { least, most } = extremes(arrivals)
      expect(most).toBeLessThan(1.05 * limit)
      expect(least).toBeGreaterThan(0.94 * limit)
    },
  )

  test('the origin alone sends: kept as well', () => {
    const { driver, arrivals } = limited(300_000)
    driver.addSong(aShape(40))
    expect(driver.runUntilHeld(60_000)).toBe(true)
    const { least, most } = extremes(arrivals)
    expect(most).toBeLessThan(1.05 * 300_000)
    expect(least).toBeGreaterThan(0.94 * 300_000)
  })

  test('a song without block hashes: kept on average', () => {
    const { driver } = limited(300_000)
    driver.addSong(aShape(40), { hasBlockHashes: false })
    expect(driver.runUntilHeld(120_000)).toBe(true)
    expect((40 * CHUNK) / (driver.now / 1000)).toBeLessThan(1.05 * 300_000)
    expect((40 * CHUNK) / (driver.now / 1000)).toBeGreaterThan(0.9 * 300_000)
  })

  test('peers that fall silent or fail: what did not come is asked for again, and the limit is used all the same', () => {
    const { driver, arrivals } = limited(400_000)
    driver.addSong(aShape(50))
    let count = 0
    for (let index = 0; index < 6; index++)
      driver.addPeer(`peer-${index}`, { rateBytesPerSecond: 300_000, conduct: () => (++count % 9 === 0 ? 'is silent' : 'serves') })
    expect(driver.runUntilHeld(120_000)).toBe(true)
    expect(extremes(arrivals).most).toBeLessThan(1.05 * 400_000)
    expect(driver.now).toBeLessThan(1.2 * ((50 * CHUNK) / 400))
  })

  test('somebody listens: what is urgent is asked for first, and the music does not wait', () => {
    const { driver, arrivals } = limited(60_000)
    driver.addSong(aShape(20), { interest: 'seed', byteRateBytesPerSecond: 40_000 })
    for (let index = 0; index < 4; index++) driver.addPeer(`peer-${index}`, { rateBytesPerSecond: 2_000_000 })
    driver.run(5000)
    driver.tell({ kind: 'playback-moved', songId: aSongId, readerId: 'reader', positionBytes: 10 * CHUNK })
    const asked = driver.requests().length
    const soundAt = driver.now
    const firstBlock = () => driver.scheduler.snapshot().songs[0]?.inProgress.find(({ chunkId }) => chunkId === 10)?.blocksHere ?? 0
    driver.run(2000, () => firstBlock() > 0)
    expect(driver.now - soundAt).toBeLessThan(600)
    driver.run(6000)
    expect(
      driver
        .requests()
        .slice(asked, asked + 15)
        .every(({ priority, chunkId }) => priority === 'play' && chunkId >= 10 && chunkId < 12),
    ).toBe(true)
    expect(extremes(arrivals).most).toBeLessThan(1.05 * 60_000 + 16 * KIB)
  })

  test('the limit is far below the music: what there is of it goes to the music, and nobody is woken without end', () => {
    const { driver } = limited(8000)
    driver.addSong(aShape(4), { interest: 'idle', byteRateBytesPerSecond: 40_000 })
    driver.addPeer('peer-0')
    driver.tell({ kind: 'playback-moved', songId: aSongId, readerId: 'reader', positionBytes: 0 })
    driver.run(60_000)
    expect(driver.bytesFrom.get('peer-0')).toBeGreaterThan(0.9 * 8000 * 60)
    expect(driver.bytesFrom.get('peer-0')).toBeLessThan(1.05 * 8000 * 60 + 16 * KIB)
    expect(driver.events.filter(({ kind }) => kind === 'woke').length).toBeLessThan(60 * 10)
  })
})
