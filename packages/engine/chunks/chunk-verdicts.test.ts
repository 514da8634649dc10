import { EngineParts, fromOrigin, fromPeer } from '@evastream/testkit/engine-fixtures'
import { peerNamed } from '@evastream/testkit/scheduler-driver'
import { describe, expect, test } from 'vitest'
import type { Source } from '../commands.ts'
import type { SongState } from '../songs/song-state.ts'
import type { ChunkProgress } from './chunk-progress.ts'

const anna = peerNamed('anna')

interface Scene {
  readonly parts: EngineParts
  readonly song: SongState
  readonly chunk: ChunkProgress
}

/** Chunk 2 came whole, from these sources in equal parts, and is being completed. */
function completing(senders: readonly Source[], changes: Parameters<EngineParts['addSong']>[0] = {}): Scene {
  const parts = new EngineParts()
  const song = parts.addSong(changes)
  parts.addPeer('anna', song)
  parts.addPeer('boris', song)
  const blockCount = 16 / senders.length
  for (const [index, source] of senders.entries())
    parts.desk.finished(parts.ask(song, source, { chunkId: 2, firstBlock: index * blockCount, blockCount }))
  const chunk = song.progress.get(2) ?? song.startChunk(2, 0)
  parts.verdicts.judge(song, chunk)
  parts.commands()
  parts.state.now = 1000
  return { parts, song, chunk }
}

describe('chunk verdicts: all blocks are here', () => {
  test('the chunk is to be completed, once', () => {
    const parts = new EngineParts()
    const song = parts.addSong()
    const request = parts.ask(song, fromOrigin, { chunkId: 2 })
    parts.desk.finished(request)
    parts.commands()
    parts.verdicts.judge(song, request.chunk)
    parts.verdicts.judge(song, request.chunk)
    expect(parts.commands()).toEqual([{ kind: 'complete-chunk', songId: song.songId, chunkId: 2 }])
  })

  test('a block is missing: not yet', () => {
    const parts = new EngineParts()
    const song = parts.addSong()
    const request = parts.ask(song, fromOrigin, { chunkId: 2, blockCount: 15 })
    parts.desk.finished(request)
    parts.commands()
    parts.verdicts.judge(song, request.chunk)
    expect(parts.commands()).toEqual([])
  })
})

describe('chunk verdicts: stored', () => {
  test('held from then on', () => {
    const { parts, song } = completing([fromOrigin])
    parts.verdicts.stored(song, 2)
    expect(song.held.has(2)).toBe(true)
    expect(song.progress.has(2)).toBe(false)
    expect(parts.commands()).toEqual([])
  })

  test('a request for it is still open, all of whose blocks another brought: cancelled', () => {
    const { parts, song, chunk } = completing([fromOrigin])
    const late = parts.state.requests.open({
      song,
      chunk: song.startChunk(3, 0),
      run: { firstBlock: 0, blockCount: 1 },
      sizeBytes: 1,
      source: fromOrigin,
      priority: 'seed',
      askedAs: 'seed',
      askedAt: 0,
      expectedMs: 1,
      patience: 1,
      deadlineAt: undefined,
      hedgeOf: undefined,
    })
    Object.assign(late, { chunk })
    parts.verdicts.stored(song, 2)
    expect(parts.commands()).toEqual([{ kind: 'cancel-request', requestId: late.requestId, reason: 'superseded' }])
  })

  test('a chunk that was begun anew meanwhile: what is out for it is cancelled and its buffer given back', () => {
    const parts = new EngineParts()
    const song = parts.addSong()
    const request = parts.ask(song, fromOrigin, { chunkId: 2 })
    parts.commands()
    parts.verdicts.stored(song, 2)
    expect(parts.commands()).toEqual([
      { kind: 'cancel-request', requestId: request.requestId, reason: 'unwanted' },
      { kind: 'discard-chunk', songId: song.songId, chunkId: 2 },
    ])
    expect(song.held.has(2)).toBe(true)
    expect(parts.state.requests.size).toBe(0)
  })

  test('a chunk that the song does not have: ignored', () => {
    const { parts, song } = completing([fromOrigin])
    parts.verdicts.stored(song, 99)
    expect(song.held.count).toBe(0)
  })
})

