import { parseSongId } from '@evastream/core/ids'
import { KIB, MIB } from '@evastream/core/units'
import { aShape, aSongId, peerNamed, SchedulerDriver } from '@evastream/testkit/scheduler-driver'
import { describe, expect, test } from 'vitest'
import type { CancelRequest, DiscardChunk, FindPeers } from './commands.ts'

const second = parseSongId('song-2')

const cancels = (driver: SchedulerDriver) =>
  driver.commands.filter((command): command is CancelRequest => command.kind === 'cancel-request')
const discards = (driver: SchedulerDriver) => driver.commands.filter((command): command is DiscardChunk => command.kind === 'discard-chunk')
const lookups = (driver: SchedulerDriver) => driver.commands.filter((command): command is FindPeers => command.kind === 'find-peers')
const originBytes = (driver: SchedulerDriver) => driver.bytesFrom.get('origin') ?? 0

describe('scheduler: alone in the swarm', () => {
  test('a song of forty chunks: comes whole from the origin, each chunk asked for once and as one run', () => {
    const driver = new SchedulerDriver()
    driver.addSong(aShape(40))
    expect(driver.runUntilHeld(60_000)).toBe(true)
    expect(originBytes(driver)).toBe(40 * 256 * KIB)
    expect(driver.requests()).toHaveLength(40)
    for (const request of driver.requests()) expect(request).toMatchObject({ firstBlock: 0, blockCount: 16, source: { kind: 'origin' } })
  })

  test('the whole song: as fast as the link, not slowed by the round trips of single requests', () => {
    const driver = new SchedulerDriver()
    Object.assign(driver.origin, { rateBytesPerSecond: 5_000_000, roundTripMs: 40 })
    driver.addSong(aShape(40))
    driver.runUntilHeld(60_000)
    const linkMs = (40 * 256 * KIB * 1000) / 5_000_000
    expect(driver.now).toBeLessThan(linkMs * 1.05 + 100)
  })

  test('pressing play on it: no slower than the link, and in the order of the music at first', () => {
    const driver = new SchedulerDriver()
    Object.assign(driver.origin, { rateBytesPerSecond: 5_000_000, roundTripMs: 40 })
    driver.addSong(aShape(40), { interest: 'idle' })
    driver.tell({ kind: 'playback-moved', songId: aSongId, readerId: 'r', positionBytes: 0 })
    driver.runUntilHeld(60_000)
    expect(driver.now).toBeLessThan(((40 * 256 * KIB * 1000) / 5_000_000) * 1.05 + 100)
    expect(driver.requests()[0]).toMatchObject({ chunkId: 0, firstBlock: 0, blockCount: 2, priority: 'play' })
    const urgent = driver.requests().filter(({ priority }) => priority === 'play')
    expect(driver.requests().slice(0, urgent.length)).toEqual(urgent)
    expect([...new Set(urgent.map(({ chunkId }) => chunkId))].slice(0, 2)).toEqual([0, 1])
  })

  test.each([
    ['exactly one chunk', aShape(1)],
    ['a last chunk of 1 byte', aShape(5, 64 * KIB, 4 * 64 * KIB + 1)],
    ['one byte', aShape(1, 16 * KIB, 1)],
    ['chunks of one block', aShape(30, 16 * KIB)],
    ['chunks of 4 MiB', aShape(3, 4 * MIB)],
    ['chunks that are no whole number of blocks', aShape(7, 100_000)],
    ['300 chunks', aShape(300, 32 * KIB)],
  ])('%s: complete, every byte once', (_, shape) => {
    const driver = new SchedulerDriver()
    driver.addSong(shape)
    expect(driver.runUntilHeld(120_000)).toBe(true)
    expect(originBytes(driver)).toBe(shape.fileSize)
  })

  test('without block hashes: whole chunks, judged as such', () => {
    const driver = new SchedulerDriver()
    driver.addSong(aShape(10), { hasBlockHashes: false })
    expect(driver.runUntilHeld(60_000)).toBe(true)
    for (const request of driver.requests()) expect(request).toMatchObject({ firstBlock: 0, blockCount: 16, verify: 'chunk' })
  })

  test('a song that is held already: nothing is asked for', () => {
    const driver = new SchedulerDriver()
    driver.addSong(aShape(3), { heldChunkIds: [0, 1, 2] })
    driver.run(30_000)
    expect(driver.commands).toEqual([])
    expect(driver.scheduler.nextWakeAt()).toBeUndefined()
  })

  test('only what is missing: is asked for', () => {
    const driver = new SchedulerDriver()
    driver.addSong(aShape(6), { heldChunkIds: [0, 2, 3, 5] })
    expect(driver.runUntilHeld(60_000)).toBe(true)
    expect(
      driver
        .requests()
        .map(({ chunkId }) => chunkId)
        .sort(),
    ).toEqual([1, 4])
  })
})

