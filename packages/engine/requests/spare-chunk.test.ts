import { EngineParts, fromOrigin } from '@evastream/testkit/engine-fixtures'
import { describe, expect, test } from 'vitest'
import type { ChunkProgress } from '../chunks/chunk-progress.ts'
import { spareChunk } from './spare-chunk.ts'

/** Chunks 0 and 1 are in progress with so many blocks of each here, and nobody is asked for more since 0. */
function parked(...blocks: readonly number[]) {
  const parts = new EngineParts()
  const song = parts.addSong()
  const chunks = blocks.map((blockCount, chunkId) => {
    const request = parts.ask(song, fromOrigin, { chunkId, blockCount })
    parts.desk.blocksArrived(request, request.run)
    parts.desk.finished(request)
    return request.chunk
  })
  const { state } = parts
  const spareFor = (priority: 'play' | 'seed'): ChunkProgress | undefined => spareChunk(state, priority).spare?.chunk
  return { parts, state, song, chunks, spareFor }
}

describe('spare chunk', () => {
  test('wanted, and parked a moment ago: for what is urgent the one with the least of it here; for the rest none yet', () => {
    const { state, chunks, spareFor } = parked(3, 2)
    expect([spareFor('play'), spareFor('seed')]).toEqual([chunks[1], undefined])
    expect(spareChunk(state, 'seed').wakeAt).toBe(state.config.parkedChunkMs)
    state.now = state.config.parkedChunkMs
    expect(spareFor('seed')).toBe(chunks[1])
  })

  test('one that nobody wants: before any that is wanted, and at once', () => {
    const { state, song, chunks, spareFor } = parked(3, 1, 1, 1, 1, 1, 1, 1)
    expect(spareFor('play')).toBe(chunks[1])
    song.interest = 'idle'
    song.readerMoved('r', song.shape.chunkSize, 0)
    state.songs.changed(song)
    expect([spareFor('play'), spareFor('seed')]).toEqual([chunks[0], chunks[0]])
  })

  test('on its way, being stored, or about to be heard: never', () => {
    const { song, chunks, spareFor, parts } = parked(3, 2, 1)
    parts.ask(song, fromOrigin, { chunkId: 2, firstBlock: 4, blockCount: 2 })
    if (chunks[1] !== undefined) chunks[1].phase = 'completing'
    expect(spareFor('play')).toBe(chunks[0])
    song.readerMoved('r', 0, 0)
    expect(spareFor('play')).toBeUndefined()
  })

  test('one that was begun anew after it was given up: is spared for a time, also for what is urgent', () => {
    const { state, song, chunks, spareFor } = parked(3, 2)
    song.chunkEvicted(1)
    expect(spareFor('play')).toBe(chunks[0])
    state.now = state.config.parkedChunkMs
    expect(spareFor('play')).toBe(chunks[1])
  })

  test('one that the disk refuses: given up only for what is urgent', () => {
    const { state, chunks, spareFor } = parked(3)
    if (chunks[0] !== undefined) chunks[0].phase = 'unstored'
    state.now = 60_000
    expect([spareFor('play'), spareFor('seed')]).toEqual([chunks[0], undefined])
  })
})
