import { KIB, MIB } from '@evastream/core/units'
import { aShape, aSongId, peerNamed, SchedulerDriver } from '@evastream/testkit/scheduler-driver'
import { describe, expect, test } from 'vitest'

const originBytes = (driver: SchedulerDriver) => driver.bytesFrom.get('origin') ?? 0
const bytesOf = (driver: SchedulerDriver, name: string) => driver.bytesFrom.get(name) ?? 0

describe('scheduler: peers first', () => {
  test('others hold everything: not a byte from the origin', () => {
    const driver = new SchedulerDriver()
    driver.addSong(aShape(40))
    for (const name of ['anna', 'boris', 'clara']) driver.addPeer(name)
    expect(driver.runUntilHeld(60_000)).toBe(true)
    expect(originBytes(driver)).toBe(0)
  })

  test('others hold everything and somebody presses play: not a byte from the origin', () => {
    const driver = new SchedulerDriver()
    driver.addSong(aShape(40), { interest: 'idle' })
    for (const name of ['anna', 'boris', 'clara']) driver.addPeer(name, { rateBytesPerSecond: 500_000 })
    driver.tell({ kind: 'playback-moved', songId: aSongId, readerId: 'r', positionBytes: 0 })
    expect(driver.runUntilHeld(120_000)).toBe(true)
    expect(originBytes(driver)).toBe(0)
  })

  test('one slow peer holds everything and nothing is urgent: still not a byte from the origin', () => {
    const driver = new SchedulerDriver()
    driver.addSong(aShape(4))
    driver.addPeer('anna', { rateBytesPerSecond: 32_000 })
    expect(driver.runUntilHeld(120_000)).toBe(true)
    expect(originBytes(driver)).toBe(0)
  })

  test('peers hold a part: only the rest comes from the origin', () => {
    const driver = new SchedulerDriver()
    driver.addSong(aShape(20))
    driver.addPeer('anna', {}, { chunkIds: [0, 1, 2, 3, 4] })
    driver.addPeer('boris', {}, { chunkIds: [5, 6, 7, 8, 9] })
    expect(driver.runUntilHeld(60_000)).toBe(true)
    expect(originBytes(driver)).toBe(10 * 256 * KIB)
  })

  test('equal peers: equal shares', () => {
    const driver = new SchedulerDriver()
    driver.addSong(aShape(80))
    const names = ['anna', 'boris', 'clara', 'dora']
    for (const name of names) driver.addPeer(name)
    driver.runUntilHeld(60_000)
    for (const name of names) expect(bytesOf(driver, name) / (80 * 256 * KIB)).toBeCloseTo(0.25, 1)
  })

  test('a peer four times as fast: sends about four times as much, and the whole takes hardly longer than it must', () => {
    const driver = new SchedulerDriver()
    driver.addSong(aShape(80))
    driver.addPeer('fast', { rateBytesPerSecond: 4_000_000 })
    driver.addPeer('slow', { rateBytesPerSecond: 1_000_000 })
    driver.runUntilHeld(60_000)
    const ratio = bytesOf(driver, 'fast') / bytesOf(driver, 'slow')
    expect(ratio).toBeGreaterThan(3)
    expect(ratio).toBeLessThan(5)
    expect(driver.now).toBeLessThan(1.1 * ((80 * 256 * KIB * 1000) / 5_000_000))
  })

  test('a chunk: its blocks come from several peers', () => {
    const driver = new SchedulerDriver()
    driver.addSong(aShape(1, 4 * MIB))
    for (const name of ['anna', 'boris', 'clara']) driver.addPeer(name)
    driver.runUntilHeld(60_000)
    for (const name of ['anna', 'boris', 'clara']) expect(bytesOf(driver, name)).toBeGreaterThan(MIB)
  })

  test('rare chunks: are asked for before common ones', () => {
    const driver = new SchedulerDriver()
    driver.addSong(aShape(12))
    const rare = [3, 7]
    driver.addPeer('anna')
    driver.addPeer('boris', {}, { chunkIds: [0, 1, 2, 4, 5, 6, 8, 9, 10, 11] })
    driver.addPeer('clara', {}, { chunkIds: [0, 1, 2, 4, 5, 6, 8, 9, 10, 11] })
    // All are listed before the first is asked for anything, as on connections that were open before.
    driver.tell({ kind: 'interest-changed', songId: aSongId, interest: 'idle' })
    driver.run(100)
    driver.commands.length = 0
    driver.tell({ kind: 'interest-changed', songId: aSongId, interest: 'seed' })
    expect(rare).toContain(driver.requests()[0]?.chunkId)
    expect(driver.runUntilHeld(60_000)).toBe(true)
    const ofAnna = driver.requests().filter(({ source }) => source.kind === 'peer' && source.peerId === 'anna')
    expect([...new Set(ofAnna.map(({ chunkId }) => chunkId))].slice(0, 2).sort()).toEqual(rare)
  })
})

