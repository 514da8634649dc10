import { BLOCK_SIZE_BYTES } from '@evastream/core/units'
import { EngineParts, fromOrigin, fromPeer } from '@evastream/testkit/engine-fixtures'
import { peerNamed } from '@evastream/testkit/scheduler-driver'
import { describe, expect, test } from 'vitest'
import type { OpenRequest } from './request-table.ts'
import type { SongState } from './song-state.ts'

const anna = fromPeer('anna')
const WINDOW = { byteRateBytesPerSecond: 40_000, interest: 'idle' as const }

/** A song that is listened to from its start, and two peers that hold all of it. */
function listening(config: ConstructorParameters<typeof EngineParts>[0] = {}): { parts: EngineParts; song: SongState } {
  const parts = new EngineParts(config)
  const song = parts.addSong(WINDOW)
  song.readerMoved('reader', 0, 0)
  parts.addPeer('anna', song)
  parts.addPeer('boris', song)
  return { parts, song }
}

function checkAt(parts: EngineParts, now: number) {
  parts.state.now = now
  parts.commands()
  parts.watch.check()
  return parts.commands()
}

const hedgesOf = (parts: EngineParts) => [...parts.state.requests.all()].filter(({ hedgeOf }) => hedgeOf !== undefined)

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

describe('request watch: hedging what is about to be heard', () => {
  function late(options: { config?: ConstructorParameters<typeof EngineParts>[0]; blockCount?: number } = {}): {
    parts: EngineParts
    first: OpenRequest
  } {
    const { parts, song } = listening(options.config)
    const first = parts.ask(song, anna, { blockCount: options.blockCount ?? 2, deadlineAt: 1000 })
    return { parts, first }
  }

  test('late and the deadline near: a second source is asked for what is missing', () => {
    const { parts, first } = late()
    const [command] = checkAt(parts, 950)
    expect(command).toMatchObject({ kind: 'request-blocks', source: fromPeer('boris'), firstBlock: 0, blockCount: 2, priority: 'play' })
    expect(hedgesOf(parts)[0]?.hedgeOf).toBe(first)
  })

  test('late and time enough: nobody yet, and it is thought of again', () => {
    const { parts, first } = late()
    const dueAt = first.hedgeAt
    expect(checkAt(parts, dueAt)).toEqual([])
    expect(first.hedgeAt).toBeGreaterThan(dueAt)
    expect(first.hedgeAt).toBeLessThanOrEqual(dueAt + 1000)
  })

  test('some of it came: only the rest is asked for', () => {
    const { parts, first } = late()
    parts.state.now = 60
    parts.desk.arrived(first, BLOCK_SIZE_BYTES)
    parts.desk.blockArrived(first, 0)
    expect(checkAt(parts, 1350)[0]).toMatchObject({ firstBlock: 1, blockCount: 1 })
  })

  test('it comes along well, and would be done before a second: nobody', () => {
    const { parts, first } = late({ blockCount: 8 })
    parts.state.now = 940
    parts.desk.arrived(first, 8 * BLOCK_SIZE_BYTES - 100)
    expect(checkAt(parts, 950)).toEqual([])
  })

  test('a second is asked already: not a third', () => {
    const { parts } = late()
    expect(checkAt(parts, 950)).toHaveLength(1)
    expect(checkAt(parts, 990)).toEqual([])
    expect(hedgesOf(parts)).toHaveLength(1)
  })

  test('no peer could bring it in time: the origin is the second', () => {
    const { parts } = late()
    for (const boris = peerNamed('boris'); parts.state.health.recordOf(boris).failures < 2; )
      parts.state.health.failed(boris, parts.state.health.recordOf(boris).pausedUntil)
    expect(checkAt(parts, 950)[0]).toMatchObject({ kind: 'request-blocks', source: { kind: 'origin' } })
  })

  test('more bytes than may be asked twice: nobody', () => {
    const { parts } = late({ blockCount: 3, config: { hedgeAllowanceBytes: 2 * BLOCK_SIZE_BYTES, hedgeRatioMax: 0 } })
    expect(checkAt(parts, 950)).toEqual([])
  })

  test('no place left for another request: nobody', () => {
    const { parts } = late({ config: { downloadsInFlightMax: 1 } })
    expect(checkAt(parts, 950)).toEqual([])
  })

  test('asked for in good time, and about to be heard by now: a second source', () => {
    const { parts, song } = listening()
    parts.ask(song, anna, { blockCount: 2 })
    expect(checkAt(parts, 950)[0]).toMatchObject({ kind: 'request-blocks', source: fromPeer('boris') })
  })
})

describe('request watch: hedging the end of a song', () => {
  /** The song lacks its last chunk only, and anna, who is asked for it, keeps silent. */
  function lastChunk(heldChunkIds: number[]): EngineParts {
    const parts = new EngineParts()
    const song = parts.addSong({ heldChunkIds, shape: { fileSize: 7 * 262_144 + 100, chunkSize: 262_144, chunkCount: 8 } })
    parts.addPeer('anna', song)
    parts.addPeer('boris', song)
    parts.ask(song, anna, { chunkId: 7 })
    return parts
  }

  test('the last that is missing is late: a second peer is asked', () => {
    expect(checkAt(lastChunk([0, 1, 2, 3, 4, 5, 6]), 400)[0]).toMatchObject({
      kind: 'request-blocks',
      source: fromPeer('boris'),
      priority: 'seed',
    })
  })

  test('other chunks are still to be had: nobody waits for this one', () => {
    expect(checkAt(lastChunk([0, 1, 2, 3, 4, 5]), 400)).toEqual([])
  })

  test('another part of it is still to be asked for: nobody waits for this one', () => {
    const parts = new EngineParts()
    const song = parts.addSong({ heldChunkIds: [0, 1, 2, 3, 4, 5, 6] })
    parts.addPeer('anna', song)
    parts.addPeer('boris', song)
    parts.ask(song, anna, { chunkId: 7, blockCount: 1 })
    expect(checkAt(parts, 400)).toEqual([])
  })

  test('only the origin could help: it is not asked for that', () => {
    const parts = lastChunk([0, 1, 2, 3, 4, 5, 6])
    parts.state.peers.remove(peerNamed('boris'))
    expect(checkAt(parts, 400)).toEqual([])
  })
})
