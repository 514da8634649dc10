// Checks that what people mean as the same text folds to the same text, and that patterns take text as it stands.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { containing, folded, foldedWords } from './folded-text.ts'

describe('folded text', () => {
  it.each([
    ['Straße', 'STRASSE'],
    ['Björk', 'bjork'],
    ['ΟΔΥΣΣΕΥΣ', 'οδυσσευς'],
    ['Ｆｕｌｌ', 'full'],
    ['Dvořák', 'DVORAK'],
    ['Молоко', 'МОЛОКО'],
    ['e\u0301tude', 'Étude'],
    ['ﬁne', 'FINE'],
  ])('%s and %s: are the same', (left, right) => {
    expect(folded(left)).toBe(folded(right))
  })

  it('different words: stay different', () => {
    expect(folded('Song A')).not.toBe(folded('Song B'))
    expect(folded('椎名林檎')).not.toBe(folded('椎名'))
  })

  it('any text: folded twice: is as folded once', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 30 }), text => {
        expect(folded(folded(text))).toBe(folded(text))
      }),
      { seed: 41, numRuns: 300 },
    )
  })

  it('the words of a query: between any spaces: are folded, each once', () => {
    expect(foldedWords('  Pink\tPINK\u00a0Flöyd\u3000 ')).toEqual(['pink', 'floyd'])
    expect(foldedWords(' ')).toEqual([])
  })

  it('a pattern: with LIKE’s own characters: takes them as text', () => {
    expect(containing('100%_\\')).toBe('%100\\%\\_\\\\%')
  })
})
