import { MINUTE_MS } from '@evastream/core/units'
import { aSongState } from '@evastream/testkit/engine-fixtures'
import { peerNamed } from '@evastream/testkit/scheduler-driver'
import { describe, expect, test } from 'vitest'
import type { SongState } from './song-state.ts'

const anna = peerNamed('anna')
const CHUNK = 256 * 1024

function wanted(song: SongState): number[] {
  return Array.from({ length: song.shape.chunkCount + 2 }, (_, index) => index - 1).filter(chunkId => song.isWanted(chunkId))
}

describe('song state: what is wanted', () => {
  test('a seed: everything that is not held', () => {
    const song = aSongState({ heldChunkIds: [0, 3] })
    expect(wanted(song)).toEqual([1, 2, 4, 5, 6, 7])
    expect(song.wantedCount).toBe(6)
  })

  test('idle and nobody reads: nothing', () => {
    const song = aSongState({ interest: 'idle' })
    expect(wanted(song)).toEqual([])
    expect(song.wantedCount).toBe(0)
  })

  test('idle and somebody reads: what is not held from there to the end', () => {
    const song = aSongState({ interest: 'idle', heldChunkIds: [6] })
    song.readerMoved('reader', 5 * CHUNK + 10, 0)
    expect(wanted(song)).toEqual([5, 7])
    expect(song.wantedCount).toBe(2)
    expect(song.hasReaders).toBe(true)
  })

  test('the reader stops: nothing again', () => {
    const song = aSongState({ interest: 'idle' })
    song.readerMoved('reader', 0, 0)
    expect(song.wantedCount).toBe(8)
    expect(song.readerStopped('reader')).toBe(true)
    expect(song.wantedCount).toBe(0)
    expect(song.readerStopped('reader')).toBe(false)
  })

  test('a seed with a reader: still everything', () => {
    const song = aSongState()
    song.readerMoved('reader', 7 * CHUNK, 0)
    expect(song.wantedCount).toBe(8)
  })

  test('the interest changes: what is wanted follows', () => {
    const song = aSongState({ interest: 'idle' })
    expect(song.wantedCount).toBe(0)
    song.interest = 'seed'
    expect(song.interest).toBe('seed')
    expect(song.wantedCount).toBe(8)
  })

  test('a chunk is stored, another lost: what is wanted follows', () => {
    const song = aSongState({ heldChunkIds: [0, 1, 2, 3, 4, 5, 6] })
    expect(song.wantedCount).toBe(1)
    song.chunkHeld(7)
    expect(song.wantedCount).toBe(0)
    song.chunkHeld(7)
    expect(song.wantedCount).toBe(0)
    song.chunkLost(2)
    expect(wanted(song)).toEqual([2])
  })

  test('held chunks that the song does not have: ignored', () => {
    expect(aSongState({ heldChunkIds: [-1, 8, 2.5, 3] }).held.count).toBe(1)
  })
})

describe('song state: chunks in progress', () => {
  test('begun: no longer unstarted, still wanted', () => {
    const song = aSongState({ heldChunkIds: [0] })
    song.startChunk(4, 100)
    expect(song.unstarted()).toEqual([1, 2, 3, 5, 6, 7])
    expect(song.isWanted(4)).toBe(true)
    expect(song.progress.get(4)).toMatchObject({ chunkId: 4, blockCount: 16, verify: 'blocks', activeAt: 100 })
  })

  test('held: no longer in progress', () => {
    const song = aSongState()
    song.startChunk(4, 100)
    song.chunkHeld(4)
    expect(song.progress.has(4)).toBe(false)
  })

  test('the last chunk is short: it has as many blocks as it needs', () => {
    const song = aSongState({ shape: { fileSize: 3 * CHUNK + 1, chunkSize: CHUNK, chunkCount: 4 } })
    expect(song.startChunk(3, 0).blockCount).toBe(1)
  })

  test('without block hashes: chunks are judged as a whole', () => {
    expect(aSongState({ hasBlockHashes: false }).startChunk(0, 0).verify).toBe('chunk')
  })

  test('the manifest turns out to contradict itself: chunks begun from now on are judged as a whole', () => {
    const song = aSongState()
    const before = song.startChunk(0, 0)
    song.isInconsistent = true
    expect(song.startChunk(1, 0).verify).toBe('chunk')
    expect(before.verify).toBe('blocks')
  })

  test('the disk refuses one: known, until it does not', () => {
    const song = aSongState()
    const chunk = song.startChunk(0, 0)
    expect(song.hasUnstored).toBe(false)
    chunk.phase = 'unstored'
    expect(song.hasUnstored).toBe(true)
    song.chunkHeld(0)
    expect(song.hasUnstored).toBe(false)
  })
})