describe('chunk verdicts: rejected, without block hashes', () => {
  const whole = { hasBlockHashes: false }

  test('one peer sent it: that peer is out', () => {
    const { parts, song } = completing([fromPeer('anna')], whole)
    parts.verdicts.rejected(song, 2)
    expect(parts.commands()).toMatchObject([{ kind: 'ban-peer', peerId: anna, code: 'EVA_CHUNK_HASH_MISMATCH' }])
    expect(song.progress.has(2)).toBe(false)
    expect(song.chunkPauseOf(2)).toBe(0)
  })

  test('the origin sent it: the origin is left alone, for the chunk above all, and nobody is blamed', () => {
    const { parts, song } = completing([fromOrigin], whole)
    parts.verdicts.rejected(song, 2)
    expect(parts.commands()).toEqual([])
    expect(parts.state.origin.failures).toBe(1)
    expect(song.originPauseOf(2)).toBe(1250)
  })

  test('the manifest is known to contradict itself: nobody is out, and the chunk is left alone for long', () => {
    const { parts, song } = completing([fromPeer('anna')], whole)
    song.isInconsistent = true
    parts.verdicts.rejected(song, 2)
    expect(parts.commands()).toEqual([])
    expect(song.markOf(2, anna)).toBe(6000)
    expect(song.chunkPauseOf(2)).toBe(6000)
  })
})

describe('chunk verdicts: rejected, though every block matched', () => {
  test.each([
    ['one peer', [fromPeer('anna')]],
    ['two peers', [fromPeer('anna'), fromPeer('boris')]],
    ['a peer and the origin', [fromPeer('anna'), fromOrigin]],
    ['the origin', [fromOrigin]],
  ])('%s sent it: the manifest contradicts itself; that is said, nobody is blamed, and the song goes on by whole chunks', (_, senders) => {
    const { parts, song } = completing(senders)
    parts.verdicts.rejected(song, 2)
    expect(parts.commands()).toEqual([{ kind: 'report-trouble', code: 'EVA_MANIFEST_INCONSISTENT', songId: song.songId, chunkId: 2 }])
    expect(parts.state.health.recordOf(anna)).toMatchObject({ failures: 0, strikes: 0 })
    expect(parts.state.origin.failures).toBe(0)
    expect(song.verify).toBe('chunk')
    expect(song.progress.has(2)).toBe(false)
    expect(song.chunkPauseOf(2)).toBe(1250)
  })

  test('a chunk that nobody is completing: ignored', () => {
    const parts = new EngineParts()
    const song = parts.addSong()
    parts.ask(song, fromOrigin, { chunkId: 2 })
    parts.commands()
    parts.verdicts.rejected(song, 2)
    parts.verdicts.rejected(song, 3)
    expect(parts.commands()).toEqual([])
    expect(song.progress.has(2)).toBe(true)
    expect(song.isInconsistent).toBe(false)
  })
})

describe('chunk verdicts: refused by the disk', () => {
  test('not held, its bytes kept, and tried again later and later', () => {
    const { parts, song, chunk } = completing([fromOrigin])
    const pauses: number[] = []
    for (let index = 0; index < 7; index++) {
      parts.verdicts.unstored(song, 2, 'EVA_STORAGE_FULL')
      pauses.push(chunk.retryAt - parts.state.now)
      expect(chunk.phase).toBe('unstored')
      chunk.phase = 'completing'
    }
    expect(pauses).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000])
    expect(song.held.has(2)).toBe(false)
    expect(chunk.isFull).toBe(true)
  })

  test('people are told, the first time', () => {
    const { parts, song, chunk } = completing([fromOrigin])
    parts.verdicts.unstored(song, 2, 'EVA_STORAGE_FULL')
    expect(parts.commands()).toEqual([{ kind: 'report-trouble', code: 'EVA_STORAGE_FULL', songId: song.songId, chunkId: 2 }])
    chunk.phase = 'completing'
    parts.verdicts.unstored(song, 2, 'EVA_STORAGE_FULL')
    expect(parts.commands()).toEqual([])
  })

  test('nobody wants it any more: forgotten', () => {
    const { parts, song } = completing([fromOrigin])
    song.interest = 'idle'
    parts.verdicts.unstored(song, 2, 'EVA_STORAGE_FULL')
    expect(parts.commands()).toEqual([{ kind: 'discard-chunk', songId: song.songId, chunkId: 2 }])
  })

  test('a chunk that nobody is completing: ignored', () => {
    const { parts, song } = completing([fromOrigin])
    parts.verdicts.unstored(song, 5, 'EVA_STORAGE_FULL')
    expect(parts.commands()).toEqual([])
  })
})
