// Checks the reading of Range headers against RFC 9110's rules and a slow reading of them.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseByteRanges } from './byte-ranges.ts'

const whole = { kind: 'whole' }
const unsatisfiable = { kind: 'unsatisfiable' }
const part = (firstByte: number, lengthBytes: number) => ({ kind: 'part', firstByte, lengthBytes })

describe('a byte range', () => {
  it.each([
    ['bytes=0-0', part(0, 1)],
    ['bytes=0-99', part(0, 100)],
    ['bytes=10-19', part(10, 10)],
    ['bytes=10-', part(10, 90)],
    ['bytes=0-', part(0, 100)],
    ['bytes=99-', part(99, 1)],
    ['bytes=-1', part(99, 1)],
    ['bytes=-100', part(0, 100)],
    ['bytes=-5000', part(0, 100)],
    ['bytes=90-5000', part(90, 10)],
    ['bytes=0-99999999999999999999999999', part(0, 100)],
    ['BYTES=1-2', part(1, 2)],
    ['bytes= 1-2 ', part(1, 2)],
  ])('byte range: %s of 100 bytes: gives its part', (header, answer) => {
    expect(parseByteRanges(header, 100)).toEqual(answer)
  })

  it.each(['bytes=100-', 'bytes=100-200', 'bytes=-0', `bytes=${'9'.repeat(400)}-`])(
    'byte range: %s of 100 bytes: cannot be satisfied',
    header => {
      expect(parseByteRanges(header, 100)).toEqual(unsatisfiable)
    },
  )

  it.each([
    '',
    'bytes',
    'bytes=',
    'bytes=-',
    'bytes=5-2',
    'bytes=a-b',
    'bytes=1-2x',
    'bytes=-1-2',
    'bytes=+1-2',
    'bytes=1.5-2',
    'blocks=0-1',
    '0-1',
  ])('byte range: the malformed "%s": asks for the whole', header => {
    expect(parseByteRanges(header, 100)).toEqual(whole)
  })

  it('byte range: more ranges than an answer may have: ask for the whole', () => {
    expect(parseByteRanges('bytes=0-1,5-6', 100)).toEqual(whole)
    expect(parseByteRanges('bytes=0-1, -1', 100)).toEqual(whole)
    expect(parseByteRanges('bytes=0-1,200-201,400-401', 1000, 2)).toEqual(whole)
  })

  it('byte range: of an empty file: nothing can be satisfied', () => {
    expect(parseByteRanges('bytes=0-', 0)).toEqual(unsatisfiable)
    expect(parseByteRanges('bytes=-1', 0)).toEqual(unsatisfiable)
  })

  it('byte range: any numbers: the part is exactly the bytes that a filter over the file would keep', () => {
    const bound = fc.integer({ min: 0, max: 40 })
    fc.assert(
      fc.property(bound, bound, fc.integer({ min: 1, max: 30 }), (first, last, sizeBytes) => {
        const bytes = Array.from({ length: sizeBytes }, (_, index) => index)
        const kept = bytes.filter(index => index >= first && index <= last)
        const answer = parseByteRanges(`bytes=${first}-${last}`, sizeBytes)
        if (last < first) expect(answer).toEqual(whole)
        else if (kept.length === 0) expect(answer).toEqual(unsatisfiable)
        else expect(answer).toEqual(part(kept[0] ?? -1, kept.length))
      }),
      { seed: 20, numRuns: 500 },
    )
  })

  it('byte range: any text at all: never names a byte outside the file', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 30 }), fc.integer({ min: 0, max: 1000 }), (text, sizeBytes) => {
        const answer = parseByteRanges(`bytes=${text}`, sizeBytes)
        if (answer.kind !== 'part') return
        expect(answer.firstByte).toBeGreaterThanOrEqual(0)
        expect(answer.lengthBytes).toBeGreaterThan(0)
        expect(answer.firstByte + answer.lengthBytes).toBeLessThanOrEqual(sizeBytes)
      }),
      { seed: 21, numRuns: 500 },
    )
  })
})

describe('several byte ranges', () => {
  const several = (header: string) => parseByteRanges(header, 1000, 8)
  const parts = (...list: [number, number][]) => ({
    kind: 'parts',
    parts: list.map(([firstByte, lengthBytes]) => ({ firstByte, lengthBytes })),
  })

  it.each([
    ['bytes=0-9,500-509', parts([0, 10], [500, 10])],
    ['bytes= 500-509 ,\t0-9', parts([500, 10], [0, 10])],
    ['bytes=0-0,-1', parts([0, 1], [999, 1])],
    ['bytes=0-9,,500-', parts([0, 10], [500, 500])],
    ['bytes=0-9,500-509,5000-', parts([0, 10], [500, 10])],
  ])('several ranges: %s: give their parts in the order asked for', (header, answer) => {
    expect(several(header)).toEqual(answer)
  })

  it.each([
    ['bytes=0-9,5-19', part(0, 20)],
    ['bytes=5-19,0-9', part(0, 20)],
    ['bytes=0-9,50-59', part(0, 60)],
    ['bytes=0-9,500-509,0-600', part(0, 601)],
    ['bytes=0-,0-,0-', part(0, 1000)],
    ['bytes=0-9,5000-6000', part(0, 10)],
  ])('several ranges: %s, which overlap, nearly touch or are past the end: give one part', (header, answer) => {
    expect(several(header)).toEqual(answer)
  })

  it.each(['bytes=0-9,9-5', 'bytes=0-9,x', 'bytes=0-9;20-29', 'bytes=,', 'bytes=0-9,-'])(
    'several ranges: %s, one of which is none: ask for the whole',
    header => {
      expect(several(header)).toEqual(whole)
    },
  )

  it('several ranges: all past the end: cannot be satisfied', () => {
    expect(several('bytes=1000-,-0,2000-3000')).toEqual(unsatisfiable)
  })

  it('several ranges: any at all: every byte asked for is in just one part, and no other byte beyond the gaps is', () => {
    const range = fc.tuple(fc.integer({ min: 0, max: 1200 }), fc.integer({ min: 0, max: 90 }))
    fc.assert(
      fc.property(fc.array(range, { minLength: 1, maxLength: 8 }), ranges => {
        const answer = several(`bytes=${ranges.map(([first, more]) => `${first}-${first + more}`).join(',')}`)
        const sent = answer.kind === 'parts' ? answer.parts : answer.kind === 'part' ? [answer] : []
        const times = new Uint8Array(1000)
        for (const { firstByte, lengthBytes } of sent)
          for (let byte = firstByte; byte < firstByte + lengthBytes; byte++) times[byte] = (times[byte] ?? 0) + 1
        const wished = new Uint8Array(1000)
        for (const [first, more] of ranges) wished.fill(1, Math.min(first, 1000), Math.min(first + more + 1, 1000))
        for (let byte = 0; byte < 1000; byte++) if (wished[byte] === 1) expect(times[byte]).toBe(1)
        expect(Math.max(...times)).toBeLessThanOrEqual(1)
        expect(sent.every(({ firstByte, lengthBytes }) => lengthBytes > 0 && firstByte + lengthBytes <= 1000)).toBe(true)
        expect(answer.kind === 'unsatisfiable').toBe(wished.every(value => value === 0))
      }),
      { seed: 22, numRuns: 500 },
    )
  })
})
