import { describe, expect, it } from 'vitest'
import { cellsOf, rarestOf } from './chunk-cells.ts'

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
})
