import { parseSongId } from '@evastream/core/ids'
import { fakeClock } from '@evastream/testkit/fake-clock'
import { expect, test } from 'vitest'
import { GatheredNews } from './gathered-news.ts'

const SONG = parseSongId('a-song')
const OTHER = parseSongId('another-song')

function newsOf() {
  const clock = fakeClock(0)
  const told: [number, string, string, readonly number[]][] = []
  const tell = (kind: string) => (songId: string, chunkIds: readonly number[]) => void told.push([clock.now(), kind, songId, chunkIds])
  const deps = { clock, timers: clock, tellHeld: tell('have'), tellArriving: tell('arriving') }
  return { clock, told, news: new GatheredNews(deps) }
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

test('gathered news: further blocks of chunks: are told at once, then together every 60 ms, each chunk once', () => {
  const { clock, news, told } = newsOf()
  news.note('arriving', SONG, [1, 2])
  clock.advance(5)
  news.noteBlocks(SONG, 1)
  for (let i = 0; i < 9; i++) {
    clock.advance(6)
    news.noteBlocks(SONG, i < 5 ? 1 : 2)
  }
  clock.advance(6)
  news.noteBlocks(SONG, 2)
  clock.advance(100)
  expect(told).toEqual([
    [0, 'arriving', SONG, [1, 2]],
    [5, 'arriving', SONG, [1]],
    [65, 'arriving', SONG, [1, 2]],
    [125, 'arriving', SONG, [2]],
  ])
  expect(clock.pendingCount).toBe(0)
})

test('gathered news: first blocks and stored chunks: do not wait for further blocks, which are told in their own time', () => {
  const { clock, news, told } = newsOf()
  news.noteBlocks(SONG, 1)
  clock.advance(10)
  news.noteBlocks(SONG, 1)
  news.noteBlocks(SONG, 2)
  news.note('arriving', SONG, [3])
  clock.advance(5)
  news.note('have', SONG, [4])
  clock.advance(100)
  expect(told).toEqual([
    [0, 'arriving', SONG, [1]],
    [10, 'arriving', SONG, [3]],
    [30, 'have', SONG, [4]],
    [60, 'arriving', SONG, [1, 2]],
  ])
  expect(clock.pendingCount).toBe(0)
})

test('gathered news: first blocks that wait when further ones are due: are told with them', () => {
  const { clock, news, told } = newsOf()
  news.noteBlocks(SONG, 1)
  clock.advance(55)
  news.note('arriving', SONG, [2])
  news.note('arriving', SONG, [3])
  news.noteBlocks(SONG, 1)
  news.noteBlocks(SONG, 3)
  clock.advance(100)
  expect(told.slice(1)).toEqual([
    [55, 'arriving', SONG, [2]],
    [60, 'arriving', SONG, [3, 1]],
  ])
})

test('gathered news: of a chunk that is stored while its blocks wait, only that it is held', () => {
  const { clock, news, told } = newsOf()
  news.noteBlocks(SONG, 1)
  news.noteBlocks(SONG, 1)
  news.noteBlocks(OTHER, 7)
  news.note('have', SONG, [1])
  clock.advance(100)
  expect(told.slice(1)).toEqual([
    [0, 'have', SONG, [1]],
    [60, 'arriving', OTHER, [7]],
  ])
})

test('gathered news: a flush while blocks wait: tells them too, and once', () => {
  const { clock, news, told } = newsOf()
  news.noteBlocks(SONG, 1)
  news.noteBlocks(SONG, 2)
  clock.advance(1)
  news.flush()
  news.noteBlocks(SONG, 2)
  clock.advance(100)
  expect(told.slice(1)).toEqual([
    [1, 'arriving', SONG, [2]],
    [61, 'arriving', SONG, [2]],
  ])
})

test('gathered news: more blocks of a chunk whose first one still waits: do not make it wait longer', () => {
  const { clock, news, told } = newsOf()
  news.noteBlocks(SONG, 1)
  news.note('arriving', SONG, [2])
  news.note('arriving', SONG, [3])
  news.noteBlocks(SONG, 3)
  clock.advance(100)
  expect(told.slice(1)).toEqual([
    [0, 'arriving', SONG, [2]],
    [20, 'arriving', SONG, [3]],
  ])
})
