import type { ErrorCode } from '@evastream/core/errors'
import { KIB, MIB, MINUTE_MS, SECOND_MS } from '@evastream/core/units'
import { aShape, aSongId, peerNamed, SchedulerDriver } from '@evastream/testkit/scheduler-driver'
import { describe, expect, test } from 'vitest'
import type { BanPeer, ReportTrouble, RequestBlocks } from './commands.ts'

const CHUNK = 256 * KIB
const originBytes = (driver: SchedulerDriver) => driver.bytesFrom.get('origin') ?? 0
const bytesOf = (driver: SchedulerDriver, name: string) => driver.bytesFrom.get(name) ?? 0
const bans = (driver: SchedulerDriver) => driver.commands.filter((command): command is BanPeer => command.kind === 'ban-peer')
const troubles = (driver: SchedulerDriver) =>
  driver.commands.filter((command): command is ReportTrouble => command.kind === 'report-trouble')
const askedOf = (driver: SchedulerDriver, name: string) =>
  driver.requests().filter(({ source }) => (source.kind === 'origin' ? 'origin' : source.peerId) === name)

function swarm(chunkCount = 20): SchedulerDriver {
  const driver = new SchedulerDriver()
  driver.addSong(aShape(chunkCount))
  driver.addPeer('anna')
  return driver
}

describe('scheduler: a peer errs', () => {
  test.each(['EVA_PEER_TIMEOUT', 'EVA_PEER_UNREACHABLE', 'EVA_PEER_CLOSED', 'EVA_INTERNAL'] as const)(
    'always, with %s: the others and not the origin send the song, and it is hardly asked',
    code => {
      const driver = swarm()
      driver.addPeer('errs', { conduct: { failsWith: code } })
      expect(driver.runUntilHeld(60_000)).toBe(true)
      expect(originBytes(driver)).toBe(0)
      expect(askedOf(driver, 'errs').length).toBeLessThan(10)
      expect(bans(driver)).toEqual([])
    },
  )

  test('midway through a request: the blocks that verified are kept, the rest comes from another', () => {
    const driver = swarm()
    driver.addPeer('errs', { conduct: { failsWith: 'EVA_PEER_CLOSED', afterBlocks: 3 } })
    driver.runUntilHeld(60_000)
    expect(bytesOf(driver, 'errs')).toBeGreaterThan(0)
    expect(bytesOf(driver, 'errs') + bytesOf(driver, 'anna')).toBe(20 * CHUNK)
  })

  test('it failed a chunk: it is not asked for that chunk again soon', () => {
    const driver = swarm(4)
    driver.origin.conduct = 'is silent'
    driver.addPeer('anna', { rateBytesPerSecond: 50_000 })
    driver.addPeer('errs', { conduct: request => (request.chunkId === 2 ? { failsWith: 'EVA_PEER_CLOSED' } : 'serves') })
    driver.run(4000)
    // The two that were out together when the first of them failed.
    expect(askedOf(driver, 'errs').filter(({ chunkId }) => chunkId === 2).length).toBeLessThanOrEqual(2)
  })

  test('all peers fail for a chunk: the origin sends that chunk alone', () => {
    const driver = new SchedulerDriver()
    driver.addSong(aShape(20))
    const failsSeven = (request: RequestBlocks) => (request.chunkId === 7 ? ({ failsWith: 'EVA_PEER_CHUNK_MISSING' } as const) : 'serves')
    for (const name of ['anna', 'boris', 'clara']) driver.addPeer(name, { conduct: failsSeven })
    expect(driver.runUntilHeld(60_000)).toBe(true)
    expect(originBytes(driver)).toBe(CHUNK)
    expect(
      driver
        .requests()
        .filter(({ source }) => source.kind === 'origin')
        .every(({ chunkId }) => chunkId === 7),
    ).toBe(true)
  })

  test('the only holder failed once and the origin is gone: it is asked again, and the song completes', () => {
    const driver = new SchedulerDriver()
    driver.origin.conduct = { failsWith: 'EVA_ORIGIN_UNREACHABLE' }
    driver.addSong(aShape(6))
    let failures = 5
    driver.addPeer('anna', { conduct: () => (failures-- > 0 ? { failsWith: 'EVA_PEER_CLOSED' } : 'serves') })
    expect(driver.runUntilHeld(120_000)).toBe(true)
  })
})

