import { parseSongId } from '@evastream/core/ids'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { UploadAdmission, type UploadWish } from './upload-admission.ts'

const BLOCK = 16_384
const SLOW = { owedBytes: 20 * BLOCK, rateBytesPerSecond: 250_000 }
const songId = parseSongId('song-1')

function aWish(more: Partial<UploadWish> = {}): UploadWish {
  return { songId, chunkId: 3, firstBlock: 0, blockCount: 4, priority: 'seed', ...more }
}

describe('upload admission', () => {
  test('much is owed: blocks that somebody was sent are refused until most of it is paid, others are not', () => {
    const admission = new UploadAdmission()
    expect(admission.refusalMs(aWish(), SLOW)).toBeUndefined()
    expect(admission.refusalMs(aWish({ firstBlock: 2, blockCount: 2 }), SLOW)).toBeCloseTo((0.7 * 20 * BLOCK) / 250, 6)
    expect(admission.refusalMs(aWish({ firstBlock: 2, blockCount: 3 }), SLOW)).toBeUndefined()
    expect(admission.refusalMs(aWish({ chunkId: 4 }), SLOW)).toBeUndefined()
    expect(admission.refusalMs(aWish({ songId: parseSongId('song-2') }), SLOW)).toBeUndefined()
  })

  test('what was refused counts as sent to nobody', () => {
    const admission = new UploadAdmission()
    admission.refusalMs(aWish(), SLOW)
    expect(admission.refusalMs(aWish(), SLOW)).toBeDefined()
    expect(admission.refusalMs(aWish({ firstBlock: 4 }), SLOW)).toBeUndefined()
  })

  test.each([
    ['what is about to be heard', { priority: 'play' }, SLOW],
    ['a fast uplink', {}, { ...SLOW, rateBytesPerSecond: 2_500_000 }],
    ['little owed, however slowly', {}, { owedBytes: 8 * BLOCK, rateBytesPerSecond: 1000 }],
    ['little owed, of an uplink nobody knows', {}, { owedBytes: 15 * BLOCK, rateBytesPerSecond: undefined }],
  ] as const)('%s: is never refused', (_, more, debt) => {
    const admission = new UploadAdmission()
    for (let round = 0; round < 3; round++) expect(admission.refusalMs(aWish(more), debt)).toBeUndefined()
  })

  test('an uplink nobody knows, with much to send: come back soon', () => {
    const admission = new UploadAdmission()
    const debt = { owedBytes: 16 * BLOCK, rateBytesPerSecond: undefined }
    expect([aWish(), aWish()].map(wish => admission.refusalMs(wish, debt))).toEqual([undefined, 100])
  })

  test('chunks asked for long ago are forgotten: asked again, they count as new', () => {
    const admission = new UploadAdmission()
    for (let chunkId = 0; chunkId < 300; chunkId++) admission.refusalMs(aWish({ chunkId }), SLOW)
    expect(admission.refusalMs(aWish({ chunkId: 299 }), SLOW)).toBeDefined()
    expect(admission.refusalMs(aWish({ chunkId: 0 }), SLOW)).toBeUndefined()
  })

  test('any requests: come back within 20 ms to a second', () => {
    const debts = fc.record({
      owedBytes: fc.nat({ max: 1e8 }),
      rateBytesPerSecond: fc.option(fc.integer({ min: 1, max: 1e9 }), { nil: undefined }),
    })
    fc.assert(
      fc.property(fc.array(debts, { maxLength: 20 }), each => {
        const admission = new UploadAdmission()
        for (const debt of each) {
          const refusalMs = admission.refusalMs(aWish(), debt) ?? 20
          expect(refusalMs).toBeGreaterThanOrEqual(20)
          expect(refusalMs).toBeLessThanOrEqual(1000)
        }
      }),
      { seed: 4 },
    )
  })
})