describe('scheduler: what is wanted changes', () => {
  test('idle and nobody listens: nothing is asked for, not even the tracker', () => {
    const driver = new SchedulerDriver()
    driver.addSong(aShape(6), { interest: 'idle' })
    driver.addPeer('anna')
    driver.run(30_000)
    expect(driver.commands).toEqual([])
  })

  test('idle becomes seed: it is fetched', () => {
    const driver = new SchedulerDriver()
    driver.addSong(aShape(6), { interest: 'idle' })
    driver.run(1000)
    driver.tell({ kind: 'interest-changed', songId: aSongId, interest: 'seed' })
    expect(driver.runUntilHeld(60_000)).toBe(true)
  })

  test('seed becomes idle midway: what is out is cancelled, nothing more is asked for, what is here is forgotten after a while', () => {
    const driver = new SchedulerDriver()
    driver.addSong(aShape(40))
    driver.run(60, () => originBytes(driver) > 0)
    const openCount = driver.scheduler.snapshot().requests.length
    expect(openCount).toBeGreaterThan(0)
    driver.tell({ kind: 'interest-changed', songId: aSongId, interest: 'idle' })
    expect(cancels(driver)).toHaveLength(openCount)
    expect(cancels(driver).every(({ reason }) => reason === 'unwanted')).toBe(true)
    const { inProgress } = driver.scheduler.snapshot().songs[0] ?? { inProgress: [] }
    expect(inProgress.length).toBeGreaterThan(0)
    expect(inProgress.every(({ blocksHere }) => blocksHere > 0)).toBe(true)
    const asked = driver.requests().length
    driver.run(70_000)
    expect(driver.requests()).toHaveLength(asked)
    expect(driver.scheduler.snapshot().songs[0]?.inProgress).toEqual([])
    expect(driver.scheduler.nextWakeAt()).toBeUndefined()
  })

  test('a chunk is being stored when nobody wants it any more: it is left to be stored', () => {
    const driver = new SchedulerDriver()
    driver.addSong(aShape(1))
    driver.run(1000, () => driver.commands.some(({ kind }) => kind === 'complete-chunk'))
    driver.tell({ kind: 'interest-changed', songId: aSongId, interest: 'idle' })
    expect(driver.runUntilHeld(1000)).toBe(true)
    expect(discards(driver)).toEqual([])
    expect(driver.scheduler.snapshot().songs[0]?.chunksHeld).toBe(1)
  })

  test('the song is removed midway: all that is out is cancelled, and late answers change nothing', () => {
    const driver = new SchedulerDriver()
    driver.addSong(aShape(40))
    driver.run(60, () => originBytes(driver) > 0)
    const [open] = driver.scheduler.snapshot().requests
    driver.tell({ kind: 'song-removed', songId: aSongId })
    expect(driver.scheduler.snapshot()).toMatchObject({ songs: [], requests: [] })
    const requestId = open?.requestId ?? 0
    for (const late of [
      { kind: 'bytes-arrived', requestId, sizeBytes: 100 },
      { kind: 'blocks-verified', requestId, firstBlock: 0, blockCount: 1 },
      { kind: 'request-finished', requestId },
      { kind: 'request-failed', requestId, code: 'EVA_ORIGIN_STATUS' },
      { kind: 'chunk-stored', songId: aSongId, chunkId: 0 },
    ] as const)
      expect(driver.tell(late)).toEqual([])
    expect(driver.scheduler.snapshot().origin.failures).toBe(0)
  })

  test('the song is removed and added again: it is fetched as if new', () => {
    const driver = new SchedulerDriver()
    driver.addSong(aShape(8))
    driver.run(60, () => originBytes(driver) > 0)
    driver.tell({ kind: 'song-removed', songId: aSongId })
    driver.addSong(aShape(8), { heldChunkIds: [0] })
    expect(driver.runUntilHeld(60_000)).toBe(true)
  })

  test('the song is added a second time: what was begun is forgotten, what the peers hold is not', () => {
    const driver = new SchedulerDriver({ trackerMs: undefined })
    driver.origin.conduct = 'is silent'
    driver.addSong(aShape(8))
    driver.addPeer('anna')
    driver.tell({ kind: 'peer-listed', songId: aSongId, peerId: peerNamed('anna'), chunkIds: [0, 1, 2, 3, 4, 5, 6, 7], told: 'peer' })
    const before = driver.requests().length
    driver.addSong(aShape(8))
    expect(cancels(driver)).toHaveLength(before)
    expect(driver.runUntilHeld(60_000)).toBe(true)
    expect(originBytes(driver)).toBe(0)
  })

  test('a chunk that was held is lost: it is fetched again', () => {
    const driver = new SchedulerDriver()
    driver.addSong(aShape(4))
    driver.runUntilHeld(60_000)
    driver.stored.get(aSongId)?.delete(2)
    driver.tell({ kind: 'chunk-lost', songId: aSongId, chunkId: 2 })
    expect(driver.runUntilHeld(60_000)).toBe(true)
    expect(driver.requests().at(-1)).toMatchObject({ chunkId: 2 })
  })
})

