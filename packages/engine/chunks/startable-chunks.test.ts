import { seededRandom } from '@evastream/core/random'
import { EngineParts, fromOrigin, fromPeer } from '@evastream/testkit/engine-fixtures'
import { peerNamed } from '@evastream/testkit/scheduler-driver'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { originLast } from '../sources/origin-last.ts'

const ALL = [0, 1, 2, 3, 4, 5, 6, 7]

function failedOrigin(parts: EngineParts): void {
  parts.state.origin.failed(parts.state.now, parts.state.now)
}

describe('startable chunks', () => {
  test('nobody holds anything and the origin is well: all that are wanted', () => {
    const parts = new EngineParts()
    const song = parts.addSong({ heldChunkIds: [1] })
    expect(parts.startable.of(song, { isListenedTo: false, isInOrder: false }).chunkIds).toEqual([0, 2, 3, 4, 5, 6, 7])
  })

  test('of a song of many chunks: so many of them, each time from another place, or the first ones where their order matters', () => {
    const parts = new EngineParts()
    const chunkCount = 200
    const song = parts.addSong({ shape: { fileSize: chunkCount * 65_536, chunkSize: 65_536, chunkCount } })
    const seen = new Set<number>()
    for (let look = 0; look < 50; look++) {
      const { chunkIds } = parts.startable.of(song, { isListenedTo: false, isInOrder: false })
      expect(new Set(chunkIds).size).toBe(64)
      for (const chunkId of chunkIds) seen.add(chunkId)
    }
    expect(seen.size).toBe(chunkCount)
    expect(parts.startable.of(song, { isListenedTo: false, isInOrder: true }).chunkIds).toEqual(Array.from({ length: 64 }, (_, id) => id))
  })

  test('chunks in progress: not again', () => {
    const parts = new EngineParts()
    const song = parts.addSong()
    parts.ask(song, fromOrigin, { chunkId: 3 })
    expect(parts.startable.of(song, { isListenedTo: false, isInOrder: false }).chunkIds).not.toContain(3)
  })

  test('the origin failed: only what a peer holds, and the end of its pause to wake up at', () => {
    const parts = new EngineParts()
    const song = parts.addSong()
    parts.addPeer('anna', song, [2, 5])
    failedOrigin(parts)
    expect(parts.startable.of(song, { isListenedTo: false, isInOrder: false })).toEqual({
      chunkIds: [2, 5],
      wakeAt: parts.state.origin.retryAt,
    })
  })

  test('the only holder is full: its chunks wait for it, the others go to the origin', () => {
    const parts = new EngineParts()
    const song = parts.addSong()
    parts.addPeer('anna', song, [2, 5])
    parts.ask(song, fromPeer('anna'), { chunkId: 2, blockCount: 1 })
    parts.ask(song, fromPeer('anna'), { chunkId: 2, firstBlock: 1, blockCount: 1 })
    expect(parts.startable.of(song, { isListenedTo: false, isInOrder: false }).chunkIds).toEqual([0, 1, 3, 4, 6, 7])
  })

  test('the only holder failed again and again: its chunks go to the origin', () => {
    const parts = new EngineParts()
    const song = parts.addSong()
    const peerId = parts.addPeer('anna', song, [2, 5])
    parts.state.health.failed(peerId, 0)
    parts.state.now = 600
    parts.state.health.failed(peerId, 600)
    expect(parts.startable.of(song, { isListenedTo: false, isInOrder: false })).toEqual({ chunkIds: ALL, wakeAt: 1600 })
  })

  test('a free holder is marked for a chunk: that chunk goes to the origin, or waits if it failed too', () => {
    const parts = new EngineParts()
    const song = parts.addSong()
    const peerId = parts.addPeer('anna', song)
    song.markPeer(2, peerId, 0)
    expect(parts.startable.of(song, { isListenedTo: false, isInOrder: false }).chunkIds).toContain(2)
    failedOrigin(parts)
    expect(parts.startable.of(song, { isListenedTo: false, isInOrder: false }).chunkIds).toEqual([0, 1, 3, 4, 5, 6, 7])
  })

  test('a chunk is left alone: not now, and the end of its pause to wake up at', () => {
    const parts = new EngineParts()
    const song = parts.addSong()
    song.pauseChunk(4, 0)
    expect(parts.startable.of(song, { isListenedTo: false, isInOrder: false })).toEqual({ chunkIds: [0, 1, 2, 3, 5, 6, 7], wakeAt: 250 })
  })

  test('a chunk is left alone at the origin: only if a peer has it', () => {
    const parts = new EngineParts()
    const song = parts.addSong()
    song.pauseAtOrigin(4, 0)
    song.pauseAtOrigin(5, 0)
    parts.addPeer('anna', song, [5])
    expect(parts.startable.of(song, { isListenedTo: false, isInOrder: false })).toEqual({ chunkIds: [0, 1, 2, 3, 5, 6, 7], wakeAt: 250 })
  })

  test('somebody listens and the origin has little room left: that is not for these', () => {
    const parts = new EngineParts({ originRequestsMax: 2 })
    const song = parts.addSong()
    parts.ask(song, fromOrigin, { chunkId: 0 })
    expect(parts.startable.of(song, { isListenedTo: true, isInOrder: false }).chunkIds).toEqual([])
    expect(parts.startable.of(song, { isListenedTo: false, isInOrder: false }).chunkIds).toEqual([1, 2, 3, 4, 5, 6, 7])
  })

  test('a busy holder: its chunks wait, and the moment it may be asked again is known', () => {
    const parts = new EngineParts()
    const song = parts.addSong()
    parts.state.health.busy(parts.addPeer('anna', song, [2]), 0, 700)
    expect(parts.startable.of(song, { isListenedTo: false, isInOrder: false })).toEqual({ chunkIds: [0, 1, 3, 4, 5, 6, 7], wakeAt: 700 })
  })

  test('a slow holder and the origin failed: the slow one will do', () => {
    const parts = new EngineParts()
    const song = parts.addSong()
    parts.addPeer('anna', song, [2])
    const pace = parts.state.paceOf(fromPeer('anna'))
    pace.asked(1000, 0)
    pace.arrived(1000, 1000)
    pace.ended(0, 1000)
    parts.state.now = 1000
    failedOrigin(parts)
    expect(parts.startable.of(song, { isListenedTo: false, isInOrder: false }).chunkIds).toEqual([2])
  })

  test('whatever happened: a chunk is left out only if the source policy would not ask anybody for it', () => {
    const step = fc.record({
      kind: fc.constantFrom('fail', 'busy', 'ask', 'mark', 'pause', 'pause-origin', 'fail-origin', 'ask-origin', 'wait'),
      name: fc.constantFrom('anna', 'boris', 'clara'),
      chunkId: fc.nat(7),
    })
    const holdings = fc.record({ anna: fc.subarray(ALL), boris: fc.subarray(ALL), clara: fc.subarray(ALL) })
    fc.assert(
      fc.property(holdings, fc.array(step, { maxLength: 25 }), (held, steps) => {
        const parts = new EngineParts({ originRequestsMax: 2 })
        const { state } = parts
        const song = parts.addSong()
        for (const [name, chunkIds] of Object.entries(held)) parts.addPeer(name, song, chunkIds)
        for (const { kind, name, chunkId } of steps) {
          const peerId = peerNamed(name)
          const isFree = song.progress.get(chunkId)?.freeRun() !== undefined || !song.progress.has(chunkId)
          if (kind === 'fail') state.health.failed(peerId, state.now)
          else if (kind === 'busy') state.health.busy(peerId, state.now, 900)
          else if (kind === 'mark') song.markPeer(chunkId, peerId, state.now)
          else if (kind === 'pause') song.pauseChunk(chunkId, state.now)
          else if (kind === 'pause-origin') song.pauseAtOrigin(chunkId, state.now)
          else if (kind === 'fail-origin') failedOrigin(parts)
          else if (kind === 'wait') state.now += 400
          else if (isFree) parts.ask(song, kind === 'ask' ? fromPeer(name) : fromOrigin, { chunkId })
        }
        const startable = new Set(parts.startable.of(song, { isListenedTo: false, isInOrder: false }).chunkIds)
        for (const chunkId of song.unstarted()) {
          if (song.chunkPauseOf(chunkId) > state.now) continue
          const wanted = {
            song,
            chunkId,
            run: { firstBlock: 0, blockCount: 16 },
            verify: 'blocks' as const,
            deadlineAt: undefined,
            isYielding: false,
          }
          const choice = originLast(state.config).choose(parts.survey.factsOf(wanted, 0), seededRandom(1))
          if (choice.kind === 'ask') expect(startable.has(chunkId)).toBe(true)
        }
      }),
      { seed: 1, numRuns: 400 },
    )
  })
})
