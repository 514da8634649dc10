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
    expect(streamPathOf({ songId: 'song-1', mimeType })).toBe(`/stream/song-1${extension}`)
  })

  it('an id that is none: is escaped, so that it cannot leave its place in the path', () => {
    expect(streamPathOf({ songId: 'a/../ b?c#d', mimeType: 'audio/mpeg' })).toBe('/stream/a%2F..%2F%20b%3Fc%23d.mp3')
  })

  it('a song whose name with the extension is another song: goes without', () => {
    const isSong = (name: string): boolean => name === 'a.mp3'
    expect(streamPathOf({ songId: 'a', mimeType: 'audio/mpeg' }, isSong)).toBe('/stream/a')
    expect(streamPathOf({ songId: 'a.mp3', mimeType: 'audio/mpeg' }, isSong)).toBe('/stream/a.mp3.mp3')
  })
})
