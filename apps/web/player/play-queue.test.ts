import fc from 'fast-check'
import { expect, test } from 'vitest'
import { indexAfter, type PlayQueue, shuffled, unshuffled, withNext, without } from './play-queue.ts'

const songs = ['a', 'b', 'c'].map(songId => ({ songId, title: songId, hasCover: false }))
const queueAt = (index: number): PlayQueue => ({ songs, index, unshuffled: undefined })

test('play queue: after the last song comes the end, or the first one when all are repeated', () => {
  expect([0, 2].map(index => indexAfter(queueAt(index), 'off', false))).toEqual([1, undefined])
  expect(indexAfter(queueAt(2), 'all', false)).toBe(0)
})

test('play queue: one song repeated comes again by itself, and is left by who asks for the next', () => {
  expect([indexAfter(queueAt(1), 'one', false), indexAfter(queueAt(1), 'one', true)]).toEqual([1, 2])
})

test('play queue: shuffled and put back, no song is lost and the one that plays goes on playing', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 }), fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })), (index, chances) => {
      const mixed = shuffled(queueAt(index), () => chances.next().value ?? 0)
      expect(mixed.songs[mixed.index]).toBe(songs[index])
      expect(mixed.songs.toSorted((a, b) => a.songId.localeCompare(b.songId))).toEqual(songs)
      expect(unshuffled(mixed)).toEqual(queueAt(index))
    }),
  )
})

test('play queue: a song put next or taken out leaves the playing one in place', () => {
  const next = { songId: 'd', title: 'd', hasCover: false }
  expect(withNext(queueAt(1), next).songs.map(({ songId }) => songId)).toEqual(['a', 'b', 'd', 'c'])
  expect(without(queueAt(1), 0)).toMatchObject({ index: 0, songs: [{ songId: 'b' }, { songId: 'c' }] })
  expect(without(queueAt(1), 1)).toEqual(queueAt(1))
})
