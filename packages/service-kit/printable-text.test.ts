// Checks that hostile text cannot command a terminal, forge a line, or hide what follows.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { printable, printableJson, printableLines } from './printable-text.ts'

describe('printable text', () => {
  it.each([
    ['an ANSI escape', '\u001b[31mred', '\\u001b[31mred'],
    ['a one-byte CSI', '\u009b31m', '\\u009b31m'],
    ['a line break', 'a\nb\rc', 'a\\u000ab\\u000dc'],
    ['a right-to-left override', 'song\u202e3pm.exe', 'song\\u202e3pm.exe'],
    ['a bell and a backspace', '\u0007\b', '\\u0007\\u0008'],
    ['a line separator', '\u2028\u2029', '\\u2028\\u2029'],
    ['an invisible tag letter', '\u{e0041}', '\\u{e0041}'],
  ])('%s: in a title: becomes visible', (_what, hostile, shown) => {
    expect(printable(hostile)).toBe(shown)
  })

  it('ordinary text: of any script: stays as it is', () => {
    for (const text of ['Straße', 'Björk – Jóga', '椎名林檎', 'عمر خيرت', '🎵 ok', 'a b']) expect(printable(text)).toBe(text)
  })

  it('lines: of a stack trace: keep their breaks and nothing else', () => {
    expect(printableLines('Error: \u001b[2J\n  at x')).toBe('Error: \\u001b[2J\n  at x')
  })

  it.each(['\u007f', '\u009b', '\u061c', '\u200b', '\u2028', '\u202e', '\u2066', '\ufeff'])(
    'a line of JSON: with %j: has it escaped',
    hostile => {
      expect(printableJson(JSON.stringify({ hostile }))).toBe(`{"hostile":"${printable(hostile)}"}`)
    },
  )

  it('a line of JSON: with any text in it: keeps its meaning and loses its teeth', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), text => {
        const line = printableJson(JSON.stringify({ text }))
        expect(JSON.parse(line)).toEqual({ text })
        expect(line).not.toMatch(/[\p{Cc}\u202a-\u202e\u2066-\u2069\u2028\u2029]/u)
      }),
      { seed: 21, numRuns: 200 },
    )
  })

  it('any text: made printable: holds no control character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), text => {
        expect(printable(text)).not.toMatch(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/u)
      }),
      { seed: 22, numRuns: 200 },
    )
  })
})