describe('scheduler: what peers tell', () => {
  function quietTracker(): SchedulerDriver {
    const driver = new SchedulerDriver()
    driver.origin.conduct = 'is silent'
    driver.addSong(aShape(4))
    return driver
  }

  test('a peer has a chunk from now on: it is asked for it at once', () => {
    const driver = quietTracker()
    driver.addPeer('anna', {}, { chunkIds: [] })
    driver.tell({ kind: 'peer-listed', songId: aSongId, peerId: peerNamed('anna'), chunkIds: [], told: 'peer' })
    const commands = driver.tell({ kind: 'peer-has', songId: aSongId, peerId: peerNamed('anna'), chunkIds: [2] })
    expect(commands[0]).toMatchObject({ kind: 'request-blocks', chunkId: 2, source: { kind: 'peer', peerId: 'anna' } })
  })

  test('a peer lacks a chunk from now on: it is not asked for it', () => {
    const driver = quietTracker()
    driver.tell({ kind: 'interest-changed', songId: aSongId, interest: 'idle' })
    driver.tell({ kind: 'peer-listed', songId: aSongId, peerId: peerNamed('anna'), chunkIds: [0, 1], told: 'peer' })
    driver.tell({ kind: 'peer-lacks', songId: aSongId, peerId: peerNamed('anna'), chunkIds: [0] })
    driver.tell({ kind: 'interest-changed', songId: aSongId, interest: 'seed' })
    const fromAnna = driver.requests().filter(({ source }) => source.kind === 'peer')
    expect(new Set(fromAnna.map(({ chunkId }) => chunkId))).toEqual(new Set([1]))
  })

  test('a song that is not known here: ignored', () => {
    const driver = new SchedulerDriver()
    const peerId = peerNamed('anna')
    expect(driver.tell({ kind: 'peer-listed', songId: aSongId, peerId, chunkIds: [0], told: 'peer' })).toEqual([])
    expect(driver.tell({ kind: 'peer-has', songId: aSongId, peerId, chunkIds: [0] })).toEqual([])
    expect(driver.tell({ kind: 'peer-lacks', songId: aSongId, peerId, chunkIds: [0] })).toEqual([])
  })

  test('the tracker lists a peer while the origin is being asked: the peer gets what is left', () => {
    const driver = new SchedulerDriver()
    Object.assign(driver.origin, { rateBytesPerSecond: 500_000 })
    driver.addSong(aShape(20))
    driver.run(1000)
    driver.addPeer('anna')
    expect(driver.runUntilHeld(60_000)).toBe(true)
    expect(bytesOf(driver, 'anna')).toBeGreaterThan(10 * 256 * KIB)
  })
})

describe('scheduler: a peer is gone', () => {
  test('killed in the middle of serving: its transfers move on at once, and blocks that verified are kept', () => {
    const driver = new SchedulerDriver()
    driver.addSong(aShape(20))
    driver.addPeer('anna')
    driver.addPeer('boris')
    driver.run(60_000, () => bytesOf(driver, 'anna') > 12 * 16 * KIB)
    driver.removePeer('anna')
    const commands = driver.tell({ kind: 'peer-lost', peerId: peerNamed('anna'), code: 'EVA_PEER_CLOSED' })
    expect(commands.some(({ kind }) => kind === 'cancel-request')).toBe(false)
    expect(driver.scheduler.snapshot().requests.every(({ source }) => source.kind === 'peer' && source.peerId === 'boris')).toBe(true)
    expect(driver.runUntilHeld(60_000)).toBe(true)
    const total = [...driver.bytesFrom.values()].reduce((sum, bytes) => sum + bytes, 0)
    expect(total).toBeLessThanOrEqual(20 * 256 * KIB)
    expect(originBytes(driver)).toBe(0)
  })

  test('the only holder is gone: the tracker is asked, and then the origin sends the rest', () => {
    const driver = new SchedulerDriver()
    driver.addSong(aShape(20))
    driver.addPeer('anna')
    driver.run(60_000, () => bytesOf(driver, 'anna') > 5 * 256 * KIB)
    driver.removePeer('anna')
    driver.run(3000)
    driver.tell({ kind: 'peer-lost', peerId: peerNamed('anna'), code: 'EVA_PEER_CLOSED' })
    expect(driver.runUntilHeld(60_000)).toBe(true)
    expect(originBytes(driver)).toBeGreaterThan(13 * 256 * KIB)
  })

  test('it comes back: it is asked again', () => {
    const driver = new SchedulerDriver()
    driver.origin.conduct = { failsWith: 'EVA_ORIGIN_UNREACHABLE' }
    driver.addSong(aShape(10))
    driver.addPeer('anna')
    driver.run(60_000, () => bytesOf(driver, 'anna') > 3 * 256 * KIB)
    driver.tell({ kind: 'peer-lost', peerId: peerNamed('anna'), code: 'EVA_PEER_CLOSED' })
    driver.tell({ kind: 'peer-listed', songId: aSongId, peerId: peerNamed('anna'), chunkIds: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], told: 'peer' })
    expect(driver.runUntilHeld(60_000)).toBe(true)
    expect(originBytes(driver)).toBe(0)
  })

  test('a stranger is gone: nothing happens', () => {
    const driver = new SchedulerDriver()
    driver.addSong(aShape(1), { heldChunkIds: [0] })
    expect(driver.tell({ kind: 'peer-lost', peerId: peerNamed('nobody'), code: 'EVA_PEER_CLOSED' })).toEqual([])
  })
})

