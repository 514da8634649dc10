// Checks that fixtures are what other tests rely on: exact sizes, the same bytes each time, no two chunks alike.

import { createHash } from 'node:crypto'
import { inflateSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mp3Bytes, mp3DurationMs, pngPicture, seededBytes, VARIED_SONGS, wavBytes } from './audio-fixtures.ts'

const text = (bytes: Uint8Array, start: number, end: number): string => Buffer.from(bytes.subarray(start, end)).toString('latin1')

describe('audio fixtures', () => {
  it('seeded bytes: the same seed: gives the same bytes, and a shorter wish gives their beginning', () => {
    expect(seededBytes(7, 1000)).toEqual(seededBytes(7, 1000))
    expect(seededBytes(7, 1000).subarray(0, 333)).toEqual(seededBytes(7, 333))
    expect(seededBytes(7, 1000)).not.toEqual(seededBytes(8, 1000))
    expect(createHash('sha256').update(seededBytes(1, 4096)).digest('hex')).toBe(
      '0799e88ce4b0e7fd45007e84b63fbbdac90120f7fd0d6cf5a000958d00f9d1a9',
    )
  })

  it('an MP3: any size with room for a frame: is exactly that long and made of whole frames', () => {
    fc.assert(
      fc.property(fc.integer({ min: 700, max: 100_000 }), fc.boolean(), (sizeBytes, isOldTag) => {
        const mp3 = mp3Bytes({ seed: 1, sizeBytes, isOldTag, tags: { title: 'A title' } })
        expect(mp3.length).toBe(sizeBytes)
        const frameBytes = Math.round(mp3DurationMs(mp3) / ((1152 / 44_100) * 1000)) * 417
        const tagBytes = sizeBytes - frameBytes - (isOldTag ? 128 : 0)
        expect(tagBytes).toBeGreaterThanOrEqual(10)
        expect(text(mp3, 0, 3)).toBe('ID3')
      }),
      { seed: 23, numRuns: 50 },
    )
  })

  it('an MP3: its frames: are all different, so no two chunks are alike', () => {
    const mp3 = mp3Bytes({ seed: 2, sizeBytes: 10 + 100 * 417 })
    const frames = Array.from({ length: 100 }, (_, frame) => text(mp3, 10 + frame * 417, 10 + (frame + 1) * 417))
    expect(new Set(frames).size).toBe(100)
    expect(new Set(frames.map(frame => frame.slice(0, 21)))).toEqual(new Set([`\xff\xfb\x90\xc4${'\0'.repeat(17)}`]))
  })

  it('an MP3: too small for its tags: is refused', () => {
    expect(() => mp3Bytes({ seed: 1, sizeBytes: 400 })).toThrow(expect.objectContaining({ code: 'EVA_INTERNAL' }))
  })

  it('a WAV: of one second: is made of chunks that fill it exactly', () => {
    const wav = wavBytes({ seed: 3, durationMs: 1000, tags: { title: 'even' } })
    const view = new DataView(wav.buffer)
    expect(text(wav, 0, 4) + text(wav, 8, 12)).toBe('RIFFWAVE')
    expect(view.getUint32(4, true)).toBe(wav.length - 8)
    const ids: string[] = []
    let position = 12
    for (; position < wav.length; position += 8 + 2 * Math.ceil(view.getUint32(position + 4, true) / 2))
      ids.push(text(wav, position, position + 4))
    expect(ids).toEqual(['fmt ', 'LIST', 'data'])
    expect(position).toBe(wav.length)
  })

  it('a PNG: of 16 pixels: holds rows that inflate to its size', () => {
    const png = pngPicture(4, 16)
    expect(text(png, 1, 4)).toBe('PNG')
    const dataLength = new DataView(png.buffer).getUint32(33)
    expect(inflateSync(png.subarray(41, 41 + dataLength)).length).toBe(16 * 17)
  })

  it('varied songs: their chunks: include a last one of a byte, exactly one, and 300', () => {
    const counts = VARIED_SONGS.map(song => Math.ceil(song.fileSize / song.chunkSize))
    expect(counts).toContain(300)
    expect(VARIED_SONGS.some(song => song.fileSize === song.chunkSize)).toBe(true)
    expect(VARIED_SONGS.some(song => song.fileSize > song.chunkSize && song.fileSize % song.chunkSize === 1)).toBe(true)
  })
})
