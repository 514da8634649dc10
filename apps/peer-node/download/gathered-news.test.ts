import { parseSongId } from '@evastream/core/ids'
import { fakeClock } from '@evastream/testkit/fake-clock'
import { expect, test } from 'vitest'
import { GatheredNews } from './gathered-news.ts'

const SONG = parseSongId('a-song')
const OTHER = parseSongId('another-song')

function newsOf() {
  const clock = fakeClock(0)
  const told: [number, string, string, readonly number[]][] = []
  const tell = (kind: string, songId: string, chunkIds: readonly number[]) => void told.push([clock.now(), kind, songId, chunkIds])
  return { clock, told, news: new GatheredNews({ clock, timers: clock, tell }) }
}

test('gathered news: a chunk that comes alone is told at once', () => {
  const { clock, news, told } = newsOf()
  news.note('arriving', SONG, [1])
  clock.advance(50)
  news.note('have', SONG, [1])
  expect(told).toEqual([
    [0, 'arriving', SONG, [1]],
    [50, 'have', SONG, [1]],
  ])
})

test('gathered news: chunks that follow closely are told together, in order, within 20 ms', () => {
  const { clock, news, told } = newsOf()
  news.note('have', SONG, [1])
  news.note('have', SONG, [2])
  clock.advance(10)
  news.note('have', OTHER, [7])
  news.note('arriving', SONG, [9])
  news.note('have', SONG, [3])
  clock.advance(10)
  expect(told).toEqual([
    [0, 'have', SONG, [1]],
    [20, 'have', SONG, [2, 3]],
    [20, 'arriving', SONG, [9]],
    [20, 'have', OTHER, [7]],
  ])
  expect(clock.pendingCount).toBe(0)
})

test('gathered news: of a chunk that is stored before its arriving was told, only that it is held', () => {
  const { clock, news, told } = newsOf()
  news.note('have', SONG, [1])
  news.note('arriving', SONG, [2])
  news.note('have', SONG, [2])
  clock.advance(20)
  expect(told.slice(1)).toEqual([[20, 'have', SONG, [2]]])
})

test('gathered news: a flush tells at once what was to wait, and once', () => {
  const { clock, news, told } = newsOf()
  news.note('have', SONG, [1])
  news.note('have', SONG, [2])
  news.flush()
  clock.advance(50)
  expect(told).toEqual([
    [0, 'have', SONG, [1]],
    [0, 'have', SONG, [2]],
  ])
})
