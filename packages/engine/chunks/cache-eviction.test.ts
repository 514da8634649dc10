// The choice of what leaves the cache: by examples, and for any cache.
// Not the acting: the peer node's cache keeper is tested with files.
// Invariant: the properties hold for songs in every mixture of kept, played, rare and unknown.

import { parseSongId } from '@evastream/core/ids'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type CachedSong, nextVictim, type Victim } from './cache-eviction.ts'

const EXTENT_BYTES = 100
const NO_ROOM = { roomBytes: 0 }
const MUCH_ROOM = { roomBytes: 1e9 }

/** A song of whole extents with two chunks in each, all held, that others hold too unless `more` says otherwise. */
function aSong(name: string, extentCount = 2, more: Partial<CachedSong> = {}): CachedSong {
  return {
    songId: parseSongId(name),
    fileSize: extentCount * EXTENT_BYTES,
    isKept: false,
    readerPositions: undefined,
    copies: Array.from({ length: 2 * extentCount }, () => 1),
    extents: Array.from({ length: extentCount }, (_, extent) => ({
      extent,
      heldChunkIds: [2 * extent, 2 * extent + 1],
      endByte: (extent + 1) * EXTENT_BYTES,
    })),
    ...more,
  }
}

/** Every victim in its order, until nothing may go. */
function victimsOf(songs: readonly CachedSong[], room = MUCH_ROOM): Victim[] {
  const victims: Victim[] = []
  for (let left = songs; ; ) {
    const victim = nextVictim(left, room)
    if (victim === undefined) return victims
    victims.push(victim)
    left = left.map(song =>
      song.songId === victim.songId ? { ...song, extents: song.extents.filter(({ extent }) => extent !== victim.extent) } : song,
    )
  }
}

const namesOf = (victims: readonly Victim[]) => victims.map(({ songId, extent }) => `${songId} ${extent}`)

describe('cache eviction', () => {
  it('songs that others hold as well: the least recently used goes first, each from its end', () => {
    expect(namesOf(victimsOf([aSong('old'), aSong('new')]))).toEqual(['old 1', 'old 0', 'new 1', 'new 0'])
  })

  it('a kept song: never goes, also when it is played or nothing else is left', () => {
    const kept = aSong('kept', 2, { isKept: true })
    const playedToo = aSong('both', 2, { isKept: true, readerPositions: [200] })
    expect(victimsOf([kept, playedToo], NO_ROOM)).toEqual([])
  })

  it('one chunk that only this peer holds: its extent goes last, whenever its song was used', () => {
    const rare = aSong('rare', 2, { copies: [1, 1, 1, 0] })
    expect(victimsOf([rare, aSong('common', 1)])).toEqual([
      { songId: 'rare', extent: 0, standing: 'elsewhere' },
      { songId: 'common', extent: 0, standing: 'elsewhere' },
      { songId: 'rare', extent: 1, standing: 'only-here' },
    ])
  })

  it('nobody knows who holds a song: it goes in its turn, and that is said', () => {
    expect(victimsOf([aSong('dark', 1, { copies: undefined }), aSong('common', 1)]).map(({ standing }) => standing)).toEqual([
      'unknown',
      'elsewhere',
    ])
  })

  it('an extent in which no chunk is held: is no loss to anybody', () => {
    const hollow = aSong('hollow', 1, { copies: [0, 0], extents: [{ extent: 0, heldChunkIds: [], endByte: 0 }] })
    expect(victimsOf([hollow])).toEqual([{ songId: 'hollow', extent: 0, standing: 'elsewhere' }])
  })

  it('a song being played that fits: never goes', () => {
    expect(victimsOf([aSong('played', 3, { readerPositions: [299] })], { roomBytes: 300 })).toEqual([])
  })

  it('a song being played that is larger than the room: what all readers left behind goes, after everything else, from its beginning', () => {
    const played = aSong('played', 4, { readerPositions: [399, 250] })
    const rare = aSong('rare', 1, { copies: [0, 0] })
    expect(victimsOf([played, rare], { roomBytes: 399 })).toEqual([
      { songId: 'rare', extent: 0, standing: 'only-here' },
      { songId: 'played', extent: 0, standing: 'behind-readers' },
      { songId: 'played', extent: 1, standing: 'behind-readers' },
    ])
  })

  it('a reader whose chunk begins in the extent before: that extent stays', () => {
    const straddling = [{ extent: 0, heldChunkIds: [0, 1], endByte: 130 }]
    const at = (position: number) => victimsOf([aSong('played', 2, { readerPositions: [position], extents: straddling })], NO_ROOM)
    expect([at(129).length, at(130).length]).toEqual([0, 1])
  })

  it('a song being played whose readers have no place yet: stays whole', () => {
    expect(victimsOf([aSong('played', 2, { readerPositions: [] })], NO_ROOM)).toEqual([])
  })

  const anySongs = fc
    .array(
      fc.record({
        extentCount: fc.integer({ min: 0, max: 4 }),
        isKept: fc.boolean(),
        readerPositions: fc.option(fc.array(fc.nat(500), { maxLength: 3 }), { nil: undefined }),
        copies: fc.option(fc.array(fc.nat(2), { minLength: 8, maxLength: 8 }), { nil: undefined }),
      }),
      { maxLength: 6 },
    )
    .map(songs => songs.map(({ extentCount, ...more }, index) => aSong(`song-${index}`, extentCount, more)))

  it('any cache: everything that may go does, once, and the rest never', () => {
    fc.assert(
      fc.property(anySongs, fc.nat(500), (songs, roomBytes) => {
        const victims = victimsOf(songs, { roomBytes })
        expect(new Set(namesOf(victims)).size).toBe(victims.length)
        const mayGo = songs.flatMap(({ songId, isKept, readerPositions, fileSize, extents }) =>
          extents
            .filter(({ endByte }) => {
              if (isKept) return false
              if (readerPositions === undefined) return true
              return fileSize > roomBytes && readerPositions.length > 0 && readerPositions.every(position => position >= endByte)
            })
            .map(({ extent }) => `${songId} ${extent}`),
        )
        expect(namesOf(victims).sort()).toEqual(mayGo.sort())
      }),
      { seed: 5, numRuns: 500 },
    )
  })

  it('any cache: last copies after all others, the played after those, and else by age', () => {
    const rank = { elsewhere: 0, unknown: 0, 'only-here': 1, 'behind-readers': 2 }
    fc.assert(
      fc.property(anySongs, fc.nat(500), (songs, roomBytes) => {
        const age = (victim: Victim) => songs.findIndex(({ songId }) => songId === victim.songId)
        const keys = victimsOf(songs, { roomBytes }).map(victim => rank[victim.standing] * 100 + age(victim))
        expect(keys).toEqual([...keys].sort((left, right) => left - right))
      }),
      { seed: 6, numRuns: 500 },
    )
  })
})
