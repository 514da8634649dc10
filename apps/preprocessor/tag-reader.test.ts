// Checks what is read from real tags, and that a file which lies or is no audio neither throws nor takes long.

import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MIB } from '@evastream/core/units'
import { mp3Bytes, mp3DurationMs, pngPicture, seededBytes, wavBytes } from '@evastream/testkit/audio-fixtures'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cleanText, readTags } from './tag-reader.ts'

const tags = {
  title: 'Ünï Ça 夜',
  artist: 'The Artist',
  album: 'An Album',
  albumArtist: 'Various',
  trackNumber: 3,
  discNumber: 2,
  year: 1999,
  genre: 'Jazz',
}

let directory: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'evastream-tags-'))
})

afterAll(() => rm(directory, { recursive: true }))

async function fileOf(name: string, bytes: Uint8Array): Promise<string> {
  const path = join(directory, name)
  await writeFile(path, bytes)
  return path
}

describe('the tag reader', () => {
  it('tag reader: an MP3 with ID3v2.3 tags and a cover: gives them all', async () => {
    const cover = pngPicture(1, 32)
    const mp3 = mp3Bytes({ seed: 1, sizeBytes: 300_000, tags: { ...tags, cover } })
    const read = await readTags(await fileOf('full.mp3', mp3))
    expect(read.description).toEqual({ ...tags, durationMs: Math.round(mp3DurationMs(mp3)), mimeType: 'audio/mpeg' })
    expect(Buffer.from(read.cover?.bytes ?? []).equals(cover)).toBe(true)
    expect(read.cover?.type.fileName).toBe('cover.png')
    expect(read.notes).toEqual([])
  })

  it('tag reader: an MP3 with an old ID3v1 tag: gives title and artist', async () => {
    const path = await fileOf('old.mp3', mp3Bytes({ seed: 1, sizeBytes: 100_000, isOldTag: true, tags: { title: 'Old', artist: 'Older' } }))
    expect((await readTags(path)).description).toMatchObject({ title: 'Old', artist: 'Older', mimeType: 'audio/mpeg' })
  })

  it('tag reader: a WAV: gives its tags and duration', async () => {
    const path = await fileOf('song.wav', wavBytes({ seed: 1, durationMs: 1500, tags: { title: 'Wave', artist: 'Sea', year: 2001 } }))
    const read = await readTags(path)
    expect(read.description).toEqual({ title: 'Wave', artist: 'Sea', year: 2001, durationMs: 1500, mimeType: 'audio/wav' })
  })

  it('tag reader: a file without tags: is titled by its name', async () => {
    const path = await fileOf('My Song. Live.mp3', mp3Bytes({ seed: 1, sizeBytes: 50_000 }))
    const { description } = await readTags(path)
    expect(description.title).toBe('My Song. Live')
    expect(description.artist).toBeUndefined()
  })

  it('tag reader: an MP3 by another name: is known by its content', async () => {
    const mp3 = mp3Bytes({ seed: 1, sizeBytes: 50_000, tags })
    for (const name of ['song', 'song.flac', 'song.txt']) {
      const { description } = await readTags(await fileOf(name, mp3))
      expect(description).toMatchObject({ title: tags.title, mimeType: 'audio/mpeg' })
    }
  })

  it.each([
    ['noise.mp3', seededBytes(1, 300_000)],
    ['noise.flac', seededBytes(2, 300_000)],
    ['noise.m4a', seededBytes(3, 300_000)],
    ['noise.ogg', seededBytes(4, 300_000)],
    ['noise.wav', seededBytes(5, 300_000)],
    ['noise', seededBytes(6, 300_000)],
    ['zeros.mp3', new Uint8Array(300_000)],
    ['text.mp3', Buffer.from('hello world\n'.repeat(1000))],
    ['byte.mp3', Uint8Array.of(1)],
    ['cut.mp3', mp3Bytes({ seed: 1, sizeBytes: 300_000, tags: { title: 'x', cover: pngPicture(1, 32) } }).subarray(0, 500)],
  ])('tag reader: %s, which is no audio: is titled by its name and says so', async (name, bytes) => {
    const read = await readTags(await fileOf(name, bytes))
    expect(read.description).toEqual({ title: name.replace(/\..*/, '') })
    expect(read.notes).toEqual(['this is no audio file that is known here'])
  })

  it('tag reader: two frames in a file of something else: make no song of it', async () => {
    const frames = mp3Bytes({ seed: 1, sizeBytes: 10 + 2 * 417 })
    const path = await fileOf('chance.mp3', Buffer.concat([frames, seededBytes(2, 300_000).map(byte => byte & 0x7f)]))
    expect((await readTags(path)).description).toEqual({ title: 'chance' })
  })

  it('tag reader: an MP3 that begins with 60 MiB of nothing: is given up after 32 MiB', async () => {
    const path = await fileOf('late.mp3', new Uint8Array(0))
    await truncate(path, 60 * MIB)
    await writeFile(path, mp3Bytes({ seed: 1, sizeBytes: 100_000 }), { flag: 'a' })
    expect((await readTags(path)).notes).toEqual(['this is no audio file that is known here'])
  })

  it('tag reader: a cover that is no picture, or too large: is left out with its reason', async () => {
    const fake = await fileOf(
      'fake.mp3',
      mp3Bytes({ seed: 1, sizeBytes: 50_000, tags: { title: 'x', cover: Buffer.from('<svg onload="alert(1)"/>') } }),
    )
    const large = await fileOf(
      'large.mp3',
      mp3Bytes({ seed: 1, sizeBytes: 9_000_000, tags: { title: 'x', cover: new Uint8Array(5 * MIB + 1) } }),
    )
    for (const [path, reason] of [
      [fake, /not a JPEG, PNG, WebP or GIF/],
      [large, /5242881 bytes, more than the 5242880/],
    ] as const) {
      const read = await readTags(path)
      expect(read.cover).toBeUndefined()
      expect(read.notes).toEqual([expect.stringMatching(reason)])
      expect(read.description.title).toBe('x')
    }
  })

  it('tag reader: cancelled: ends with EVA_CANCELLED', async () => {
    const path = await fileOf('cancelled.mp3', mp3Bytes({ seed: 1, sizeBytes: 50_000 }))
    await expect(readTags(path, AbortSignal.abort())).rejects.toMatchObject({ code: 'EVA_CANCELLED' })
  })
})

describe('a cleaned text', () => {
  it.each([
    ['plain', 'plain'],
    ['  a\r\nb\tc\u0000d\u001b[31m ', 'a b c d [31m'],
    ['lone \ud800 half', 'lone \ufffd half'],
    [' \u0000\n', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('cleaned text: %j: is %j', (text, clean) => {
    expect(cleanText(text)).toBe(clean)
  })

  it.each(['x', '夜', '🎵'])('cleaned text: too much of %s: is cut at 512 characters', character => {
    expect(cleanText(character.repeat(600))).toBe(character.repeat(512))
  })

  it('cleaned text: of any text: is clean already', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 600 }), text => {
        const clean = cleanText(text)
        expect(cleanText(clean)).toBe(clean)
        expect(clean ?? 'x').not.toMatch(/\p{Cc}/u)
      }),
      { seed: 32, numRuns: 100 },
    )
  })
})
