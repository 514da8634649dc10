// ARRIVING's payload: what is written is read, and only what would be written is read.
// Not the frames around it (peer-frames.test.ts holds them against docs/protocol.md and its vectors).
// Invariant: property tests draw from a fixed seed.

import { EvaError } from '@evastream/core/errors'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { arrivingFrames, arrivingSizeBytes, parseArriving, writeArriving } from './arriving-payload.ts'
import { encodeFrame } from './peer-frame-writer.ts'
import { BLOCKS_PER_CHUNK_MAX, CHUNK_ID_MAX, CONTROL_FRAME_MAX_BYTES } from './peer-frames.ts'

const chunkId = fc.integer({ min: 0, max: CHUNK_ID_MAX })
const blocks = fc
  .uniqueArray(fc.integer({ min: 0, max: BLOCKS_PER_CHUNK_MAX - 1 }), { minLength: 1, maxLength: BLOCKS_PER_CHUNK_MAX })
  .map(numbers => numbers.sort((a, b) => a - b))
const chunks = fc.uniqueArray(fc.record({ chunkId, blocks }), { maxLength: 120, selector: chunk => chunk.chunkId })

function written(list: Parameters<typeof writeArriving>[1]): Uint8Array {
  const payload = new Uint8Array(arrivingSizeBytes(list))
  writeArriving(payload, list)
  return payload
}

test('arriving: any chunks with any blocks: are read as they were written', () => {
  fc.assert(
    fc.property(chunks, list => {
      expect(parseArriving(written(list))).toEqual(list)
    }),
    { seed: 7, numRuns: 200 },
  )
})

test('arriving: any bytes: are what would be written of them, or break the protocol', () => {
  const entry = fc
    .tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 34 }), fc.uint8Array({ maxLength: 34 }))
    .map(([id, length, bits]) => [0, 0, 0, id, length < 30 ? bits.length : length, ...bits])
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc.array(entry, { maxLength: 4 }).map(entries => Uint8Array.from(entries.flat())),
  )
  const outcomes = { read: 0, refused: 0 }
  fc.assert(
    fc.property(bytes, payload => {
      try {
        expect(Buffer.from(written(parseArriving(payload))).equals(payload)).toBe(true)
        outcomes.read++
      } catch (error) {
        expect(error).toBeInstanceOf(EvaError)
        expect(error).toMatchObject({ code: 'EVA_PEER_PROTOCOL' })
        outcomes.refused++
      }
    }),
    { seed: 8, numRuns: 2000 },
  )
  expect(Math.min(outcomes.read, outcomes.refused)).toBeGreaterThan(100)
})

test('arriving: more chunks than a frame holds: come in several, none too long, all of them once and in order', () => {
  fc.assert(
    fc.property(chunks, list => {
      const frames = arrivingFrames(5, list)
      expect(frames.flatMap(frame => frame.chunks)).toEqual(list)
      for (const frame of frames) expect(encodeFrame(frame).length).toBeLessThanOrEqual(CONTROL_FRAME_MAX_BYTES)
    }),
    { seed: 9, numRuns: 200 },
  )
})

test('arriving: chunks that just fit one frame: come in one, and one more in a second', () => {
  const some = (count: number) => Array.from({ length: count }, (_, id) => ({ chunkId: id, blocks: [0] }))
  expect(arrivingFrames(1, some(40)).map(frame => frame.chunks.length)).toEqual([40])
  expect(arrivingFrames(1, some(41)).map(frame => frame.chunks.length)).toEqual([40, 1])
  expect(arrivingFrames(1, [])).toEqual([])
})
