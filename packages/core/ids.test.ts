import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isId, parsePeerId, parseSongId } from './ids.ts'

describe('ids', () => {
  test.each(['song-1', 'a', '0', 'A.b_c-d', 'x'.repeat(128)])('%s is an id', id => {
    expect(parseSongId(id)).toBe(id)
    expect(parsePeerId(id)).toBe(id)
  })

  test.each([
    '',
    '.',
    '..',
    '.hidden',
    '-flag',
    '_x',
    '../../etc/passwd',
    'a/b',
    'a\\b',
    'a b',
    'a\n',
    'ä',
    'x'.repeat(129),
    'a\0',
    '%2e%2e',
  ])('%j is not an id', text => {
    expect(() => parseSongId(text)).toThrow(expect.objectContaining({ code: 'EVA_SONG_ID_INVALID' }))
    expect(() => parsePeerId(text)).toThrow(expect.objectContaining({ code: 'EVA_PEER_ID_INVALID' }))
  })

  test.each([undefined, null, 7, {}, ['song-1'], true])('%j is not an id, whatever it prints as', value => {
    expect(isId(value)).toBe(false)
  })

  test('any text that is an id is one plain path component', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme-ascii' }),
        text => !isId(text) || (!text.includes('/') && !text.startsWith('.') && encodeURIComponent(text) === text),
      ),
    )
  })
})
