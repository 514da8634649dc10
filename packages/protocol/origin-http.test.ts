// Checks the one door for chunk ids that arrive as text, and the paths that clients build.

import { EvaError } from '@evastream/core/errors'
import { parseSongId } from '@evastream/core/ids'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { chunkPathOf, coverPathOf, parseChunkId } from './origin-http.ts'

describe('a chunk id in a URL', () => {
  it.each([
    ['0', 0],
    ['7', 7],
    ['4194303', 4_194_303],
    ['9007199254740991', Number.MAX_SAFE_INTEGER],
  ])('chunk id: "%s": is the number', (text, chunkId) => {
    expect(parseChunkId(text)).toBe(chunkId)
  })

  it.each([
    undefined,
    '',
    '-1',
    '1.5',
    '1e99',
    'abc',
    '01',
    '+1',
    ' 1',
    '1 ',
    '0x1',
    '9007199254740992',
    '9'.repeat(500),
    'NaN',
    '٣',
    ['1', '2'],
    1,
  ])('chunk id: %j: is refused with its own code', text => {
    expect(() => parseChunkId(text)).toThrow(EvaError)
    expect(() => parseChunkId(text)).toThrow(expect.objectContaining({ code: 'EVA_CHUNK_ID_INVALID' }))
  })

  it('chunk id: any text: has one spelling only', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.integer().map(String), fc.double().map(String)), text => {
        let parsed: number
        try {
          parsed = parseChunkId(text)
        } catch {
          return
        }
        expect(String(parsed)).toBe(text)
      }),
      { seed: 22, numRuns: 500 },
    )
  })
})

describe('the paths of the origin', () => {
  it('origin paths: of a chunk and a cover: are these', () => {
    const songId = parseSongId('Song-1.a_b')
    expect(chunkPathOf(songId, 12)).toBe('/chunk?songId=Song-1.a_b&chunkId=12')
    expect(coverPathOf(songId)).toBe('/covers/Song-1.a_b')
  })
})
