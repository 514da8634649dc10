import { parseSongId } from '@evastream/core/ids'
import { fakeClock } from '@evastream/testkit/fake-clock'
import { expect, test } from 'vitest'
import { GatheredHaves } from './gathered-haves.ts'

const SONG = parseSongId('a-song')
const OTHER = parseSongId('another-song')

function havesOf() {
  const clock = fakeClock(0)
  const told: [number, string, readonly number[]][] = []
  const haves = new GatheredHaves({ clock, timers: clock, tell: (songId, chunkIds) => void told.push([clock.now(), songId, chunkIds]) })
  return { clock, haves, told }
}

test('gathered haves: a chunk that comes alone is told at once', () => {
  const { clock, haves, told } = havesOf()
  haves.note(SONG, [1])
  clock.advance(50)
  haves.note(SONG, [2])
  expect(told).toEqual([
    [0, SONG, [1]],
    [50, SONG, [2]],
  ])
})

test('gathered haves: chunks that follow closely are told together, in order, within 20 ms', () => {
  const { clock, haves, told } = havesOf()
  haves.note(SONG, [1])
  haves.note(SONG, [2])
  clock.advance(10)
  haves.note(OTHER, [7])
  haves.note(SONG, [3])
  clock.advance(10)
  expect(told).toEqual([
    [0, SONG, [1]],
    [20, SONG, [2, 3]],
    [20, OTHER, [7]],
  ])
  expect(clock.pendingCount).toBe(0)
})

test('gathered haves: a flush tells at once what was to wait, and once', () => {
  const { clock, haves, told } = havesOf()
  haves.note(SONG, [1])
  haves.note(SONG, [2])
  haves.flush()
  clock.advance(50)
  expect(told).toEqual([
    [0, SONG, [1]],
    [0, SONG, [2]],
  ])
})