describe('scheduler: a peer stalls', () => {
  test('it takes requests and never answers: given up in time, the song completes from another as fast as it can', () => {
    const driver = swarm(40)
    driver.addPeer('mute', { conduct: 'is silent' })
    expect(driver.runUntilHeld(60_000)).toBe(true)
    expect(originBytes(driver)).toBe(0)
    expect(driver.now).toBeLessThan(1.1 * ((40 * CHUNK * 1000) / 2_000_000))
  })

  test('the only holder: the origin sends the song', () => {
    const driver = new SchedulerDriver()
    driver.addSong(aShape(20))
    driver.addPeer('mute', { conduct: 'is silent' })
    expect(driver.runUntilHeld(30_000)).toBe(true)
    expect(originBytes(driver)).toBe(20 * CHUNK)
  })

  test('it stalls in the middle of a batch: what verified is kept', () => {
    const driver = swarm()
    const stalls = driver.addPeer('stalls')
    driver.run(60_000, () => bytesOf(driver, 'stalls') > 3 * 16 * KIB)
    stalls.conduct = 'is silent'
    driver.tell({ kind: 'bytes-arrived', requestId: 0, sizeBytes: 1 })
    expect(driver.runUntilHeld(60_000)).toBe(true)
    expect(bytesOf(driver, 'stalls') + bytesOf(driver, 'anna')).toBe(20 * CHUNK)
  })

  test('every peer is very slow, and the origin gone: nobody is given up for ever', () => {
    const driver = new SchedulerDriver()
    driver.origin.conduct = { failsWith: 'EVA_ORIGIN_UNREACHABLE' }
    driver.addSong(aShape(4))
    driver.addPeer('anna', { rateBytesPerSecond: 5000 })
    driver.addPeer('boris', { rateBytesPerSecond: 12_000 })
    expect(driver.runUntilHeld(15 * MINUTE_MS)).toBe(true)
  })

  test.each([
    [256_000, true],
    [256_000, false],
    [32_000, true],
    [32_000, false],
  ])('chunks of 4 MiB at %d bytes per second, with block hashes %s: no request is given up', (rateBytesPerSecond, hasBlockHashes) => {
    const driver = new SchedulerDriver()
    driver.addSong(aShape(2, 4 * MIB), { hasBlockHashes })
    driver.addPeer('anna', { rateBytesPerSecond })
    expect(driver.runUntilHeld(15 * MINUTE_MS)).toBe(true)
    expect(driver.commands.filter(({ kind }) => kind === 'cancel-request')).toEqual([])
    expect(bytesOf(driver, 'anna')).toBe(8 * MIB)
  })

  test('the origin is slow and sends one answer after another: no request is given up', () => {
    const driver = new SchedulerDriver()
    Object.assign(driver.origin, { rateBytesPerSecond: 100_000 })
    driver.addSong(aShape(3, 4 * MIB), { hasBlockHashes: false })
    expect(driver.runUntilHeld(15 * MINUTE_MS)).toBe(true)
    expect(originBytes(driver)).toBe(12 * MIB)
  })

  test('the origin takes five seconds to answer anything: patience grows until it is got', () => {
    const driver = new SchedulerDriver()
    Object.assign(driver.origin, { roundTripMs: 5000 })
    driver.addSong(aShape(10))
    expect(driver.runUntilHeld(5 * MINUTE_MS)).toBe(true)
  })
})

