import { BLOCK_SIZE_BYTES } from '@evastream/core/units'
import { EngineParts, fromOrigin, fromPeer } from '@evastream/testkit/engine-fixtures'
import { peerNamed } from '@evastream/testkit/scheduler-driver'
import { describe, expect, test } from 'vitest'
import type { SongState } from '../songs/song-state.ts'
import { deadWeight } from './dead-weight.ts'

const anna = fromPeer('anna')

function desk(changes: Parameters<EngineParts['addSong']>[0] = {}): { parts: EngineParts; song: SongState } {
  const parts = new EngineParts()
  const song = parts.addSong(changes)
  parts.addPeer('anna', song)
  parts.addPeer('boris', song)
  return { parts, song }
}

describe('request desk: opening', () => {
  test('a request: the command says all that the hands need', () => {
    const { parts, song } = desk()
    const request = parts.ask(song, anna, { chunkId: 3, firstBlock: 4, blockCount: 8, deadlineAt: 900 })
    expect(parts.commands()).toEqual([
      {
        kind: 'request-blocks',
        requestId: request.requestId,
        songId: song.songId,
        chunkId: 3,
        firstBlock: 4,
        blockCount: 8,
        source: anna,
        priority: 'play',
        verify: 'blocks',
      },
    ])
  })

  test('what is heard later, while others bring the song: is asked for as prefetch, stays urgent to us, and makes way for what is heard now', () => {
    const { parts, song } = desk()
    song.leases.waits.set(1, { holder: undefined, isLeased: true, since: 0, askAgainAt: 0, isInVain: false })
    const request = parts.ask(song, anna, { deadlineAt: 9000 })
    expect(parts.commands()[0]).toMatchObject({ kind: 'request-blocks', priority: 'prefetch' })
    expect(request.priority).toBe('play')
    parts.state.now = 60_000
    expect(deadWeight(parts.state)).toBe(request)
  })

  test('a song without block hashes: judged as a whole', () => {
    const { parts, song } = desk({ hasBlockHashes: false })
    parts.ask(song, fromOrigin)
    expect(parts.commands()[0]).toMatchObject({ verify: 'chunk', source: { kind: 'origin' } })
  })

  test('the books: its bytes are outstanding at the source, its time is expected from what stands before it', () => {
    const { parts, song } = desk()
    const first = parts.ask(song, anna, { blockCount: 8 })
    const second = parts.ask(song, anna, { firstBlock: 8 })
    const pace = parts.state.paceOf(anna)
    expect([pace.openRequests, pace.openBytes]).toEqual([2, 16 * BLOCK_SIZE_BYTES])
    expect(first.expectedMs).toBeCloseTo(50 + (8 * BLOCK_SIZE_BYTES * 1000) / 1_048_576)
    expect(second.expectedMs).toBeCloseTo(50 + (16 * BLOCK_SIZE_BYTES * 1000) / 1_048_576)
    expect(first.hedgeAt).toBeCloseTo(1.5 * first.expectedMs)
  })

  test('a hedge: has its bytes set aside', () => {
    const { parts, song } = desk()
    const first = parts.ask(song, anna, { blockCount: 1, deadlineAt: 100 })
    const spareBytes = parts.state.hedges.spareBytes
    parts.hedge(first, fromPeer('boris'))
    expect(parts.state.hedges.spareBytes).toBe(spareBytes - BLOCK_SIZE_BYTES)
  })
})