describe('scheduler: bounds', () => {
  test.each([1, 2, 5, 16])('%d downloads at once allowed: never more, and the song still completes', downloadsInFlightMax => {
    const driver = new SchedulerDriver({ config: { downloadsInFlightMax } })
    let most = 0
    driver.observe = () => {
      most = Math.max(most, driver.scheduler.snapshot().requests.length)
    }
    driver.addSong(aShape(20))
    for (const name of ['anna', 'boris', 'clara']) driver.addPeer(name)
    expect(driver.runUntilHeld(60_000)).toBe(true)
    expect(most).toBeLessThanOrEqual(downloadsInFlightMax)
    expect(most).toBe(Math.min(downloadsInFlightMax, 6))
  })

  test('one chunk in progress allowed: one after another', () => {
    const driver = new SchedulerDriver({ config: { chunksInProgressMax: 1 } })
    let most = 0
    driver.observe = () => {
      most = Math.max(most, driver.scheduler.snapshot().songs[0]?.inProgress.length ?? 0)
    }
    driver.addSong(aShape(6))
    driver.addPeer('anna')
    expect(driver.runUntilHeld(60_000)).toBe(true)
    expect(most).toBe(1)
  })

  test('each peer: never has more than two requests of ours', () => {
    const driver = new SchedulerDriver()
    let most = 0
    driver.observe = () => {
      for (const { openRequests } of driver.scheduler.snapshot().peers) most = Math.max(most, openRequests)
    }
    driver.addSong(aShape(20))
    driver.addPeer('anna')
    driver.addPeer('boris')
    driver.runUntilHeld(60_000)
    expect(most).toBe(2)
  })

  test('batches asked of peers: two to eight blocks, save for what is left of a chunk, and whole chunks of one that sends them in a moment', () => {
    const driver = new SchedulerDriver()
    driver.addSong(aShape(20))
    for (const [index, rateBytesPerSecond] of [60_000, 300_000, 5_000_000].entries())
      driver.addPeer(`peer-${index}`, { rateBytesPerSecond })
    driver.runUntilHeld(60_000)
    const countsOf = (name: string) =>
      new Set(driver.requests().flatMap(({ source, blockCount }) => (source.kind === 'peer' && source.peerId === name ? [blockCount] : [])))
    for (const name of ['peer-0', 'peer-1']) expect(Math.max(...countsOf(name))).toBeLessThanOrEqual(8)
    expect(Math.max(...countsOf('peer-2'))).toBe(16)
    expect(countsOf('peer-1').size).toBeGreaterThan(1)
  })
})