describe('song state: what a peer tells of a chunk that it is receiving', () => {
  const lacks = (song: SongState, blocks: readonly number[], known?: readonly number[], chunkId = 2) =>
    song.lacksBlockOf({ chunkId, blocks }, known)

  test('a chunk in progress: a block that is free and was not told before is one more to ask for', () => {
    const song = aSongState()
    const chunk = song.startChunk(2, 0)
    chunk.claim(1, { firstBlock: 0, blockCount: 4 })
    chunk.arrived(0, { kind: 'origin' })
    expect(lacks(song, [0, 3])).toBe(false)
    expect(lacks(song, [0, 3, 4])).toBe(true)
    expect(lacks(song, [0, 3, 4], [0, 3])).toBe(true)
    expect(lacks(song, [0, 3, 4], [0, 4])).toBe(false)
    chunk.release(1, { firstBlock: 0, blockCount: 4 })
    expect(lacks(song, [0, 3])).toBe(true)
  })

  test('a chunk in progress: a block that it does not have is none', () => {
    const song = aSongState()
    song.startChunk(2, 0)
    expect(lacks(song, [16])).toBe(false)
    expect(lacks(song, [])).toBe(false)
  })

  test('a chunk that is being stored, or that the disk refuses: nothing more of it is asked for', () => {
    const song = aSongState()
    const chunk = song.startChunk(2, 0)
    for (const phase of ['completing', 'unstored'] as const) {
      chunk.phase = phase
      expect(lacks(song, [4])).toBe(false)
    }
  })

  test('a chunk that is not begun: that somebody is receiving it, and that he has its first block', () => {
    const song = aSongState()
    expect(lacks(song, [3])).toBe(true)
    expect(lacks(song, [3, 4], [3])).toBe(false)
    expect(lacks(song, [0, 3], [3])).toBe(true)
    expect(lacks(song, [0], [])).toBe(true)
    expect(lacks(song, [0, 1, 3], [0, 3])).toBe(false)
  })

  test('a chunk that is held, or not wanted, or not of the song: never', () => {
    expect(lacks(aSongState({ heldChunkIds: [2] }), [0])).toBe(false)
    expect(lacks(aSongState({ interest: 'idle' }), [0])).toBe(false)
    expect(lacks(aSongState(), [0], undefined, 8)).toBe(false)
  })
})

describe('song state: marks of peers', () => {
  test('a peer failed a chunk: marked for that chunk only, and longer with each failure', () => {
    const song = aSongState()
    expect(song.markOf(2, anna)).toBe(0)
    song.markPeer(2, anna, 1000)
    expect(song.markOf(2, anna)).toBe(6000)
    expect(song.markOf(3, anna)).toBe(0)
    expect(song.markOf(2, peerNamed('boris'))).toBe(0)
    song.markPeer(2, anna, 10_000)
    expect(song.markOf(2, anna)).toBe(20_000)
    for (let index = 0; index < 20; index++) song.markPeer(2, anna, song.markOf(2, anna))
    song.markPeer(2, anna, 100 * MINUTE_MS)
    expect(song.markOf(2, anna)).toBe(105 * MINUTE_MS)
  })

  test('two requests for the chunk that were open together fail: one failure', () => {
    const song = aSongState()
    song.markPeer(2, anna, 1000)
    song.markPeer(2, anna, 1001)
    expect(song.markOf(2, anna)).toBe(6001)
  })

  test('the peer says anew that it holds the chunk: not marked any more', () => {
    const song = aSongState()
    song.markPeer(2, anna, 1000)
    song.markPeer(3, anna, 1000)
    song.forgetMarks(anna, [2])
    expect(song.markOf(2, anna)).toBe(0)
    expect(song.markOf(3, anna)).toBe(6000)
  })

  test('the chunk is here: nobody is marked for it any more', () => {
    const song = aSongState()
    song.markPeer(2, anna, 1000)
    song.chunkHeld(2)
    expect(song.markOf(2, anna)).toBe(0)
  })
})

describe('song state: pauses of chunks', () => {
  test('the origin failed a chunk: left alone there, twice as long each time, half a minute at most', () => {
    const song = aSongState()
    expect(song.originPauseOf(2)).toBe(0)
    const pauses = Array.from({ length: 9 }, () => {
      song.pauseAtOrigin(2, 1000)
      return song.originPauseOf(2) - 1000
    })
    expect(pauses).toEqual([250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000])
    expect(song.originPauseOf(3)).toBe(0)
    expect(song.chunkPauseOf(2)).toBe(0)
  })

  test('a chunk failed for no fault of a source: left alone everywhere', () => {
    const song = aSongState()
    song.pauseChunk(2, 1000)
    expect(song.chunkPauseOf(2)).toBe(1250)
    expect(song.originPauseOf(2)).toBe(0)
  })

  test('a chunk with little hope: left alone for long', () => {
    const song = aSongState()
    song.pauseChunk(2, 1000)
    song.pauseHopelessChunk(2, 2000)
    expect(song.chunkPauseOf(2)).toBe(12_000)
  })

  test('the chunk is here: forgotten', () => {
    const song = aSongState()
    song.pauseAtOrigin(2, 1000)
    song.pauseChunk(2, 1000)
    song.chunkHeld(2)
    expect([song.originPauseOf(2), song.chunkPauseOf(2)]).toEqual([0, 0])
    song.pauseAtOrigin(2, 1000)
    expect(song.originPauseOf(2)).toBe(1250)
  })
})