describe('request desk: bytes and blocks', () => {
  test('the first bytes of a request that is alone at its source: measure the round trip', () => {
    const { parts, song } = desk()
    const request = parts.ask(song, anna)
    parts.state.now = 30
    parts.desk.arrived(request, 1000)
    parts.state.now = 300
    parts.desk.arrived(request, 1000)
    expect(parts.state.paceOf(anna).roundTripMs).toBe(30)
  })

  test('the first bytes of one that stood behind another: measure nothing', () => {
    const { parts, song } = desk()
    parts.ask(song, anna, { blockCount: 8 })
    const second = parts.ask(song, anna, { firstBlock: 8 })
    parts.state.now = 30
    parts.desk.arrived(second, 1000)
    expect(parts.state.paceOf(anna).roundTripMs).toBeUndefined()
  })

  test('a block: is here, and its bytes were of use', () => {
    const { parts, song } = desk({ shape: { fileSize: 20_000, chunkSize: 262_144, chunkCount: 1 } })
    const request = parts.ask(song, anna)
    parts.desk.blocksArrived(request, { firstBlock: 1, blockCount: 1 })
    expect(request.chunk.isHere(1)).toBe(true)
    expect(request.usefulBytes).toBe(20_000 - BLOCK_SIZE_BYTES)
    parts.desk.blocksArrived(request, { firstBlock: 1, blockCount: 1 })
    expect(request.usefulBytes).toBe(20_000 - BLOCK_SIZE_BYTES)
  })

  test('it is finished: every block is here, what was not told of its bytes is made up for, and its source is well', () => {
    const { parts, song } = desk()
    parts.state.health.failed(peerNamed('anna'), 0)
    const request = parts.ask(song, anna)
    parts.state.now = 500
    parts.desk.finished(request)
    expect(request.chunk.isFull).toBe(true)
    expect(parts.state.requests.size).toBe(0)
    expect(parts.state.paceOf(anna)).toMatchObject({ openRequests: 0, openBytes: 0 })
    expect(parts.state.paceOf(anna).rateBytesPerSecond(500, 1000)).toBe((16 * BLOCK_SIZE_BYTES * 1000) / 500)
    expect(parts.state.health.recordOf(peerNamed('anna')).failures).toBe(0)
  })

  test('the origin finished: it is well, and requests of its class are known better', () => {
    const { parts, song } = desk()
    parts.state.origin.failed(0, 0)
    const usual = parts.state.spreads.origin.usualRatio(4)
    const peersUsual = parts.state.spreads.peer.usualRatio(4)
    const request = parts.ask(song, fromOrigin)
    parts.state.now = request.expectedMs
    parts.desk.finished(request)
    expect(parts.state.origin.failures).toBe(0)
    expect(parts.state.spreads.origin.usualRatio(4)).toBeLessThan(usual)
    expect(parts.state.spreads.peer.usualRatio(4)).toBe(peersUsual)
  })
})

describe('request desk: ends', () => {
  test('it failed: its blocks and its place are free, without a command', () => {
    const { parts, song } = desk()
    const request = parts.ask(song, anna)
    parts.commands()
    parts.desk.failed(request)
    expect(parts.state.requests.size).toBe(0)
    expect(parts.state.paceOf(anna).openBytes).toBe(0)
    expect(request.chunk.isIdle).toBe(true)
    expect(parts.commands()).toEqual([])
  })

  test('it is cancelled: the hands are told why', () => {
    const { parts, song } = desk()
    const request = parts.ask(song, anna)
    parts.commands()
    parts.desk.cancel(request, 'timed-out')
    expect(parts.commands()).toEqual([{ kind: 'cancel-request', requestId: request.requestId, reason: 'timed-out' }])
    expect(parts.state.paceOf(anna).openRequests).toBe(0)
  })

  test('a chunk is discarded: its requests are cancelled first', () => {
    const { parts, song } = desk()
    const first = parts.ask(song, anna, { chunkId: 2, blockCount: 8 })
    const second = parts.ask(song, fromOrigin, { chunkId: 2, firstBlock: 8 })
    const other = parts.ask(song, fromOrigin, { chunkId: 3 })
    parts.commands()
    parts.desk.discard(song, first.chunk)
    expect(parts.commands()).toEqual([
      { kind: 'cancel-request', requestId: first.requestId, reason: 'unwanted' },
      { kind: 'cancel-request', requestId: second.requestId, reason: 'unwanted' },
      { kind: 'discard-chunk', songId: song.songId, chunkId: 2 },
    ])
    expect(song.progress.has(2)).toBe(false)
    expect([...parts.state.requests.all()]).toEqual([other])
  })
})

