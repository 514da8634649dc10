import { describe, expect, it } from 'vitest'
import { streamPathOf } from './stream-path.ts'

describe('streamPathOf', () => {
  it.each([
    ['audio/mpeg', '.mp3'],
    ['audio/flac', '.flac'],
    ['audio/ogg', '.ogg'],
    ['audio/ogg; codecs=opus', '.opus'],
    ['audio/ogg; codecs="vorbis"', '.ogg'],
    ['audio/opus', '.opus'],
    ['audio/mp4; codecs="mp4a.40.2"', '.m4a'],
    ['audio/x-m4a', '.m4a'],
    ['audio/wav', '.wav'],
    ['AUDIO/X-WAV', '.wav'],
    ['audio/strange', ''],
    ['', ''],
    [undefined, ''],
  ])('the type %s: the extension "%s"', (mimeType, extension) => {
    expect(streamPathOf({ songId: 'song-1', mimeType })).toBe(`/stream/song-1/song-1${extension}`)
  })

  it('an id that is none: is escaped, so that it cannot leave its place in the path', () => {
    expect(streamPathOf({ songId: 'a/../ b?c#d', mimeType: 'audio/mpeg' })).toBe('/stream/a%2F..%2F%20b%3Fc%23d/a%2F..%2F%20b%3Fc%23d.mp3')
  })

  it('ids that differ by an extension: have addresses that differ in the part that names the song', () => {
    expect(streamPathOf({ songId: 'a', mimeType: 'audio/mpeg' })).toBe('/stream/a/a.mp3')
    expect(streamPathOf({ songId: 'a.mp3', mimeType: 'audio/mpeg' })).toBe('/stream/a.mp3/a.mp3.mp3')
  })
})
