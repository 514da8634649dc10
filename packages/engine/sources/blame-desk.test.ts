import { ERROR_TABLE } from '@evastream/core/error-table'
import type { ErrorCode } from '@evastream/core/errors'
import { MINUTE_MS } from '@evastream/core/units'
import { EngineParts, fromOrigin, fromPeer } from '@evastream/testkit/engine-fixtures'
import { peerNamed } from '@evastream/testkit/scheduler-driver'
import { describe, expect, test } from 'vitest'
import type { SongState } from '../songs/song-state.ts'

const anna = peerNamed('anna')
const codes = Object.keys(ERROR_TABLE) as ErrorCode[]

function swarm(): { parts: EngineParts; song: SongState } {
  const parts = new EngineParts()
  const song = parts.addSong()
  parts.addPeer('anna', song)
  parts.addPeer('boris', song)
  return { parts, song }
}

/** Anna is asked for chunk 0 and fails with this code. */
function annaFails(code: ErrorCode, retryAfterMs?: number): { parts: EngineParts; song: SongState } {
  const { parts, song } = swarm()
  const request = parts.ask(song, fromPeer('anna'))
  parts.commands()
  parts.state.now = 1000
  parts.blame.requestFailed(request, code, retryAfterMs)
  return { parts, song }
}

function originFails(code: ErrorCode, retryAfterMs?: number): { parts: EngineParts; song: SongState } {
  const { parts, song } = swarm()
  const request = parts.ask(song, fromOrigin)
  parts.commands()
  parts.state.now = 1000
  parts.blame.requestFailed(request, code, retryAfterMs)
  return { parts, song }
}

describe('blame desk: a peer fails', () => {
  test.each(['EVA_PEER_TIMEOUT', 'EVA_PEER_CLOSED', 'EVA_PEER_UNREACHABLE'] as const)(
    '%s: left alone for a moment and marked for the chunk',
    code => {
      const { parts, song } = annaFails(code)
      expect(parts.state.health.recordOf(anna)).toMatchObject({ failures: 1, pausedUntil: 1500, strikes: 0 })
      expect(song.markOf(0, anna)).toBe(6000)
      expect(parts.state.peers.holdingsOf(song.songId).has(anna)).toBe(true)
      expect(parts.commands()).toEqual([])
    },
  )

  test('busy: asked again when it said, and nothing is held against it', () => {
    const { parts, song } = annaFails('EVA_PEER_BUSY', 800)
    expect(parts.state.health.recordOf(anna)).toMatchObject({ failures: 0, pausedUntil: 0, busyUntil: 1800 })
    expect(song.markOf(0, anna)).toBe(0)
  })

  test('busy, of a chunk that it is receiving: what it told of is still known, unless it was waited for more than that', () => {
    const knows = (blocks: readonly number[]) => {
      const { parts, song } = swarm()
      parts.state.peers.arriving(song.songId, anna, { chunks: [{ chunkId: 5, blocks }], at: 0 })
      const request = parts.ask(song, fromPeer('anna'), { chunkId: 5, firstBlock: 2, blockCount: 2 })
      parts.blame.requestFailed(request, 'EVA_PEER_BUSY', 800)
      expect(parts.state.health.recordOf(anna).busyUntil).toBe(800)
      return parts.state.peers.holdingsOf(song.songId).get(anna)?.arriving.has(5)
    }
    expect(knows([0, 1, 2])).toBe(true)
    expect(knows([0, 1])).toBe(false)
  })

  test('it does not have the chunk: no longer counted as a copy, and no failure yet', () => {
    const { parts, song } = annaFails('EVA_PEER_CHUNK_MISSING')
    expect(parts.state.peers.copiesOf(song.songId)[0]).toBe(1)
    expect(parts.state.health.recordOf(anna)).toMatchObject({ failures: 0, missing: 1 })
    expect(song.markOf(0, anna)).toBe(6000)
  })

  test('bad bytes: out at once for ten minutes, and none of its chunks counts', () => {
    const { parts, song } = annaFails('EVA_BLOCK_HASH_MISMATCH')
    expect(parts.commands()).toEqual([{ kind: 'ban-peer', peerId: anna, code: 'EVA_BLOCK_HASH_MISMATCH', durationMs: 10 * MINUTE_MS }])
    expect(parts.state.health.isBanned(anna, 1000)).toBe(true)
    expect(parts.state.peers.holdingsOf(song.songId).has(anna)).toBe(false)
  })

  test('bad bytes while other requests are out to it: those are cancelled first', () => {
    const { parts, song } = swarm()
    const bad = parts.ask(song, fromPeer('anna'), { blockCount: 8 })
    const other = parts.ask(song, fromPeer('anna'), { firstBlock: 8 })
    parts.commands()
    parts.blame.requestFailed(bad, 'EVA_BLOCK_HASH_MISMATCH')
    expect(parts.commands().map(({ kind }) => kind)).toEqual(['cancel-request', 'ban-peer'])
    expect(parts.state.requests.get(other.requestId)).toBeUndefined()
    expect(bad.chunk.isIdle).toBe(true)
  })

  test('any code: banned if and only if the table blames peers for it and says that it will not pass', () => {
    for (const code of codes) {
      const { parts } = annaFails(code)
      const { blames, retryable } = ERROR_TABLE[code]
      const isBanned = parts.commands().some(({ kind }) => kind === 'ban-peer')
      expect([code, isBanned]).toEqual([code, blames === 'peer' && !retryable])
    }
  })

  test('any code but busy: the same peer is not asked for the same chunk at once', () => {
    for (const code of codes) {
      if (code === 'EVA_PEER_BUSY') continue
      const { parts, song } = annaFails(code)
      expect([code, song.markOf(0, anna) > 1000 || parts.state.health.isBanned(anna, 1000)]).toEqual([code, true])
    }
  })

  test('a code that this version does not know: a failure like any other', () => {
    const { parts } = annaFails('EVA_NEVER_HEARD_OF' as ErrorCode)
    expect(parts.state.health.recordOf(anna)).toMatchObject({ failures: 1, strikes: 0 })
  })
})

