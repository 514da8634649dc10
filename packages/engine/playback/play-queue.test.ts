import { parseSongId, type SongId } from '@evastream/core/ids'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { defaultEngineConfig } from '../config.ts'
import { type PlayingSong, PlayQueue } from './play-queue.ts'

const [a, b, c, d, e, f] = ['a', 'b', 'c', 'd', 'e', 'f'].map(parseSongId) as [SongId, SongId, SongId, SongId, SongId, SongId]

function queued(...songIds: SongId[]): PlayQueue {
  const queue = new PlayQueue(defaultEngineConfig)
  queue.replace(songIds)
  return queue
}

function playing(songId: SongId, endsAt: number, beganAt = 0): PlayingSong {
  return { songId, endsAt, beganAt }
}

const extents = (queue: PlayQueue, songs: readonly PlayingSong[], now: number) =>
  queue.outlook(songs, now).songs.map(({ songId, extent }) => `${songId} ${extent}`)

describe('play queue', () => {
  test('empty: nothing is wanted ahead, and nothing changes by itself', () => {
    expect(queued().outlook([playing(a, 5000)], 0)).toEqual({ songs: [], changesAt: Number.POSITIVE_INFINITY })
  })

  test('much of the music remains: of the next song and of three more the first chunk', () => {
    const queue = queued(b, c, d, e, f)
    expect(extents(queue, [playing(a, 200_000)], 0)).toEqual(['b first-chunk', 'c first-chunk', 'd first-chunk', 'e first-chunk'])
    expect(queue.outlook([playing(a, 200_000)], 0).changesAt).toBe(170_000)
  })

  test('half a minute remains: the next one whole, from the origin when ten seconds do', () => {
    const queue = queued(b, c, d, e, f)
    expect(extents(queue, [playing(a, 200_000)], 169_999)[0]).toBe('b first-chunk')
    expect(queue.outlook([playing(a, 200_000)], 170_000)).toEqual({
      songs: [
        { songId: b, extent: 'whole', originFrom: 190_000 },
        ...[c, d, e].map(songId => ({ songId, extent: 'first-chunk', originFrom: Number.POSITIVE_INFINITY })),
      ],
      changesAt: 190_000,
    })
    expect(queue.outlook([playing(a, 200_000)], 190_000).changesAt).toBe(Number.POSITIVE_INFINITY)
  })

  test('the music waits, or the listener steps back a little: the next one stays wanted; far back, it does not', () => {
    const queue = queued(b)
    expect(extents(queue, [playing(a, 30_000)], 0)).toEqual(['b whole'])
    expect(extents(queue, [playing(a, 45_000)], 0)).toEqual(['b whole'])
    expect(extents(queue, [playing(a, 45_001)], 0)).toEqual(['b first-chunk'])
    expect(extents(queue, [playing(a, 30_001)], 0)).toEqual(['b first-chunk'])
  })

  test('nobody plays: the first chunks, and no more', () => {
    expect(extents(queued(b, c), [], 1e9)).toEqual(['b first-chunk', 'c first-chunk'])
  })

  test('the player opens the next song early: the queue follows that one', () => {
    const queue = queued(c, d)
    expect(extents(queue, [playing(a, 10_000, 0), playing(b, 200_000, 9000)], 9000)).toEqual(['c first-chunk', 'd first-chunk'])
  })

  test('a song that is played already, or named twice: not wanted ahead a second time', () => {
    expect(extents(queued(b, a, b, c), [playing(a, 1000)], 0)).toEqual(['b whole', 'c first-chunk'])
  })

  test('whatever is queued and played: at most one whole and three beginnings, none of them being played', () => {
    const song = fc.constantFrom(a, b, c, d, e, f)
    const play = fc.record({ songId: song, endsAt: fc.nat(100_000), beganAt: fc.nat(1000) })
    fc.assert(
      fc.property(fc.array(song), fc.array(fc.tuple(fc.array(play), fc.nat(100_000))), (songIds, looks) => {
        const queue = queued(...songIds)
        for (const [songs, now] of looks) {
          const outlook = queue.outlook(songs, now)
          expect(outlook.songs.length).toBeLessThanOrEqual(4)
          expect(outlook.songs.slice(1).every(({ extent }) => extent === 'first-chunk')).toBe(true)
          expect(outlook.songs.some(({ songId }) => songs.some(other => other.songId === songId))).toBe(false)
          expect(outlook.changesAt).toBeGreaterThan(now)
        }
      }),
      { seed: 1, numRuns: 300 },
    )
  })
})
