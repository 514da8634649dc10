// Checks suggestions: what people mistype is recognised, what is another word is left alone.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nearestName } from './near-name.ts'

const KNOWN = ['port', 'host', 'peer.maxUploads', 'peer.port', 'token', 'token-file', 'log.level', 'songId']

describe('nearest name', () => {
  it.each([
    ['prot', 'port'],
    ['portt', 'port'],
    ['Port', 'port'],
    ['peer.maxuploads', 'peer.maxUploads'],
    ['peer-max-uploads', 'peer.maxUploads'],
    ['tokenFile', 'token-file'],
    ['loglevel', 'log.level'],
    ['song-id', 'songId'],
    ['peer', 'peer.maxUploads'],
  ])('a slip: "%s": suggests "%s"', (typed, meant) => {
    expect(nearestName(typed, KNOWN)).toBe(meant)
  })

  it('another word: nothing close: suggests nothing', () => {
    expect(nearestName('chunkSize', KNOWN)).toBeUndefined()
    expect(nearestName('', [])).toBeUndefined()
  })

  it('a known name with one letter changed: any of them: is found again', () => {
    const slip = fc.record({
      name: fc.constantFrom(...KNOWN.filter(name => name.length > 6)),
      at: fc.nat(5),
      letter: fc.constantFrom('x', 'q', 'z'),
    })
    fc.assert(
      fc.property(slip, ({ name, at, letter }) => {
        expect(nearestName(name.slice(0, at) + letter + name.slice(at + 1), KNOWN)).toBe(name)
      }),
      { seed: 11 },
    )
  })

  it('two as near: the first in the alphabet is suggested', () => {
    expect(nearestName('boot', ['root', 'loot', 'foot'])).toBe('foot')
  })

  it('order of the known names: any: does not matter', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(KNOWN, { minLength: KNOWN.length }), fc.string({ maxLength: 12 }), (shuffled, typed) => {
        expect(nearestName(typed, shuffled)).toBe(nearestName(typed, KNOWN))
      }),
      { seed: 12 },
    )
  })
})
