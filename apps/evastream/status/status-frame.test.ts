import { describe, expect, it } from 'vitest'
import { statusFrame } from './status-frame.ts'
import type { StatusLook } from './status-look.ts'

type Song = StatusLook['songs'][number]

function aSong(fields: Partial<Song> & { readonly songId: string }): Song {
  const progress = { chunkCount: 18, chunksHeld: 18, complete: true, fileSize: 4_689_030, pinned: false }
  return { ...progress, title: `Title of ${fields.songId}`, streamPath: '/stream/x', ...fields }
}

function aLook(fields: Partial<StatusLook['status']> = {}, rest: Partial<StatusLook> = {}): StatusLook {
  const status: StatusLook['status'] = {
    peerId: 'peer-1',
    uploadPort: 1,
    httpPort: 8090,
    sharing: 'on',
    peers: { downloadingFrom: 3, uploadingTo: 2 },
    limits: { uploadBytesPerSecond: 0, downloadBytesPerSecond: 200_000 },
    cache: { usedBytes: 5e9, limitBytes: 10e9 },
    playing: { songIds: [] },
    songs: [],
    received: { originBytes: 1_000_000, peerBytes: 3_000_000 },
    sentBytes: 500,
    wastedBytes: 0,
    ...fields,
  }
  return { url: 'http://127.0.0.1:8090', at: 0, status, songs: [aSong({ songId: 'song-1' })], plays: [], queue: [], ...rest }
}

function frame(look: StatusLook, options: { columns?: number; rows?: number; previous?: StatusLook } = {}): string[] {
  return statusFrame(look, options.previous, { columns: options.columns ?? 80, rows: options.rows, hasColour: false })
}

describe('status frame', () => {
  it('a peer at rest: its figures in words, and its songs', () => {
    expect(frame(aLook())).toEqual([
      'peer-1 at http://127.0.0.1:8090, sharing on',
      'received   3.00 MB from peers (75 %), 1.00 MB from the origin',
      'sent       500 B',
      'peers      taking from 3, giving to 2',
      'limits     down 200 kB/s, up no limit',
      'cache      █████░░░░░ 5.00 GB of 10.0 GB',
      'playing    nothing',
      'next       nothing',
      '',
      '┌────────────────┬───────────────────────────┬───────────────────────┬─────────┐',
      '│ song           │ title                     │ chunks held           │         │',
      '│ song-1         │ Title of song-1           │ ██████████ 18/18      │         │',
      '└────────────────┴───────────────────────────┴───────────────────────┴─────────┘',
    ])
  })

  it('a play: what is heard, how much of it is ahead, how often it stalled, and what comes next', () => {
    const play = { startedAtMs: 1, deliveredBytes: 1, originBytes: 1, peerBytes: 0, cacheBytes: 0, peerCount: 0, stalledMs: 9 }
    const plays = [
      { ...play, songId: 'song-1', isOver: false, stallCount: 2 },
      { ...play, songId: 'song-1', isOver: true, stallCount: 7 },
    ]
    const look = aLook({ playing: { songIds: ['song-1'], bufferMs: 12_345 } }, { plays, queue: ['song-1', 'b', 'c', 'd', 'e'] })
    const lines = frame(look)
    expect(lines).toContain('playing    Title of song-1, 12.3 s ahead, 2 stalls')
    expect(lines).toContain('next       Title of song-1, b, c, and 2 more')
    expect(lines.find(line => line.includes('│ song-1'))).toContain('playing')
  })

  it('a cap and no cache limit: are told', () => {
    const uploadCap = { limitBytes: 5e9, usedBytes: 1e6, resetsAt: '2026-11-24T00:00:00.000Z' }
    const lines = frame(aLook({ uploadCap, cache: { usedBytes: 7, limitBytes: 0 } }))
    expect(lines).toContain('cap        █░░░░░░░░░ 1.00 MB of 5.00 GB given, anew at 2026-11-24 00:00 UTC')
    expect(lines).toContain('cache      7 B')
  })

  it('what flowed since the look before: is told by the second', () => {
    const previous = aLook({ received: { originBytes: 0, peerBytes: 0 }, sentBytes: 0 })
    const lines = frame({ ...aLook(), at: 2000 }, { previous })
    expect(lines).toContain('received   3.00 MB from peers (75 %), 1.00 MB from the origin, 2.00 MB/s now')
    expect(lines).toContain('sent       500 B, 250 B/s now')
  })

  it('songs: what plays first, then what is still coming; those without room are counted', () => {
    const ids = ['whole', 'coming', 'heard', 'fourth', 'fifth']
    const songs = ids.map(songId =>
      aSong({ songId, pinned: songId === 'whole', ...(songId === 'coming' ? { chunksHeld: 17, complete: false } : {}) }),
    )
    const all = frame(aLook({ playing: { songIds: ['heard'] } }, { songs }))
      .filter(line => line.startsWith('│'))
      .slice(1)
    expect(all.map(line => line.slice(2, 9).trim())).toEqual(['heard', 'coming', 'whole', 'fourth', 'fifth'])
    expect(all[1]).toContain('█████████░ 17/18')
    expect(all[2]).toContain('pinned')
    const few = frame(aLook({}, { songs }), { rows: 16 })
    expect(few.length).toBeLessThanOrEqual(16)
    expect(few.at(-1)).toBe('… and 3 more')
  })

  it.each([60, 80, 100, 120, 300])('%d columns: no line is wider, whatever the songs are called', columns => {
    const songs = [
      aSong({ songId: 'x'.repeat(128), title: 'ä'.repeat(300), artist: '\u001b[2J\nx' }),
      aSong({ songId: 'b', title: '音'.repeat(90) }),
    ]
    const look = aLook({ peerId: 'p'.repeat(128), playing: { songIds: ['b'] } }, { songs, queue: ['b', 'b', 'b'] })
    const lines = frame(look, { columns })
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns)
    expect(lines.join('')).not.toContain('\u001b[2J')
    expect(lines.length).toBe(9 + 5)
  })

  it('no songs: says what to do', () => {
    expect(frame(aLook({}, { songs: [] })).at(-1)).toBe('No songs yet: play one, or start its download.')
  })
})
