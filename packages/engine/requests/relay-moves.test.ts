// Requests that wait for blocks which their source has not got yet: when they move, and when they stay.

import { EngineParts, fromOrigin, fromPeer } from '@evastream/testkit/engine-fixtures'
import { describe, expect, test } from 'vitest'

/** Anna is receiving chunk 0, and is asked for it at 1000. */
function waiting() {
  const parts = new EngineParts()
  parts.state.now = 1000
  const song = parts.addSong()
  const anna = parts.addPeer('anna', song, [])
  parts.state.peers.arriving(song.songId, anna, { chunks: [{ chunkId: 0, blocks: [9] }], at: 900 })
  const request = parts.ask(song, fromPeer('anna'), { blockCount: 8 })
  parts.commands()
  return { parts, song, anna, request }
}

describe('relay moves', () => {
  test('a source that holds the chunk, or the origin: is never left for being slow', () => {
    const { parts, song, anna, request } = waiting()
    expect(parts.moves.dueAt(request)).toBe(1150)
    parts.state.peers.has(song.songId, anna, [0])
    expect(parts.moves.dueAt(request)).toBe(Number.POSITIVE_INFINITY)
    expect(parts.moves.dueAt(parts.ask(song, fromOrigin, { chunkId: 1 }))).toBe(Number.POSITIVE_INFINITY)
  })

  test('a source that has the block, and only others to serve before: is left three times as late as one that waits for it itself', () => {
    const { parts, song, anna, request } = waiting()
    const tell = (blocks: number[]) => parts.state.peers.arriving(song.songId, anna, { chunks: [{ chunkId: 0, blocks }], at: 950 })
    tell([0, 9])
    expect(parts.moves.dueAt(request)).toBe(1450)
    parts.desk.blocksArrived(request, { firstBlock: 0, blockCount: 1 })
    expect(parts.moves.dueAt(request)).toBe(1150)
    tell([0, 1, 9])
    expect(parts.moves.dueAt(request)).toBe(1450)
  })

  test('in a swarm that is being brought more, what is about to be heard: leaves a holder too that has not begun to send it', () => {
    const { parts, song } = waiting()
    parts.addPeer('boris', song, [0, 1])
    const bringing = { holder: undefined, isLeased: true, since: 900, askAgainAt: 1100, isInVain: false }
    song.leases.waits.set(2, bringing)
    const played = parts.ask(song, fromPeer('boris'), { chunkId: 1, deadlineAt: 1400 })
    expect(parts.moves.dueAt(played)).toBe(1150)
    song.leases.waits.set(2, { ...bringing, isLeased: false })
    expect(parts.moves.dueAt(played)).toBe(Number.POSITIVE_INFINITY)
    song.leases.waits.set(2, bringing)
    parts.desk.arrived(played, 16_384)
    expect(parts.moves.dueAt(played)).toBe(Number.POSITIVE_INFINITY)
  })

  test('in such a swarm, what is urgent and heard later: stays in the queue until it is about to be heard', () => {
    const { parts, song } = waiting()
    parts.addPeer('boris', song, [0, 1])
    song.leases.waits.set(2, { holder: undefined, isLeased: true, since: 900, askAgainAt: 1100, isInVain: false })
    const later = parts.ask(song, fromPeer('boris'), { chunkId: 1, deadlineAt: 1800 })
    expect(parts.moves.dueAt(later)).toBe(1300)
  })

  test('a slow source is waited for as long as four blocks take it', () => {
    const { parts, request } = waiting()
    const pace = parts.state.paceOf(fromPeer('anna'))
    pace.arrived(16_384, 1400)
    pace.ended(0, 1400)
    parts.state.now = 1400
    expect(parts.moves.dueAt(request)).toBeGreaterThan(1000 + 4 * 400 - 1)
  })

  test('nobody else offers the chunk: it stays, and comes up again later', () => {
    const { parts, request } = waiting()
    parts.state.now = 1150
    expect(parts.moves.consider(request)).toBe(false)
    expect(parts.commands()).toEqual([])
    expect(parts.moves.dueAt(request)).toBeGreaterThan(1150)
  })

  test('another is free: what is missing moves there, and the first is not blamed, but known to be slow', () => {
    const { parts, song, anna, request } = waiting()
    parts.addPeer('boris', song, [0])
    parts.state.now = 1150
    expect(parts.moves.consider(request)).toBe(true)
    expect(parts.commands()).toMatchObject([
      { kind: 'cancel-request', requestId: request.requestId, reason: 'superseded' },
      { kind: 'request-blocks', chunkId: 0, firstBlock: 0, source: fromPeer('boris') },
    ])
    const record = parts.state.health.recordOf(anna)
    expect(record.failures).toBe(0)
    expect(parts.state.rateOf(fromPeer('anna'))).toBeLessThan(100_000)
  })

  test('the chunk has become ours to bring: what is waited for is asked of the origin at once, unless its source has it', () => {
    const { parts, song, anna, request } = waiting()
    parts.state.hasLeases = true
    song.leases.grants.set(0, { chunkId: 0, leaseId: 'lease-1', expiresAt: 3000, firstBlocks: undefined })
    expect(parts.moves.dueAt(request)).toBe(1000)
    parts.state.peers.arriving(song.songId, anna, { chunks: [{ chunkId: 0, blocks: [0, 9] }], at: 1000 })
    expect(parts.moves.dueAt(request)).toBe(1450)
    parts.desk.blocksArrived(request, { firstBlock: 0, blockCount: 1 })
    expect(parts.moves.consider(request)).toBe(true)
    expect(parts.commands()).toMatchObject([
      { kind: 'cancel-request', requestId: request.requestId, reason: 'superseded' },
      { kind: 'request-blocks', chunkId: 0, firstBlock: 1, blockCount: 7, source: fromOrigin, permit: 'leased' },
    ])
  })

  test('the chunk has become ours to bring while the origin is not to be asked for it, or nobody is: it stays until that is over', () => {
    for (const pause of ['pauseAtOrigin', 'pauseChunk'] as const) {
      const { parts, song, request } = waiting()
      parts.state.hasLeases = true
      song.leases.grants.set(0, { chunkId: 0, leaseId: 'lease-1', expiresAt: 3000, firstBlocks: undefined })
      song[pause](0, 1000)
      const pausedUntil = Math.max(song.originPauseOf(0), song.chunkPauseOf(0))
      parts.state.now = pausedUntil - 1
      expect(parts.moves.consider(request)).toBe(false)
      expect(parts.commands()).toEqual([])
      parts.state.now = pausedUntil
      expect(parts.moves.consider(request)).toBe(true)
      expect(parts.commands()[1]).toMatchObject({ kind: 'request-blocks', source: fromOrigin })
    }
  })

  test('the lease of the chunk has expired: the origin is not asked', () => {
    const { parts, song, request } = waiting()
    parts.state.hasLeases = true
    song.leases.grants.set(0, { chunkId: 0, leaseId: 'lease-1', expiresAt: 1000, firstBlocks: undefined })
    expect(parts.moves.dueAt(request)).toBe(1150)
    expect(parts.moves.consider(request)).toBe(false)
  })

  test('only who has waited for some time counts as waiting', () => {
    const { parts } = waiting()
    parts.state.now = 1149
    expect(parts.moves.quietRelayCount()).toBe(0)
    parts.state.now = 1150
    expect(parts.moves.quietRelayCount()).toBe(1)
  })
})
