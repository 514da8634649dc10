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
    book.fact(index * 10, peerId, fact)
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
    { kind: 'resumed', ...of, why: 'stall', waitedMs: 70 },
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
      stalledMs: 70,
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
