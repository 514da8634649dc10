import { EngineParts, fromOrigin, fromPeer } from '@evastream/testkit/engine-fixtures'
import { describe, expect, test } from 'vitest'

const anna = fromPeer('anna')

function checkAt(parts: EngineParts, now: number) {
  parts.state.now = now
  parts.commands()
  parts.watch.check()
  return parts.commands()
}

describe('request watch: nothing is out', () => {
  test('no moment to look', () => {
    const parts = new EngineParts()
    expect(parts.watch.nextCheckAt()).toBe(Number.POSITIVE_INFINITY)
    expect(parts.watch.check()).toBe(false)
  })
})

describe('request watch: giving up', () => {
  test('a peer keeps silent: cancelled as timed out, the peer left alone and marked for the chunk', () => {
    const parts = new EngineParts()
    const song = parts.addSong()
    const peerId = parts.addPeer('anna', song)
    const request = parts.ask(song, anna, { chunkId: 3 })
    expect(checkAt(parts, 1999)).toEqual([])
    expect(checkAt(parts, 2000)).toEqual([{ kind: 'cancel-request', requestId: request.requestId, reason: 'timed-out' }])
    expect(parts.state.health.recordOf(peerId)).toMatchObject({ failures: 1, timeouts: 1, strikes: 0 })
    expect(song.markOf(3, peerId)).toBe(7000)
    expect(request.chunk.isIdle).toBe(true)
  })

  test('a peer keeps silent: what it was asked for after that, and what has not begun to come, is given up with it', () => {
    const parts = new EngineParts()
    const song = parts.addSong()
    const peerId = parts.addPeer('anna', song)
    const first = parts.ask(song, anna, { chunkId: 3 })
    parts.state.now = 500
    const second = parts.ask(song, anna, { chunkId: 4 })
    expect(checkAt(parts, 2000)).toEqual([
      { kind: 'cancel-request', requestId: first.requestId, reason: 'timed-out' },
      { kind: 'cancel-request', requestId: second.requestId, reason: 'timed-out' },
    ])
    expect(song.markOf(4, peerId)).toBe(7000)
    expect(parts.state.health.recordOf(peerId).failures).toBe(1)
  })

  test('the origin keeps silent: cancelled as timed out, the origin left alone', () => {
    const parts = new EngineParts()
    const song = parts.addSong()
    parts.ask(song, fromOrigin)
    expect(checkAt(parts, 2000)).toMatchObject([{ kind: 'cancel-request', reason: 'timed-out' }])
    expect(parts.state.origin).toMatchObject({ failures: 1, patience: 2 })
  })

  test('whether something was given up: said, so that others can be asked', () => {
    const parts = new EngineParts()
    const song = parts.addSong()
    parts.ask(song, fromOrigin)
    parts.state.now = 1000
    expect(parts.watch.check()).toBe(false)
    parts.state.now = 2000
    expect(parts.watch.check()).toBe(true)
  })

  test('bytes came just now: waited for again', () => {
    const parts = new EngineParts()
    const song = parts.addSong()
    parts.addPeer('anna', song)
    const request = parts.ask(song, anna)
    for (const at of [20, 1900]) {
      parts.state.now = at
      parts.desk.arrived(request, 100_000)
    }
    expect(checkAt(parts, 2000)).toEqual([])
    expect(checkAt(parts, 3899)).toEqual([])
    expect(checkAt(parts, 3900)).toHaveLength(1)
  })

  test('the moment to look next: the first of all requests, and in the future after a look', () => {
    const parts = new EngineParts()
    const song = parts.addSong()
    parts.addPeer('anna', song)
    parts.ask(song, anna, { blockCount: 4 })
    for (let looks = 0; looks < 50 && parts.state.requests.size > 0; looks++) {
      const next = parts.watch.nextCheckAt()
      checkAt(parts, next)
      if (parts.state.requests.size > 0) expect(parts.watch.nextCheckAt()).toBeGreaterThan(next)
    }
    expect(parts.state.requests.size).toBe(0)
  })
})

describe('request watch: requests that are late', () => {
  test('a second source is thought of at its time, not before', () => {
    const parts = new EngineParts()
    const song = parts.addSong({ interest: 'idle' })
    song.readerMoved('reader', 0, 0)
    parts.addPeer('anna', song)
    parts.addPeer('boris', song)
    const request = parts.ask(song, anna, { blockCount: 2, deadlineAt: 300 })
    expect(checkAt(parts, request.hedgeAt - 1)).toEqual([])
    expect(parts.watch.nextCheckAt()).toBe(request.hedgeAt)
    checkAt(parts, request.hedgeAt)
    expect(parts.watch.nextCheckAt()).toBeGreaterThan(parts.state.now)
  })
})
