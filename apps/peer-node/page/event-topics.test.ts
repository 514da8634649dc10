import type { Readable } from 'node:stream'
import { parseSongId } from '@evastream/core/ids'
import { type FakeClock, fakeClock } from '@evastream/testkit/fake-clock'
import { beforeEach, expect, test } from 'vitest'
import { EventTopics } from './event-topics.ts'

let clock: FakeClock
let topics: EventTopics
let value: object[]
let readCount: number

beforeEach(() => {
  clock = fakeClock()
  topics = new EventTopics({ timers: clock })
  value = [{ count: 1 }]
  readCount = 0
  topics.add({
    name: 'status',
    intervalMs: 100,
    read: () => {
      readCount++
      return value
    },
  })
  topics.add({ name: 'song', intervalMs: 100, read: ({ songIds }) => songIds.map(songId => ({ songId })) })
})

function told(watcher: Readable | undefined): string[] {
  const data: Buffer | null | undefined = watcher?.read()
  return String(data ?? '')
    .split('\n\n')
    .filter(text => text !== '')
}

test('event topics: a watcher gets the values of now first, and then only what has changed', () => {
  const watcher = topics.watch(['status'], { songIds: [] })
  expect(told(watcher)).toEqual(['retry: 1000', 'event: status\ndata: {"count":1}'])
  clock.advance(1000)
  expect(told(watcher)).toEqual([])
  value = [{ count: 2 }]
  clock.advance(100)
  expect(told(watcher)).toEqual(['event: status\ndata: {"count":2}'])
})

test('event topics: each song that is asked about has its own value', () => {
  const watcher = topics.watch(['song'], { songIds: ['a', 'b'].map(parseSongId) })
  expect(told(watcher).slice(1)).toEqual(['event: song\ndata: {"songId":"a"}', 'event: song\ndata: {"songId":"b"}'])
})

test('event topics: a watcher that does not read gets the newest value when it does, and costs no more', () => {
  const watcher = topics.watch(['status'], { songIds: [] })
  for (let count = 2; count < 500; count++) {
    value = [{ count }]
    clock.advance(100)
  }
  expect(told(watcher).filter(text => text.startsWith('event'))).toEqual(['event: status\ndata: {"count":1}'])
  clock.advance(100)
  expect(told(watcher)).toEqual(['event: status\ndata: {"count":499}'])
})

test('event topics: a name of no topic stays silent, and too many watchers are refused', () => {
  expect(told(topics.watch(['nothing', 'status'], { songIds: [] }))).toHaveLength(2)
  for (let count = 1; count < 64; count++) expect(topics.watch([], { songIds: [] })).toBeDefined()
  expect(topics.watch([], { songIds: [] })).toBeUndefined()
})

test('event topics: nobody watches any more: nothing is read and no timer stays', async () => {
  const watcher = topics.watch(['status', 'status'], { songIds: [] })
  watcher?.destroy()
  await new Promise(resolve => setImmediate(resolve))
  const before = readCount
  clock.advance(1000)
  expect([readCount - before, clock.pendingCount]).toEqual([0, 0])
})
