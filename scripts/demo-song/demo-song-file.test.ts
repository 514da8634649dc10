// The committed song as the demo will meet it: real frames from end to end, tags, a cover, and a size that a clone can bear.
// It does not render anything; `npm run demo-song` does that.
// Invariant: the tags are read by an independent parser, not by the code that wrote them.

import { readFileSync } from 'node:fs'
import { parseBuffer } from 'music-metadata'
import { describe, expect, test } from 'vitest'
import { bitrateKbps } from './encode.ts'
import { walkFrames } from './mpeg-frames.ts'
import { sampleRateHz } from './stereo-buffer.ts'
import { songTags } from './tags.ts'

const file = readFileSync(new URL('../../assets/demo-song.mp3', import.meta.url))
const sizeBytesMax = 6 * 1_024 * 1_024

describe('demo song file', () => {
  test('read from end to end: every byte belongs to the tag or to a stereo frame of one bit rate', () => {
    const walk = walkFrames(file)
    expect([...walk.bitratesKbps]).toEqual([bitrateKbps])
    expect([...walk.sampleRatesHz]).toEqual([sampleRateHz])
    expect(walk.isStereo).toBe(true)
    expect(walk.tagBytes).toBeGreaterThan(0)
    expect(walk.durationSeconds).toBeGreaterThan(180)
    expect(walk.durationSeconds).toBeLessThan(240)
  })

  test('cut short or damaged: the walk refuses it', () => {
    expect(() => walkFrames(file.subarray(0, -1))).toThrow('cut off')
    const { tagBytes } = walkFrames(file)
    const damaged = Buffer.from(file)
    damaged.fill(0, tagBytes, tagBytes + 4)
    expect(() => walkFrames(damaged)).toThrow('no MPEG-1 Layer III frame')
  })

  test('asked who it is: title, artist, album, year, genre, licence and cover answer', async () => {
    const { common, format } = await parseBuffer(file, { mimeType: 'audio/mpeg' })
    expect(common).toMatchObject({
      title: songTags.title,
      artist: songTags.artist,
      album: songTags.album,
      year: songTags.year,
      genre: [songTags.genre],
    })
    expect(common.comment?.[0]?.text).toContain('CC0')
    expect(format.container).toBe('MPEG')
    const cover = common.picture?.[0]
    expect(cover?.format).toBe('image/png')
    expect(Buffer.from(cover?.data ?? []).toString('latin1', 1, 4)).toBe('PNG')
  })

  test('cloned with the repository: stays below six mebibytes', () => {
    expect(file.length).toBeLessThanOrEqual(sizeBytesMax)
  })
})
