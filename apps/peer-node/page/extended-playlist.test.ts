import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { extendedPlaylist } from './extended-playlist.ts'

const ORIGIN = 'http://127.0.0.1:8090'

describe('extended playlist', () => {
  it('songs: a line of seconds, artist and title each, and an absolute address with a fitting extension', () => {
    const songs = [
      { id: 'song-1', title: 'Für Elise', artist: 'L. v. B.', durationMs: 179_600, mimeType: 'audio/mpeg' },
      { id: 'song-2', title: 'Untitled' },
    ]
    expect(extendedPlaylist(songs, ORIGIN)).toBe(
      '#EXTM3U\n#EXTINF:180,L. v. B. - Für Elise\nhttp://127.0.0.1:8090/stream/song-1/song-1.mp3\n' +
        '#EXTINF:-1,Untitled\nhttp://127.0.0.1:8090/stream/song-2/song-2\n',
    )
  })

  it('no songs: a playlist nevertheless', () => {
    expect(extendedPlaylist([], ORIGIN)).toBe('#EXTM3U\n')
  })

  it('a title that would be lines of its own: stays one, with its control characters made visible', () => {
    const text = extendedPlaylist(
      [{ id: 'a', title: 'x\r\nhttp://evil.example/\n#EXTVLCOPT:sout=#file\u2028\u001b[2J', artist: '\n' }],
      ORIGIN,
    )
    expect(text.split('\n')).toHaveLength(4)
    expect(text).toContain('#EXTINF:-1,\\u000a - x\\u000d\\u000ahttp://evil.example/')
  })

  it('any text at all: two lines a song, the second an address of ours', () => {
    const song = fc.record({ id: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,20}$/), title: fc.string({ unit: 'binary' }) })
    fc.assert(
      fc.property(fc.array(song, { maxLength: 5 }), songs => {
        const lines = extendedPlaylist(songs, ORIGIN).split(/[\r\n\u0085\u2028\u2029\v\f]/)
        expect(lines).toHaveLength(2 + 2 * songs.length)
        songs.forEach(({ id }, index) => {
          expect(lines[1 + 2 * index]).toMatch(/^#EXTINF:-1,/)
          expect(lines[2 + 2 * index]).toBe(`${ORIGIN}/stream/${id}/${id}`)
        })
      }),
      { seed: 3, numRuns: 300 },
    )
  })
})
