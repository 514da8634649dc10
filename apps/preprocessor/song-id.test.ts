// Checks that every title makes a valid, readable id.

import { isId } from '@evastream/core/ids'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { songIdFor } from './song-id.ts'

const sha256 = '0123456789abcdef'.repeat(4)

describe('the id of a song without one', () => {
  it.each([
    ['Blue in Green', 'blue-in-green'],
    ['  Été, déjà!  ', 'ete-deja'],
    ["Don't Stop", 'dont-stop'],
    ['../../etc/passwd', 'etc-passwd'],
    ['99 Luftballons', '99-luftballons'],
    ['ﬁne ½', 'fine-1-2'],
    ['Девять', 'song'],
    ['夜に駆ける', 'song'],
    ['🎵', 'song'],
    ['---', 'song'],
    ['x'.repeat(300), 'x'.repeat(60)],
    [`${'x'.repeat(59)} y`, 'x'.repeat(59)],
  ])('song id: the title "%s": begins with %s and ends with the hash', (title, slug) => {
    expect(songIdFor(title, sha256)).toBe(`${slug}-0123456789ab`)
  })

  it('song id: any title: is a valid id', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 100 }), title => {
        expect(isId(songIdFor(title, sha256))).toBe(true)
      }),
      { seed: 31, numRuns: 200 },
    )
  })
})
