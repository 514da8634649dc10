// Checks the decision between 200, 206, 304 and 416 against RFC 9110's rules.

import { describe, expect, it } from 'vitest'
import { answerFor } from './conditional-request.ts'

const file = { sizeBytes: 100, entityTag: '"song-1.0"' }
const whole = { kind: 'whole' }
const part = (firstByte: number, lengthBytes: number) => ({ kind: 'part', firstByte, lengthBytes })

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
