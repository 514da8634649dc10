import type { Play } from '@evastream/protocol/peer-http'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { earlierPlaysOf, summarise, summaryLine, wholeShares } from './play-summary.ts'

function aPlay(fields: Partial<Play> = {}): Play {
  const counts = { deliveredBytes: 4_000_000, originBytes: 360_000, peerBytes: 2_840_000, cacheBytes: 800_000, peerCount: 3 }
  return { songId: 'a', startedAtMs: 10, isOver: true, ...counts, startupMs: 120, stallCount: 0, stalledMs: 0, ...fields }
}

const NOTHING_EARLIER = earlierPlaysOf([])

function lineOf(fields: Partial<Play>, title = 'Nocturne'): string {
  const [song] = summarise([aPlay(fields)], { songs: new Map([['a', title]]), earlier: NOTHING_EARLIER })
  return song === undefined ? '' : summaryLine(song)
}

describe('summary line', () => {
  it.each<[string, Partial<Play>, string]>([
    [
      'three sources',
      {},
      '4.00 MB, 71 % from 3 listeners, 9 % from the origin, 20 % from your own cache. First sound after 0.12 s, no stalls.',
    ],
    [
      'one listener and a stall',
      { cacheBytes: 0, originBytes: 2_000_000, peerBytes: 2_000_000, peerCount: 1, stallCount: 1, stalledMs: 400 },
      '4.00 MB, 50 % from 1 listener, 50 % from the origin. First sound after 0.12 s, 1 stall of 0.40 s.',
    ],
    [
      'the cache alone, and stalls nevertheless',
      { cacheBytes: 4_000_000, originBytes: 0, peerBytes: 0, peerCount: 0, startupMs: 4, stallCount: 2, stalledMs: 12_300 },
      '4.00 MB, all from your own cache. First sound at once, 2 stalls of 12.3 s together.',
    ],
    ['nothing', { deliveredBytes: 0, originBytes: 0, peerBytes: 0, cacheBytes: 0 }, 'nothing was played.'],
  ])('%s: is told as it was', (_what, fields, words) => {
    expect(lineOf(fields)).toBe(`Nocturne: ${words}`)
  })

  it('no sound: is not told as a quick one', () => {
    const { startupMs: _startupMs, ...mute } = aPlay()
    const [song] = summarise([mute], { songs: new Map([['a', 'N']]), earlier: NOTHING_EARLIER })
    expect(song === undefined ? '' : summaryLine(song)).toContain('No sound yet, no stalls.')
  })

  it('a hostile title: commands nobody’s terminal', () => {
    expect(lineOf({}, 'N\u001b[2J\nx')).toMatch(/^N\\u001b\[2J\\u000ax: 4/)
  })

  it('shares: add up to 100 and hide none', () => {
    const parts = fc.array(fc.integer({ min: 1, max: 1e9 }), { minLength: 1, maxLength: 3 })
    fc.assert(
      fc.property(parts, given => {
        const shares = wholeShares(given)
        expect(shares.reduce((sum, share) => sum + share, 0)).toBe(100)
        expect(Math.min(...shares)).toBeGreaterThanOrEqual(1)
      }),
      { seed: 5 },
    )
  })
})

describe('summary of plays', () => {
  const songs = new Map([
    ['b', 'B'],
    ['a', 'A'],
  ])

  it('plays of before and of other songs: are left out; the songs come in the order wanted', () => {
    const before = [aPlay({ startedAtMs: 5 })]
    const after = [aPlay({ songId: 'c', startedAtMs: 9 }), aPlay({ songId: 'b', startedAtMs: 8 }), aPlay({ startedAtMs: 7 }), ...before]
    const summary = summarise(after, { songs, earlier: earlierPlaysOf(before) })
    expect(summary.map(({ songId, deliveredBytes }) => [songId, deliveredBytes])).toEqual([
      ['b', 4_000_000],
      ['a', 4_000_000],
    ])
  })

  it('a song that was opened anew after a pause: is one, with the first sound of the first', () => {
    const plays = [aPlay({ startedAtMs: 20, startupMs: 1, stallCount: 1, stalledMs: 5, peerCount: 1 }), aPlay({ startedAtMs: 10 })]
    expect(summarise(plays, { songs, earlier: NOTHING_EARLIER })).toMatchObject([
      { songId: 'a', title: 'A', deliveredBytes: 8_000_000, peerCount: 3, startupMs: 120, stallCount: 1 },
    ])
  })

  it('a play that another player had begun and ours went on with: is told', () => {
    const before = [aPlay({ isOver: false })]
    expect(summarise([aPlay({ isOver: true })], { songs, earlier: earlierPlaysOf(before) })).toHaveLength(1)
  })
})