describe('scheduler: a peer lies', () => {
  test('a bad block: it is out at once for ten minutes, and asked for nothing meanwhile', () => {
    const driver = swarm()
    driver.addPeer('liar', { conduct: { failsWith: 'EVA_BLOCK_HASH_MISMATCH', afterBlocks: 1 } })
    expect(driver.runUntilHeld(60_000)).toBe(true)
    expect(bans(driver)).toEqual([{ kind: 'ban-peer', peerId: 'liar', code: 'EVA_BLOCK_HASH_MISMATCH', durationMs: 10 * MINUTE_MS }])
    const bannedAt = driver.commands.findIndex(({ kind }) => kind === 'ban-peer')
    const after = driver.commands.slice(bannedAt).filter(command => command.kind === 'request-blocks')
    expect(after.some(({ source }) => source.kind === 'peer' && source.peerId === 'liar')).toBe(false)
    expect(originBytes(driver)).toBe(0)
  })

  test('it tells us what it holds while it is out: not heard; after that: heard, and out for twice as long the next time', () => {
    const driver = new SchedulerDriver({ trackerMs: undefined })
    driver.origin.conduct = { failsWith: 'EVA_ORIGIN_UNREACHABLE' }
    driver.addSong(aShape(2))
    driver.addPeer('liar', { conduct: { failsWith: 'EVA_BLOCK_HASH_MISMATCH' } })
    const listed = () => driver.tell({ kind: 'peer-listed', songId: aSongId, peerId: peerNamed('liar'), chunkIds: [0, 1], told: 'peer' })
    listed()
    driver.run(1000)
    expect(bans(driver)).toHaveLength(1)
    listed()
    driver.tell({ kind: 'peer-has', songId: aSongId, peerId: peerNamed('liar'), chunkIds: [0] })
    expect(driver.scheduler.snapshot().songs[0]?.neighbours).toEqual([])
    driver.run(11 * MINUTE_MS)
    listed()
    driver.run(1000)
    expect(bans(driver).map(({ durationMs }) => durationMs)).toEqual([10 * MINUTE_MS, 20 * MINUTE_MS])
  })

  test('no block hashes and a whole chunk is bad: the one peer that sent it is out', () => {
    const driver = new SchedulerDriver()
    driver.addSong(aShape(10), { hasBlockHashes: false })
    driver.addPeer('anna')
    driver.addPeer('liar')
    const sender = new Map<number, string>()
    driver.observe = (_, commands) => {
      for (const command of commands)
        if (command.kind === 'request-blocks' && command.source.kind === 'peer') sender.set(command.chunkId, command.source.peerId)
    }
    driver.verdictOf = ({ chunkId }) => ({ kind: sender.get(chunkId) === 'liar' ? 'chunk-rejected' : 'chunk-stored' })
    expect(driver.runUntilHeld(60_000)).toBe(true)
    expect(bans(driver)).toMatchObject([{ peerId: 'liar', code: 'EVA_CHUNK_HASH_MISMATCH' }])
  })

  test('it says for ever that it is busy, and is the only holder: it is waited for, but not for ever', () => {
    const driver = new SchedulerDriver()
    driver.addSong(aShape(4))
    driver.addPeer('busy', { conduct: { failsWith: 'EVA_PEER_BUSY', retryAfterMs: 200 } })
    driver.run(20 * SECOND_MS)
    expect(originBytes(driver)).toBe(0)
    expect(driver.runUntilHeld(40 * SECOND_MS)).toBe(true)
    expect(bans(driver)).toEqual([])
  })

  test('it says that it is busy for a moment: asked again then, and not the origin', () => {
    const driver = new SchedulerDriver()
    driver.addSong(aShape(4))
    let rejects = 6
    driver.addPeer('anna', { conduct: () => (rejects-- > 0 ? { failsWith: 'EVA_PEER_BUSY', retryAfterMs: 300 } : 'serves') })
    expect(driver.runUntilHeld(30_000)).toBe(true)
    expect(originBytes(driver)).toBe(0)
  })

  test('it boasts with chunks that it lacks: the origin sends them, and it is not asked for each', () => {
    const driver = new SchedulerDriver()
    driver.addSong(aShape(60))
    driver.addPeer('boasts', { conduct: { failsWith: 'EVA_PEER_CHUNK_MISSING' } })
    expect(driver.runUntilHeld(60_000)).toBe(true)
    expect(askedOf(driver, 'boasts').length).toBeLessThan(20)
  })
})