describe('request desk: two sources for the same blocks', () => {
  test('the second brings the last that was missing: the first is cancelled, and what it sent for nothing is counted', () => {
    const { parts, song } = desk()
    const first = parts.ask(song, anna, { blockCount: 2, deadlineAt: 100 })
    const hedge = parts.hedge(first, fromPeer('boris'))
    parts.commands()
    parts.desk.arrived(first, 5000)
    for (const block of [0, 1]) {
      parts.desk.arrived(hedge, BLOCK_SIZE_BYTES)
      parts.desk.blocksArrived(hedge, { firstBlock: block, blockCount: 1 })
    }
    expect(parts.commands()).toEqual([{ kind: 'cancel-request', requestId: first.requestId, reason: 'superseded' }])
    expect(parts.state.hedges.wastedBytes).toBe(5000)
    parts.desk.finished(hedge)
    expect(parts.state.hedges.wastedBytes).toBe(5000)
    expect(first.chunk.isRunHere(first.run)).toBe(true)
  })

  test('the first is done after all: the second is cancelled, and what it sent for nothing is counted', () => {
    const { parts, song } = desk()
    const first = parts.ask(song, anna, { blockCount: 2, deadlineAt: 100 })
    const hedge = parts.hedge(first, fromPeer('boris'))
    parts.commands()
    parts.desk.arrived(hedge, 700)
    parts.desk.finished(first)
    expect(parts.commands()).toEqual([{ kind: 'cancel-request', requestId: hedge.requestId, reason: 'superseded' }])
    expect(parts.state.hedges.wastedBytes).toBe(700)
  })

  test('each brings a part that the other lacked: what both brought is counted once', () => {
    const { parts, song } = desk()
    const first = parts.ask(song, anna, { blockCount: 2, deadlineAt: 100 })
    const hedge = parts.hedge(first, fromPeer('boris'))
    parts.desk.arrived(first, BLOCK_SIZE_BYTES)
    parts.desk.blocksArrived(first, { firstBlock: 0, blockCount: 1 })
    parts.desk.arrived(hedge, 2 * BLOCK_SIZE_BYTES)
    parts.desk.blocksArrived(hedge, { firstBlock: 0, blockCount: 1 })
    parts.desk.blocksArrived(hedge, { firstBlock: 1, blockCount: 1 })
    parts.desk.finished(hedge)
    expect(parts.state.hedges.wastedBytes).toBe(0)
    expect(parts.state.requests.size).toBe(0)
    expect(first.chunk.blocksHere).toBe(2)
  })

  test('the first fails: the second owns the blocks, and costs nothing extra', () => {
    const { parts, song } = desk()
    const first = parts.ask(song, anna, { blockCount: 2, deadlineAt: 100 })
    const hedge = parts.hedge(first, fromPeer('boris'))
    const allowanceBytes = parts.state.config.hedgeAllowanceBytes
    parts.desk.failed(first)
    expect(parts.state.hedges.spareBytes).toBe(allowanceBytes)
    expect(first.chunk.missingRunOf(hedge.requestId, hedge.run)).toEqual(hedge.run)
    parts.desk.finished(hedge)
    expect(parts.state.hedges.wastedBytes).toBe(0)
    expect(first.chunk.blocksHere).toBe(2)
  })

  test('judged as a whole: the first that is finished is the chunk, the other is cancelled', () => {
    const { parts, song } = desk({ hasBlockHashes: false, shape: { fileSize: 30_000, chunkSize: 16_384, chunkCount: 2 } })
    const first = parts.ask(song, anna, { deadlineAt: 100 })
    const hedge = parts.hedge(first, fromPeer('boris'))
    parts.commands()
    parts.desk.finished(hedge)
    expect(parts.commands()).toEqual([{ kind: 'cancel-request', requestId: first.requestId, reason: 'superseded' }])
    expect(first.chunk.senders).toEqual([fromPeer('boris')])
  })
})