describe('blame desk: a request takes too long', () => {
  test('of a peer: cancelled, the peer left alone and waited for longer the next time, marked for the chunk', () => {
    const { parts, song } = swarm()
    const request = parts.ask(song, fromPeer('anna'))
    parts.commands()
    parts.state.now = 1000
    parts.blame.requestTimedOut(request)
    expect(parts.commands()).toEqual([{ kind: 'cancel-request', requestId: request.requestId, reason: 'timed-out' }])
    expect(parts.state.health.recordOf(anna)).toMatchObject({ failures: 1, timeouts: 1, pausedUntil: 1500 })
    expect(song.markOf(0, anna)).toBe(6000)
    expect(parts.state.origin.failures).toBe(0)
  })

  test('of the origin: cancelled, the origin left alone and waited for longer the next time, no peer blamed', () => {
    const { parts, song } = swarm()
    const request = parts.ask(song, fromOrigin)
    parts.commands()
    parts.blame.requestTimedOut(request)
    expect(parts.commands()).toMatchObject([{ kind: 'cancel-request', reason: 'timed-out' }])
    expect(parts.state.origin).toMatchObject({ failures: 1, patience: 2 })
    expect(parts.state.health.recordOf(anna).failures).toBe(0)
  })

  test('what was asked of the peer later and has not begun to come: cancelled with it, and marked; all else stays', () => {
    const { parts, song } = swarm()
    const earlier = parts.ask(song, fromPeer('anna'), { chunkId: 1 })
    const late = parts.ask(song, fromPeer('anna'), { chunkId: 2 })
    const behind = parts.ask(song, fromPeer('anna'), { chunkId: 3 })
    const begun = parts.ask(song, fromPeer('anna'), { chunkId: 4 })
    const elsewhere = parts.ask(song, fromPeer('boris'), { chunkId: 5 })
    parts.desk.arrived(begun, 10)
    parts.commands()
    parts.blame.requestTimedOut(late)
    expect(parts.commands()).toEqual([late, behind].map(({ requestId }) => ({ kind: 'cancel-request', requestId, reason: 'timed-out' })))
    expect([...parts.state.requests.all()]).toEqual([earlier, begun, elsewhere])
    expect([1, 2, 3, 4].map(chunkId => song.markOf(chunkId, anna) > 0)).toEqual([false, true, true, false])
    expect(parts.state.health.recordOf(anna).failures).toBe(1)
  })
})

describe('blame desk: what is missing moves to another source', () => {
  test('its peer had fallen silent: left alone for a moment and marked, but waited for no longer the next time', () => {
    const { parts, song } = swarm()
    const request = parts.ask(song, fromPeer('anna'))
    parts.commands()
    parts.blame.requestMoved(request, true)
    expect(parts.commands()).toEqual([{ kind: 'cancel-request', requestId: request.requestId, reason: 'superseded' }])
    expect(parts.state.health.recordOf(anna)).toMatchObject({ failures: 1, timeouts: 0 })
    expect(song.markOf(0, anna)).toBe(5000)
  })

  test('its peer was slow: not blamed', () => {
    const { parts, song } = swarm()
    parts.blame.requestMoved(parts.ask(song, fromPeer('anna')), false)
    expect(parts.state.health.recordOf(anna).failures).toBe(0)
    expect(song.markOf(0, anna)).toBe(0)
  })

  test('the origin had fallen silent: not blamed', () => {
    const { parts, song } = swarm()
    parts.blame.requestMoved(parts.ask(song, fromOrigin), true)
    expect(parts.state.origin.failures).toBe(0)
    expect(parts.state.requests.size).toBe(0)
  })
})