describe('scheduler: the origin fails', () => {
  const codes: readonly ErrorCode[] = [
    'EVA_ORIGIN_UNREACHABLE',
    'EVA_ORIGIN_STATUS',
    'EVA_ORIGIN_TRUNCATED',
    'EVA_ORIGIN_HASH_MISMATCH',
    'EVA_ORIGIN_OVERLOADED',
  ]

  test.each(codes)('with %s, then it is well again: backs off meanwhile, and completes soon after', code => {
    const driver = new SchedulerDriver()
    driver.origin.conduct = { failsWith: code }
    driver.addSong(aShape(20))
    driver.run(20_000)
    expect(driver.requests().length).toBeLessThan(40)
    driver.origin.conduct = 'serves'
    expect(driver.runUntilHeld(35_000)).toBe(true)
    expect(bans(driver)).toEqual([])
  })

  test('with Retry-After: not a request before that', () => {
    const driver = new SchedulerDriver()
    driver.origin.conduct = { failsWith: 'EVA_ORIGIN_OVERLOADED', retryAfterMs: 7000 }
    driver.addSong(aShape(20))
    driver.run(100)
    const { length } = driver.requests()
    driver.run(6900)
    expect(driver.requests()).toHaveLength(length)
    driver.origin.conduct = 'serves'
    expect(driver.runUntilHeld(20_000)).toBe(true)
  })

  test('while it is down: peers are asked meanwhile', () => {
    const driver = new SchedulerDriver()
    driver.origin.conduct = { failsWith: 'EVA_ORIGIN_UNREACHABLE' }
    driver.addSong(aShape(10))
    driver.run(5000)
    driver.addPeer('anna')
    expect(driver.runUntilHeld(10_000)).toBe(true)
    expect(bytesOf(driver, 'anna')).toBe(10 * CHUNK)
  })

  test('after it was down: one request sees whether it is well, the others wait for that', () => {
    const driver = new SchedulerDriver()
    driver.origin.conduct = { failsWith: 'EVA_ORIGIN_STATUS' }
    driver.addSong(aShape(20))
    driver.run(100)
    let most = 0
    driver.observe = () => {
      const { origin } = driver.scheduler.snapshot()
      if (origin.failures > 0) most = Math.max(most, origin.openRequests)
    }
    driver.run(10_000)
    expect(most).toBe(1)
  })

  test('it lacks one chunk: the others come without delay, that one is asked for again and again', () => {
    const driver = new SchedulerDriver()
    let isThere = false
    driver.origin.conduct = request => (request.chunkId === 5 && !isThere ? { failsWith: 'EVA_ORIGIN_CHUNK_MISSING' } : 'serves')
    driver.addSong(aShape(20))
    expect(driver.run(2000, () => driver.stored.get(aSongId)?.size === 19)).toBe(true)
    driver.run(60_000)
    const asked = askedOf(driver, 'origin').filter(({ chunkId }) => chunkId === 5).length
    expect(asked).toBeGreaterThan(5)
    expect(asked).toBeLessThan(15)
    isThere = true
    expect(driver.runUntilHeld(31_000)).toBe(true)
  })

  test('it lacks every chunk: it is not bombarded', () => {
    const driver = new SchedulerDriver()
    driver.origin.conduct = { failsWith: 'EVA_ORIGIN_CHUNK_MISSING' }
    driver.addSong(aShape(1000, 16 * KIB))
    driver.run(60_000)
    expect(driver.requests().length).toBeLessThan(60)
  })

  test('what it sends is wrong for one chunk: nobody is blamed, the others come', () => {
    const driver = new SchedulerDriver()
    driver.addPeer('anna', {}, { chunkIds: [0] })
    driver.origin.conduct = request => (request.chunkId === 5 ? { failsWith: 'EVA_ORIGIN_HASH_MISMATCH', afterBlocks: 3 } : 'serves')
    driver.addSong(aShape(20))
    expect(driver.run(30_000, () => driver.stored.get(aSongId)?.size === 19)).toBe(true)
    expect(bans(driver)).toEqual([])
  })

  test('no block hashes and a whole chunk of it is bad: it is left alone, no peer is blamed, and it is asked again', () => {
    const driver = new SchedulerDriver()
    driver.addSong(aShape(5), { hasBlockHashes: false })
    let rejects = 4
    driver.verdictOf = ({ chunkId }) => ({ kind: chunkId === 3 && rejects-- > 0 ? 'chunk-rejected' : 'chunk-stored' })
    expect(driver.runUntilHeld(60_000)).toBe(true)
    expect(bans(driver)).toEqual([])
  })
})

