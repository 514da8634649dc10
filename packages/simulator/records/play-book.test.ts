// The book of plays, written by hand-made facts.

import { parsePeerId, parseSongId } from '@evastream/core/ids'
import { expect, test } from 'vitest'
import { PlayBook } from './play-book.ts'
import type { Fact } from './simulation-observer.ts'

const peerId = parsePeerId('peer-1')
const songId = parseSongId('song-1')
const of = { songId, readerId: 'reader-1' }

function bookOf(...facts: readonly Fact[]): PlayBook {
  const book = new PlayBook()
  facts.forEach((fact, index) => {
    book.fact(index * 60, peerId, fact)
  })
  return book
}

test('play book: a play with a stall and a jump: each wait stands where it belongs', () => {
  const { plays } = bookOf(
    { kind: 'pressed', ...of, how: 'pressed' },
    { kind: 'stalled', ...of, chunkId: 0, why: 'start' },
    { kind: 'resumed', ...of, why: 'start', waitedMs: 150 },
    { kind: 'sounded', ...of, why: 'start', waitedMs: 150 },
    { kind: 'stalled', ...of, chunkId: 1, why: 'stall' },
    { kind: 'resumed', ...of, why: 'stall', waitedMs: 60 },
    { kind: 'sounded', ...of, why: 'seek', waitedMs: 0 },
    { kind: 'play-ended', ...of, silentForMs: 0 },
  )
  expect(plays).toEqual([
    {
      ...of,
      peerId,
      how: 'pressed',
      pressedAt: 0,
      startupMs: 150,
      seekMs: [0],
      stallCount: 1,
      stalledMs: 60,
      silentForMs: 0,
      isOver: true,
    },
  ])
})

test('play book: a play that never sounded: has no start, and how long it was waited for', () => {
  const { plays } = bookOf({ kind: 'pressed', ...of, how: 'queued' }, { kind: 'play-ended', ...of, silentForMs: 900 })
  expect(plays).toMatchObject([{ startupMs: undefined, silentForMs: 900, how: 'queued', isOver: true }])
})

test('play book: a reader of the same name after a restart: a play of its own', () => {
  const { plays } = bookOf(
    { kind: 'pressed', ...of, how: 'pressed' },
    { kind: 'pressed', ...of, how: 'pressed' },
    { kind: 'sounded', ...of, why: 'start', waitedMs: 5 },
  )
  expect(plays.map(({ startupMs }) => startupMs)).toEqual([undefined, 5])
})

test('play book: silence that a buffer hides is no stall; one that a jump or the end cuts short is one', () => {
  const book = new PlayBook()
  const tell = (at: number, fact: Fact) => book.fact(at, peerId, fact)
  tell(0, { kind: 'pressed', ...of, how: 'pressed' })
  tell(1000, { kind: 'stalled', ...of, chunkId: 1, why: 'stall' })
  tell(1049, { kind: 'resumed', ...of, why: 'stall', waitedMs: 49 })
  expect(book.plays[0]).toMatchObject({ stallCount: 0, stalledMs: 0 })
  tell(2000, { kind: 'stalled', ...of, chunkId: 1, why: 'stall' })
  tell(2300, { kind: 'sounded', ...of, why: 'seek', waitedMs: 0 })
  expect(book.plays[0]).toMatchObject({ stallCount: 1, stalledMs: 300 })
  tell(3000, { kind: 'stalled', ...of, chunkId: 1, why: 'stall' })
  tell(3100, { kind: 'play-ended', ...of, silentForMs: 100 })
  expect(book.plays[0]).toMatchObject({ stallCount: 2, stalledMs: 400 })
})