describe('scheduler: several songs', () => {
  test('two seeds, both from the origin: progress side by side', () => {
    const driver = new SchedulerDriver({ config: { originRequestsMax: 1 } })
    driver.addSong(aShape(20))
    driver.addSong(aShape(20), { songId: second })
    driver.run(60_000, () => driver.stored.get(aSongId)?.size === 10)
    expect(driver.stored.get(second)?.size).toBeGreaterThanOrEqual(8)
    expect(driver.stored.get(second)?.size).toBeLessThanOrEqual(12)
  })

  test('one is listened to: what is about to be heard comes first, and the seed waits', () => {
    const driver = new SchedulerDriver({ config: { originRequestsMax: 2 } })
    Object.assign(driver.origin, { rateBytesPerSecond: 1_000_000 })
    driver.addSong(aShape(20))
    driver.addSong(aShape(20), { songId: second, interest: 'idle' })
    driver.run(600)
    const before = driver.requests().length
    driver.tell({ kind: 'playback-moved', songId: second, readerId: 'r', positionBytes: 0 })
    driver.run(60_000, () => (driver.stored.get(second)?.size ?? 0) >= 2)
    const asked = driver.requests().slice(before)
    const firstOfLater = asked.findIndex(({ priority }) => priority !== 'play')
    expect(new Set(asked.slice(0, firstOfLater).map(({ songId, chunkId }) => `${songId} ${chunkId}`))).toEqual(
      new Set([`${second} 0`, `${second} 1`]),
    )
    expect(driver.stored.get(second)).toEqual(new Set([0, 1]))
  })

  test('a hundred songs of one chunk: all complete', () => {
    const driver = new SchedulerDriver()
    const ids = Array.from({ length: 100 }, (_, index) => parseSongId(`album-${index}`))
    for (const songId of ids) driver.addSong(aShape(1), { songId })
    expect(driver.run(120_000, () => ids.every(songId => driver.stored.get(songId)?.size === 1))).toBe(true)
  })
})

describe('scheduler: asking the tracker', () => {
  test('a fresh song: the tracker is asked before the origin', () => {
    const driver = new SchedulerDriver({ trackerMs: 40 })
    driver.addSong(aShape(10))
    expect(driver.commands.map(({ kind }) => kind)).toEqual(['find-peers'])
    driver.run(39)
    expect(driver.requests()).toEqual([])
    driver.run(2)
    expect(driver.requests().length).toBeGreaterThan(0)
  })

  test('the tracker is down: the origin is asked as soon as that is known', () => {
    const driver = new SchedulerDriver({ trackerMs: undefined })
    driver.addSong(aShape(10))
    driver.run(2)
    expect(driver.requests()[0]).toMatchObject({ source: { kind: 'origin' } })
    expect(driver.runUntilHeld(60_000)).toBe(true)
  })

  test('the tracker takes for ever: the origin is asked after 300 ms', () => {
    const driver = new SchedulerDriver({ trackerMs: 100_000 })
    driver.addSong(aShape(10))
    driver.run(299)
    expect(driver.requests()).toEqual([])
    driver.run(1)
    expect(driver.requests().length).toBeGreaterThan(0)
  })

  test('chunks that nobody holds: asked about every two seconds, never more than once a second', () => {
    const driver = new SchedulerDriver()
    Object.assign(driver.origin, { rateBytesPerSecond: 200_000 })
    driver.addSong(aShape(20))
    const times: number[] = []
    driver.observe = (event, commands) => {
      if (commands.some(({ kind }) => kind === 'find-peers')) times.push(event.at)
    }
    driver.run(10_000)
    expect(times).toHaveLength(5)
    for (const [index, at] of times.entries()) if (index > 0) expect(at - (times[index - 1] ?? 0)).toBeGreaterThanOrEqual(1000)
  })

  test('every chunk has a holder: asked about every ten seconds', () => {
    const driver = new SchedulerDriver()
    driver.addSong(aShape(20))
    driver.addPeer('anna', { rateBytesPerSecond: 100_000 })
    driver.run(25_000)
    expect(lookups(driver)).toHaveLength(3)
  })

  test('the song is complete: not asked any more', () => {
    const driver = new SchedulerDriver()
    driver.addSong(aShape(4))
    driver.runUntilHeld(60_000)
    const count = lookups(driver).length
    driver.run(60_000)
    expect(lookups(driver)).toHaveLength(count)
  })
})
