import { parseSongId, type SongId } from '@evastream/core/ids'
import { KIB } from '@evastream/core/units'
import { aShape, aSongId, SchedulerDriver } from '@evastream/testkit/scheduler-driver'
import { describe, expect, test } from 'vitest'

const CHUNK = 256 * KIB
const RATE = 40_000
const [second, third, fourth] = ['song-2', 'song-3', 'song-4'].map(parseSongId) as [SongId, SongId, SongId]

function moveTo(driver: SchedulerDriver, positionBytes: number, songId: SongId = aSongId) {
  return driver.tell({ kind: 'playback-moved', songId, readerId: `reader of ${songId}`, positionBytes })
}

/** Somebody hears the first of four songs of two minutes, the others to come; peers of this rate hold them all, unless there are none. */
function listening(options: { rates?: readonly number[]; chunkCount?: number } = {}): SchedulerDriver {
  const driver = new SchedulerDriver()
  for (const songId of [aSongId, second, third, fourth]) {
    driver.addSong(aShape(options.chunkCount ?? 18), { songId, interest: 'idle', byteRateBytesPerSecond: RATE })
    for (const [index, rateBytesPerSecond] of (options.rates ?? [2_000_000]).entries())
      driver.addPeer(`peer-${index}`, { rateBytesPerSecond }, { songId })
  }
  moveTo(driver, 0)
  driver.tell({ kind: 'queue-changed', songIds: [second, third, fourth] })
  return driver
}

/** The player opens another connection, further on. */
function seek(driver: SchedulerDriver, positionBytes: number) {
  driver.tell({ kind: 'playback-stopped', songId: aSongId, readerId: `reader of ${aSongId}` })
  return moveTo(driver, positionBytes)
}

/** The reader of the first song takes what the music needs, second by second. */
function hear(driver: SchedulerDriver, seconds: number, fromByte = 0): void {
  for (let second = 0; second < seconds; second++) {
    driver.run(1000)
    moveTo(driver, fromByte + (second + 1) * RATE)
  }
}

const asked = (driver: SchedulerDriver, songId: SongId) => driver.requests().filter(request => request.songId === songId)
const chunksOf = (driver: SchedulerDriver, songId: SongId) => [...(driver.stored.get(songId) ?? [])].sort((x, y) => x - y)

describe('scheduler: a queue of songs to come', () => {
  test('the song that is played comes first; then the first chunk of each song to come, as prefetch', () => {
    const driver = listening()
    driver.run(20_000)
    expect(driver.stored.get(aSongId)?.size).toBe(18)
    for (const songId of [second, third, fourth]) {
      expect(chunksOf(driver, songId)).toEqual([0])
      expect(asked(driver, songId).every(({ priority }) => priority === 'prefetch')).toBe(true)
    }
    const lastOfPlayed = Math.max(...asked(driver, aSongId).map(({ requestId }) => requestId))
    expect(Math.min(...asked(driver, second).map(({ requestId }) => requestId))).toBeGreaterThan(lastOfPlayed)
  })

  test('nobody holds the songs to come: their first chunks come from the origin, and nothing else does', () => {
    const driver = listening({ rates: [] })
    driver.run(30_000)
    expect(chunksOf(driver, second)).toEqual([0])
    expect(driver.bytesFrom.get('origin')).toBe(18 * CHUNK + 3 * CHUNK)
  })

  test('half a minute of the music remains: the next song whole, from its beginning on; the others no more than before', () => {
    const driver = listening()
    driver.run(20_000)
    hear(driver, 60, 0)
    expect(chunksOf(driver, second)).toEqual([0])
    hear(driver, 32, 60 * RATE)
    expect(driver.stored.get(second)?.size).toBe(18)
    const order = asked(driver, second).map(({ chunkId }) => chunkId)
    expect(order).toEqual([...order].sort((x, y) => x - y))
    expect(chunksOf(driver, third)).toEqual([0])
  })

  test('half a minute remains and nobody holds the next song: the origin is spared until ten seconds do', () => {
    const driver = listening({ rates: [] })
    driver.run(5000)
    seek(driver, 18 * CHUNK - 29 * RATE)
    moveTo(driver, 18 * CHUNK)
    driver.run(18_000)
    expect(chunksOf(driver, second)).toEqual([0])
    driver.run(3500)
    expect(driver.stored.get(second)?.size).toBe(18)
  })

  test('the player has read the song to its end and hangs up: the next is fetched when its music has half a minute to go', () => {
    const driver = listening({ chunkCount: 9 })
    driver.run(2000)
    moveTo(driver, 9 * CHUNK)
    driver.tell({ kind: 'playback-stopped', songId: aSongId, readerId: `reader of ${aSongId}` })
    driver.run(20_000)
    expect(chunksOf(driver, second)).toEqual([0])
    driver.run(15_000)
    expect(driver.stored.get(second)?.size).toBe(9)
  })

  test('the queue changes while the next song is fetched: it is fetched no further, and what was begun is kept for a while', () => {
    const driver = listening({ rates: [100_000] })
    driver.run(60_000)
    seek(driver, 18 * CHUNK - 20 * RATE)
    driver.run(5000)
    expect(asked(driver, second).length).toBeGreaterThan(5)
    driver.tell({ kind: 'queue-changed', songIds: [third] })
    const { requests, songs, queue } = driver.scheduler.snapshot()
    expect(queue).toEqual([third])
    expect(requests.some(({ songId }) => songId === second)).toBe(false)
    expect(songs.map(({ ahead }) => ahead)).toEqual(['nothing', 'nothing', 'whole', 'nothing'])
    driver.run(5000)
    expect(asked(driver, third).length).toBeGreaterThan(5)
  })

  test('the next song is begun: it is played like any other, and what was fetched ahead is there at once', () => {
    const driver = listening()
    driver.run(20_000)
    const before = driver.requests().length
    driver.tell({ kind: 'playback-stopped', songId: aSongId, readerId: `reader of ${aSongId}` })
    moveTo(driver, 0, second)
    driver.tell({ kind: 'queue-changed', songIds: [third, fourth] })
    driver.run(5000)
    expect(
      driver
        .requests()
        .slice(before)
        .filter(({ songId, chunkId }) => songId === second && chunkId === 0),
    ).toEqual([])
    expect(driver.stored.get(second)?.size).toBe(18)
    expect(chunksOf(driver, third)).toEqual([0])
  })

  test('a song that is not known yet is queued: wanted as soon as it is', () => {
    const driver = new SchedulerDriver()
    driver.tell({ kind: 'queue-changed', songIds: [second] })
    driver.run(1000)
    driver.addSong(aShape(3), { songId: second, interest: 'idle' })
    driver.run(1000)
    expect(chunksOf(driver, second)).toEqual([0])
  })

  test('nothing is left to fetch: nobody is woken for the queue', () => {
    const driver = listening()
    driver.run(20_000)
    driver.tell({ kind: 'playback-stopped', songId: aSongId, readerId: `reader of ${aSongId}` })
    driver.run(1000)
    expect(driver.scheduler.nextWakeAt()).toBeUndefined()
  })
})