describe('blame desk: a peer is gone', () => {
  test('its requests: to others at once, without a command', () => {
    const { parts, song } = swarm()
    const request = parts.ask(song, fromPeer('anna'))
    const other = parts.ask(song, fromPeer('boris'), { chunkId: 1 })
    parts.commands()
    parts.blame.peerLost(anna, 'EVA_PEER_CLOSED')
    expect([...parts.state.requests.all()]).toEqual([other])
    expect(request.chunk.isIdle).toBe(true)
    expect(parts.commands()).toEqual([])
  })

  test('what it held: not counted any more; it may come back after a moment', () => {
    const { parts, song } = swarm()
    parts.blame.peerLost(anna, 'EVA_PEER_UNREACHABLE')
    expect(parts.state.peers.copiesOf(song.songId)[0]).toBe(1)
    expect(parts.state.health.recordOf(anna)).toMatchObject({ failures: 1, pausedUntil: 500, strikes: 0 })
  })

  test('because it broke the protocol: out', () => {
    const { parts } = swarm()
    parts.blame.peerLost(anna, 'EVA_PEER_PROTOCOL')
    expect(parts.commands()).toMatchObject([{ kind: 'ban-peer', peerId: anna, code: 'EVA_PEER_PROTOCOL' }])
  })

  test('after it was banned: nothing more', () => {
    const { parts } = swarm()
    parts.blame.banPeer(anna, 'EVA_BLOCK_HASH_MISMATCH')
    parts.commands()
    parts.blame.peerLost(anna, 'EVA_PEER_PROTOCOL')
    expect(parts.commands()).toEqual([])
    expect(parts.state.health.recordOf(anna).strikes).toBe(1)
  })
})

describe('blame desk: the origin fails', () => {
  test.each(['EVA_ORIGIN_UNREACHABLE', 'EVA_ORIGIN_TIMEOUT', 'EVA_ORIGIN_STATUS', 'EVA_ORIGIN_TRUNCATED'] as const)(
    '%s: it is left alone as a whole',
    code => {
      const { parts, song } = originFails(code)
      expect(parts.state.origin.failures).toBe(1)
      expect(song.originPauseOf(0)).toBe(0)
    },
  )

  test('overloaded: it is left alone as long as it asked', () => {
    expect(originFails('EVA_ORIGIN_OVERLOADED', 7000).parts.state.origin.retryAt).toBe(8000)
  })

  test('overloaded while others are out: it is known how many it bears', () => {
    const { parts, song } = swarm()
    const requests = [0, 1, 2].map(chunkId => parts.ask(song, fromOrigin, { chunkId, blockCount: 1 }))
    const [refused, ...others] = requests
    if (refused !== undefined) parts.blame.requestFailed(refused, 'EVA_ORIGIN_OVERLOADED')
    for (const request of others) parts.desk.finished(request)
    for (const chunkId of [3, 4]) parts.ask(song, fromOrigin, { chunkId, blockCount: 1 })
    expect(parts.state.origin.hasRoom(60_000)).toBe(false)
  })

  test('many chunks in a row are missing there: it is left alone as a whole', () => {
    const { parts, song } = swarm()
    for (const chunkId of [0, 1, 2, 3]) parts.blame.requestFailed(parts.ask(song, fromOrigin, { chunkId }), 'EVA_ORIGIN_CHUNK_MISSING')
    expect(parts.state.origin.failures).toBe(1)
  })

  test('a whole chunk of it is bad: the origin is left alone, and longer for that chunk', () => {
    const { parts, song } = swarm()
    parts.state.now = 1000
    parts.blame.originSentBadChunk(song, 2)
    expect(parts.state.origin.failures).toBe(1)
    expect(song.originPauseOf(2)).toBe(1250)
  })

  test('one chunk is missing there: that chunk is left alone, the others are not', () => {
    const { parts, song } = originFails('EVA_ORIGIN_CHUNK_MISSING')
    expect(parts.state.origin.failures).toBe(0)
    expect(song.originPauseOf(0)).toBe(1250)
  })

  test.each(['EVA_ORIGIN_HASH_MISMATCH', 'EVA_BLOCK_HASH_MISMATCH'] as const)(
    '%s: the chunk and the origin are left alone, and no peer is blamed',
    code => {
      const { parts, song } = originFails(code)
      expect(parts.state.origin.failures).toBe(1)
      expect(song.originPauseOf(0)).toBe(1250)
      expect([...parts.state.health.records()].every(({ failures, strikes }) => failures === 0 && strikes === 0)).toBe(true)
      expect(parts.commands()).toEqual([])
    },
  )

  test('any code: never a ban, and the same chunk is not asked for there at once', () => {
    for (const code of codes) {
      const { parts, song } = originFails(code)
      expect(parts.commands().some(({ kind }) => kind === 'ban-peer')).toBe(false)
      expect([code, Math.max(parts.state.origin.retryAt, song.originPauseOf(0)) > 1000]).toEqual([code, true])
    }
  })
})

describe('blame desk: a request is moved because nothing came', () => {
  test('away from the origin: it is not left alone, but waited for longer the next time, or it would be moved for ever', () => {
    const parts = new EngineParts()
    const song = parts.addSong()
    parts.blame.requestMoved(parts.ask(song, { kind: 'origin' }), false)
    expect(parts.state.origin.patience).toBe(1)
    parts.blame.requestMoved(parts.ask(song, { kind: 'origin' }), true)
    expect(parts.state.origin.patience).toBe(2)
    expect(parts.state.origin.failures).toBe(0)
  })
})
