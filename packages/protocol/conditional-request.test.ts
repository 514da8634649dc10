// Checks the decision between 200, 206, 304 and 416 against RFC 9110's rules and a slow reading of them.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { answerFor, parseByteRange } from './conditional-request.ts'

const file = { sizeBytes: 100, entityTag: '"song-1.0"' }
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
    expect(parseByteRange(header, 100)).toEqual(answer)
  })

  it.each(['bytes=100-', 'bytes=100-200', 'bytes=-0', `bytes=${'9'.repeat(400)}-`])(
    'byte range: %s of 100 bytes: cannot be satisfied',
    header => {
      expect(parseByteRange(header, 100)).toEqual(unsatisfiable)
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
    expect(parseByteRange(header, 100)).toEqual(whole)
  })

  it('byte range: several ranges at once: ask for the whole', () => {
    expect(parseByteRange('bytes=0-1,5-6', 100)).toEqual(whole)
    expect(parseByteRange('bytes=0-1, -1', 100)).toEqual(whole)
  })

  it('byte range: of an empty file: nothing can be satisfied', () => {
    expect(parseByteRange('bytes=0-', 0)).toEqual(unsatisfiable)
    expect(parseByteRange('bytes=-1', 0)).toEqual(unsatisfiable)
  })

  it('byte range: any numbers: the part is exactly the bytes that a filter over the file would keep', () => {
    const bound = fc.integer({ min: 0, max: 40 })
    fc.assert(
      fc.property(bound, bound, fc.integer({ min: 1, max: 30 }), (first, last, sizeBytes) => {
        const bytes = Array.from({ length: sizeBytes }, (_, index) => index)
        const kept = bytes.filter(index => index >= first && index <= last)
        const answer = parseByteRange(`bytes=${first}-${last}`, sizeBytes)
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
        const answer = parseByteRange(`bytes=${text}`, sizeBytes)
        if (answer.kind !== 'part') return
        expect(answer.firstByte).toBeGreaterThanOrEqual(0)
        expect(answer.lengthBytes).toBeGreaterThan(0)
        expect(answer.firstByte + answer.lengthBytes).toBeLessThanOrEqual(sizeBytes)
      }),
      { seed: 21, numRuns: 500 },
    )
  })
})

describe('the answer to a conditional request', () => {
  it('conditional request: no condition: is answered with the whole', () => {
    expect(answerFor({ method: 'GET' }, file)).toEqual(whole)
  })

  it.each(['"song-1.0"', 'W/"song-1.0"', '"other", "song-1.0"', '*', ' * '])(
    'conditional request: If-None-Match %s: is not modified',
    list => {
      expect(answerFor({ method: 'GET', ifNoneMatch: list }, file)).toEqual({ kind: 'not-modified' })
      expect(answerFor({ method: 'HEAD', ifNoneMatch: list }, file)).toEqual({ kind: 'not-modified' })
    },
  )

  it.each(['"song-1.1"', 'song-1.0', '', '"*"'])(
    'conditional request: If-None-Match %s, which is another tag: is answered with the whole',
    list => {
      expect(answerFor({ method: 'GET', ifNoneMatch: list }, file)).toEqual(whole)
    },
  )

  it('conditional request: If-None-Match that matches, with a range: is not modified, as the range comes later', () => {
    expect(answerFor({ method: 'GET', ifNoneMatch: '"song-1.0"', range: 'bytes=0-1' }, file)).toEqual({ kind: 'not-modified' })
  })

  it('conditional request: If-Range with the same tag: gives the range', () => {
    expect(answerFor({ method: 'GET', ifRange: '"song-1.0"', range: 'bytes=2-3' }, file)).toEqual(part(2, 2))
  })

  it.each(['"song-1.1"', 'W/"song-1.0"', 'Wed, 21 Oct 2015 07:28:00 GMT'])('conditional request: If-Range %s: gives the whole', ifRange => {
    expect(answerFor({ method: 'GET', ifRange, range: 'bytes=2-3' }, file)).toEqual(whole)
    expect(answerFor({ method: 'GET', ifRange, range: 'bytes=200-' }, file)).toEqual(whole)
  })

  it('conditional request: a range on HEAD: is disregarded', () => {
    expect(answerFor({ method: 'HEAD', range: 'bytes=2-3' }, file)).toEqual(whole)
  })
})
