// Checks that a cover is judged by its bytes, not by its claims.

import { createHash } from 'node:crypto'
import { COVER_SIZE_MAX_BYTES } from '@evastream/protocol/storage-layout'
import { pngPicture } from '@evastream/testkit/audio-fixtures'
import { describe, expect, it } from 'vitest'
import { judgeCover } from './cover-picture.ts'

const after = (...head: readonly number[]) => Uint8Array.of(...head, ...new Array(20).fill(7))
const latin = (text: string) => [...Buffer.from(text, 'latin1')]

describe('a cover', () => {
  it.each([
    ['image/jpeg', 'cover.jpg', after(0xff, 0xd8, 0xff, 0xe0)],
    ['image/png', 'cover.png', pngPicture(1, 8)],
    ['image/webp', 'cover.webp', after(...latin('RIFF1234WEBPVP8 '))],
    ['image/gif', 'cover.gif', after(...latin('GIF89a'))],
  ])('cover: bytes of %s: are stored as %s with their hash', (mimeType, fileName, bytes) => {
    const hash = createHash('sha256').update(bytes).digest('hex')
    expect(judgeCover(bytes)).toEqual({ kind: 'cover', cover: { bytes, hash, type: { fileName, mimeType } } })
  })

  it.each([
    ['SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>')],
    ['HTML', Buffer.from('<!doctype html>')],
    ['a WAV, which is RIFF as well', after(...latin('RIFF1234WAVEfmt '))],
    ['BMP', after(...latin('BM'))],
    ['nothing', new Uint8Array(0)],
    ['only the beginning of a PNG', Uint8Array.of(0x89, 0x50)],
  ])('cover: bytes of %s: are skipped', (_what, bytes) => {
    expect(judgeCover(bytes)).toMatchObject({ kind: 'skipped' })
  })

  it('cover: of the largest size allowed: is stored, and one byte more is not', () => {
    const picture = new Uint8Array(COVER_SIZE_MAX_BYTES + 1)
    picture.set(pngPicture(1, 8))
    expect(judgeCover(picture.subarray(1)).kind).toBe('skipped')
    expect(judgeCover(picture.subarray(0, COVER_SIZE_MAX_BYTES)).kind).toBe('cover')
    expect(judgeCover(picture).kind).toBe('skipped')
  })
})