describe('scheduler: the origin is gone', () => {
  test('one peer holds everything: the song completes from it alone', () => {
    const driver = new SchedulerDriver()
    driver.origin.conduct = { failsWith: 'EVA_ORIGIN_UNREACHABLE' }
    driver.addSong(aShape(40))
    driver.addPeer('anna')
    expect(driver.runUntilHeld(60_000)).toBe(true)
    expect(driver.requests().every(({ source }) => source.kind === 'peer')).toBe(true)
  })

  test('each of three peers holds a third: the song completes', () => {
    const driver = new SchedulerDriver()
    driver.origin.conduct = { failsWith: 'EVA_ORIGIN_UNREACHABLE' }
    driver.addSong(aShape(30))
    for (const rest of [0, 1, 2])
      driver.addPeer(`peer-${rest}`, {}, { chunkIds: Array.from({ length: 10 }, (_, index) => 3 * index + rest) })
    expect(driver.runUntilHeld(60_000)).toBe(true)
  })

  test('nobody holds one chunk: all others come, and that one as soon as somebody has it', () => {
    const driver = new SchedulerDriver()
    driver.origin.conduct = { failsWith: 'EVA_ORIGIN_UNREACHABLE' }
    driver.addSong(aShape(10))
    driver.addPeer('anna', {}, { chunkIds: [0, 1, 2, 3, 4, 6, 7, 8, 9] })
    expect(driver.run(60_000, () => driver.stored.get(aSongId)?.size === 9)).toBe(true)
    driver.run(100_000)
    const at = driver.now
    driver.addPeer('boris', {}, { chunkIds: [5] })
    expect(driver.runUntilHeld(60_000)).toBe(true)
    expect(driver.now - at).toBeLessThan(3000)
  })
})

describe('scheduler: relay while arriving', () => {
  const tellArriving = (driver: SchedulerDriver, name: string, chunkIds: readonly number[]) =>
    driver.tell({
      kind: 'peer-arriving',
      songId: aSongId,
      peerId: peerNamed(name),
      chunks: chunkIds.map(chunkId => ({ chunkId, blocks: [0] })),
    })

  test('a peer that is receiving a chunk: is asked for it, and the origin is not', () => {
    const driver = new SchedulerDriver()
    driver.origin.conduct = { failsWith: 'EVA_ORIGIN_UNREACHABLE' }
    driver.addSong(aShape(4))
    driver.addPeer('anna', {}, { chunkIds: [] })
    driver.run(100)
    tellArriving(driver, 'anna', [0, 1, 2, 3])
    expect(driver.runUntilHeld(60_000)).toBe(true)
    expect(originBytes(driver)).toBe(0)
    expect(bytesOf(driver, 'anna')).toBe(4 * 256 * KIB)
  })

  test('it gives the chunk up: the rest comes from the origin', () => {
    const driver = new SchedulerDriver()
    driver.origin.conduct = { failsWith: 'EVA_ORIGIN_UNREACHABLE' }
    driver.addSong(aShape(1))
    driver.addPeer('anna', { conduct: { failsWith: 'EVA_PEER_CHUNK_MISSING', afterBlocks: 1 } }, { chunkIds: [] })
    driver.run(100)
    tellArriving(driver, 'anna', [0])
    driver.origin.conduct = 'serves'
    expect(driver.runUntilHeld(60_000)).toBe(true)
    expect(bytesOf(driver, 'anna')).toBeGreaterThan(0)
    expect(originBytes(driver)).toBeGreaterThan(0)
  })
})
