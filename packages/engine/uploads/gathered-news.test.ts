// News of chunks, told as a caller with a timer tells them: when they are due, and not before.
// Not who hears of them, nor the blocks of what is arriving.

import { parseSongId } from '@evastream/core/ids'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type ChunkNewsKind, GATHER_MS, GatheredNews, type SongNews } from './gathered-news.ts'

const SONG = parseSongId('a-song')
const OTHER = parseSongId('another-song')

/** Tells what is due as time passes. */
function newsOf() {
  const news = new GatheredNews()
  const told: [number, readonly SongNews[]][] = []
  let now = 0
  const tellDue = () => void (news.dueAt <= now && told.push([now, news.take(now)]))
  const note = (kind: ChunkNewsKind, chunkIds: readonly number[], songId = SONG) => {
    news.note(kind, songId, chunkIds)
    tellDue()
  }
  const passTo = (at: number) => {
    now = Math.min(at, Math.max(now, news.dueAt))
    tellDue()
    now = at
  }
  return { news, told, note, passTo }
}

test('gathered news: nothing was noted: nothing is ever due, and there is nothing to take', () => {
  const { news, told, note } = newsOf()
  expect([news.dueAt, news.take(0)]).toEqual([Number.POSITIVE_INFINITY, []])
  note('have', [])
  expect([news.dueAt, news.take(500), told]).toEqual([Number.POSITIVE_INFINITY, [], []])
  note('have', [1])
  expect([told.length, news.dueAt, news.take(0)]).toEqual([1, Number.POSITIVE_INFINITY, []])
})

test('gathered news: what comes alone: is told at once', () => {
  const { told, note, passTo } = newsOf()
  note('arriving', [1])
  passTo(GATHER_MS)
  note('have', [1])
  expect(told).toEqual([
    [0, [{ songId: SONG, held: [], arriving: [1] }]],
    [GATHER_MS, [{ songId: SONG, held: [1], arriving: [] }]],
  ])
})

test('gathered news: what follows within 100 ms, of several songs: is told together, in the order it came', () => {
  const { told, note, passTo } = newsOf()
  note('have', [1])
  passTo(10)
  note('arriving', [9, 3])
  note('have', [7], OTHER)
  passTo(90)
  note('have', [2])
  note('arriving', [9])
  passTo(1000)
  const together = [
    { songId: SONG, held: [2], arriving: [9, 3] },
    { songId: OTHER, held: [7], arriving: [] },
  ]
  expect(told.slice(1)).toEqual([[100, together]])
})

test('gathered news: of a chunk that is stored while its blocks wait to be told: only that it is held', () => {
  const { told, note, passTo } = newsOf()
  note('arriving', [1])
  note('arriving', [1, 2])
  note('have', [2])
  passTo(1000)
  expect(told.slice(1)).toEqual([[100, [{ songId: SONG, held: [2], arriving: [1] }]]])
})

test('gathered news: taken before its time: is told once, and what comes then waits from there on', () => {
  const { news, told, note, passTo } = newsOf()
  note('have', [1])
  passTo(30)
  note('have', [2])
  expect(news.take(30)).toEqual([{ songId: SONG, held: [2], arriving: [] }])
  note('have', [3])
  expect(news.dueAt).toBe(130)
  passTo(1000)
  expect(told.slice(1)).toEqual([[130, [{ songId: SONG, held: [3], arriving: [] }]]])
})

test('gathered news: whatever comes when: is told within 100 ms, no more often than that, and the last word of each chunk is its last', () => {
  const fact = fc.record({ kind: fc.constantFrom<ChunkNewsKind>('have', 'arriving'), chunkId: fc.nat(3), after: fc.nat(150) })
  fc.assert(
    fc.property(fc.array(fact, { minLength: 1, maxLength: 30 }), facts => {
      const { told, note, passTo } = newsOf()
      const lastNoted = new Map<number, ChunkNewsKind>()
      const notedAt: number[] = []
      let now = 0
      for (const { kind, chunkId, after } of facts) {
        now += after
        passTo(now)
        note(kind, [chunkId])
        lastNoted.set(chunkId, kind)
        notedAt.push(now)
      }
      passTo(now + GATHER_MS)
      const toldAt = told.map(([at]) => at)
      for (const at of notedAt) expect(toldAt.some(other => other >= at && other <= at + GATHER_MS)).toBe(true)
      for (const [index, at] of toldAt.entries()) expect(at - (toldAt[index - 1] ?? -GATHER_MS)).toBeGreaterThanOrEqual(GATHER_MS)
      const lastTold = new Map<number, ChunkNewsKind>()
      for (const { held, arriving } of told.flatMap(([, news]) => news)) {
        for (const chunkId of held) lastTold.set(chunkId, 'have')
        for (const chunkId of arriving) lastTold.set(chunkId, 'arriving')
        expect(new Set([...held, ...arriving]).size).toBe(held.length + arriving.length)
      }
      expect(lastTold).toEqual(lastNoted)
    }),
    { seed: 1, numRuns: 300 },
  )
})
