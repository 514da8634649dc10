// Holdings as BITFIELD frames and back, and what a liar could send instead.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BitfieldGatherer, bitfieldParts } from './bitfield-parts.ts'

function gather(chunkCount: number, parts: ReturnType<typeof bitfieldParts>) {
  const gatherer = new BitfieldGatherer(chunkCount)
  return parts.map(part => gatherer.take(part)).at(-1)
}

describe('bitfieldParts', () => {
  it('bitfield: any holdings: come back in order', () => {
    const song = fc
      .integer({ min: 1, max: 100_000 })
      .chain(chunkCount =>
        fc.tuple(fc.constant(chunkCount), fc.uniqueArray(fc.integer({ min: 0, max: chunkCount - 1 }), { maxLength: 200 })),
      )
    fc.assert(
      fc.property(song, ([chunkCount, held]) => {
        expect(gather(chunkCount, bitfieldParts(1, held))).toEqual(held.toSorted((a, b) => a - b))
      }),
      { seed: 7, numRuns: 200 },
    )
  })

  it('bitfield: nothing held, of a song however long: is one empty part', () => {
    expect(bitfieldParts(3, [])).toEqual([{ kind: 'bitfield', handle: 3, firstChunk: 0, isLast: true, bits: new Uint8Array() }])
  })

  it('bitfield: 32,769 chunks: come in two parts', () => {
    const parts = bitfieldParts(1, [0, 32_768])
    expect(parts.map(({ firstChunk, isLast, bits }) => [firstChunk, isLast, bits.length])).toEqual([
      [0, false, 4096],
      [32_768, true, 1],
    ])
  })
})

describe('BitfieldGatherer', () => {
  const part = { kind: 'bitfield', handle: 1, firstChunk: 0, isLast: false, bits: Uint8Array.of(0x80) } as const
  const broken = expect.objectContaining({ code: 'EVA_PEER_PROTOCOL' })

  it.each([
    ['a gap', [part, { ...part, firstChunk: 16 }]],
    ['an overlap', [part, { ...part, firstChunk: 0 }]],
    [
      'a part after the last',
      [
        { ...part, isLast: true },
        { ...part, firstChunk: 8 },
      ],
    ],
    ['a chunk past the end', [{ ...part, bits: Uint8Array.of(0, 0, 0x01) }]],
  ])('bitfield: %s: breaks the protocol', (_name, parts) => {
    const gatherer = new BitfieldGatherer(23)
    expect(() => parts.forEach(one => void gatherer.take(one))).toThrow(broken)
  })
})