describe('scheduler: the manifest contradicts itself', () => {
  test('every block of a chunk matches and the chunk does not: said once, nobody blamed, the song goes on by whole chunks', () => {
    const driver = new SchedulerDriver()
    driver.addSong(aShape(10))
    for (const name of ['anna', 'boris']) driver.addPeer(name)
    driver.verdictOf = ({ chunkId }) => ({ kind: chunkId === 4 ? 'chunk-rejected' : 'chunk-stored' })
    expect(driver.run(60_000, () => driver.stored.get(aSongId)?.size === 9)).toBe(true)
    driver.run(30_000)
    expect(troubles(driver)).toEqual([{ kind: 'report-trouble', code: 'EVA_MANIFEST_INCONSISTENT', songId: aSongId, chunkId: 4 }])
    expect(bans(driver)).toEqual([])
    const again = driver.requests().filter(({ chunkId, verify }) => chunkId === 4 && verify === 'chunk')
    expect(again.length).toBeGreaterThan(0)
    expect(again.length).toBeLessThan(8)
    for (const request of again) expect(request).toMatchObject({ firstBlock: 0, blockCount: 16 })
  })

  test('only its block hashes were wrong: the chunk comes as a whole', () => {
    const driver = new SchedulerDriver()
    driver.addSong(aShape(10))
    driver.addPeer('anna')
    let isFirst = true
    driver.verdictOf = ({ chunkId }) => {
      if (chunkId !== 4 || !isFirst) return { kind: 'chunk-stored' }
      isFirst = false
      return { kind: 'chunk-rejected' }
    }
    expect(driver.runUntilHeld(60_000)).toBe(true)
  })
})

describe('scheduler: the disk is full', () => {
  test('nothing can be stored: no new chunks are begun, nothing is fetched twice, it is tried again later and later', () => {
    const driver = new SchedulerDriver()
    driver.addSong(aShape(40))
    driver.verdictOf = () => ({ kind: 'chunk-unstored', code: 'EVA_STORAGE_FULL' })
    driver.run(60_000)
    expect(originBytes(driver)).toBeLessThanOrEqual(12 * CHUNK)
    const tries = driver.commands.filter(command => command.kind === 'complete-chunk')
    expect(tries.length).toBeGreaterThan(12)
    expect(tries.length).toBeLessThan(12 * 10)
    expect(troubles(driver).every(({ code }) => code === 'EVA_STORAGE_FULL')).toBe(true)
  })

  test('there is room again: everything is stored without being fetched again', () => {
    const driver = new SchedulerDriver()
    driver.addSong(aShape(40))
    let isFull = true
    driver.verdictOf = () => (isFull ? { kind: 'chunk-unstored', code: 'EVA_STORAGE_FULL' } : { kind: 'chunk-stored' })
    driver.run(20_000)
    isFull = false
    expect(driver.runUntilHeld(60_000)).toBe(true)
    expect(originBytes(driver)).toBe(40 * CHUNK)
  })

  test('somebody listens: what is about to be heard is fetched all the same', () => {
    const driver = new SchedulerDriver()
    driver.addSong(aShape(40))
    driver.verdictOf = () => ({ kind: 'chunk-unstored', code: 'EVA_STORAGE_FULL' })
    driver.run(20_000)
    driver.tell({ kind: 'playback-moved', songId: aSongId, readerId: 'r', positionBytes: 0 })
    driver.run(3000)
    const inProgress = new Map(driver.scheduler.snapshot().songs[0]?.inProgress.map(chunk => [chunk.chunkId, chunk]))
    for (const chunkId of [0, 1]) expect(inProgress.get(chunkId)).toMatchObject({ blocksHere: 16 })
    expect(inProgress.size).toBeLessThanOrEqual(12)
  })
})

describe('scheduler: chunks that wait give way', () => {
  test('the places are taken by chunks whose holders are gone: others are begun after a while', () => {
    const driver = new SchedulerDriver({ config: { chunksInProgressMax: 2 }, trackerMs: undefined })
    driver.origin.conduct = { failsWith: 'EVA_ORIGIN_UNREACHABLE' }
    driver.addSong(aShape(10))
    const stuck = driver.addPeer('stuck', { conduct: { failsWith: 'EVA_PEER_CLOSED', afterBlocks: 3 } })
    driver.tell({ kind: 'peer-listed', songId: aSongId, peerId: peerNamed('stuck'), chunkIds: [0, 1], told: 'peer' })
    driver.run(2000)
    stuck.conduct = 'is silent'
    driver.tell({ kind: 'peer-lost', peerId: peerNamed('stuck'), code: 'EVA_PEER_CLOSED' })
    expect(driver.scheduler.snapshot().songs[0]?.inProgress.length).toBe(2)
    driver.addPeer('anna')
    driver.tell({ kind: 'peer-listed', songId: aSongId, peerId: peerNamed('anna'), chunkIds: [2, 3, 4, 5, 6, 7, 8, 9], told: 'peer' })
    expect(driver.run(30_000, () => driver.stored.get(aSongId)?.size === 8)).toBe(true)
  })
})
