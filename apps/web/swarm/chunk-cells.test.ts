import { describe, expect, it } from 'vitest'
import { cellsOf, chunksByCopies, heldChunks, rangesText, rarestOf } from './chunk-cells.ts'

describe('chunk cells', () => {
  it('few chunks: one cell each, most significant bit first', () => {
    expect(cellsOf(btoa(String.fromCharCode(0b1010_0000)), 4, 64)).toEqual([1, 0, 1, 0])
  })

  it('more chunks than columns: a cell is as full as its chunks', () => {
    expect(cellsOf(btoa(String.fromCharCode(0b1110_0000, 0b1000_0000)), 10, 5)).toEqual([1, 0.5, 0, 0, 0.5])
  })

  it('availability: is that of the rarest chunk in the column', () => {
    expect(rarestOf([3, 1, 2, 2], 2)).toEqual([1, 2])
  })

  it('what is held: in words of ranges, and of many only the first', () => {
    expect(heldChunks(btoa(String.fromCharCode(0b11101001, 0b10000000)), 10)).toEqual([0, 1, 2, 4, 7, 8])
    expect(rangesText([0, 1, 2, 4, 7, 8])).toBe('0–2, 4, 7–8')
    expect(rangesText([])).toBe('')
    expect(rangesText(Array.from({ length: 10 }, (_, index) => index * 2))).toBe('0, 2, 4, 6, 8, 10, 12, 14 and 2 stretches more')
  })

  it('copies: chunks that are held equally often stand together, the rarest first', () => {
    expect(chunksByCopies([2, 0, 2, 10])).toEqual([
      [0, [1]],
      [2, [0, 2]],
      [10, [3]],
    ])
  })
})
