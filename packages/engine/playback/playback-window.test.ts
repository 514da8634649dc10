import { KIB } from '@evastream/core/units'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PlaybackWindow, type PlaybackWindowOptions } from './playback-window.ts'

const CHUNK = 100_000

/** Ten chunks of 100,000 bytes at 100 bytes per ms: a chunk is a second of music; the window is 3 s. */
function windowWith(changes: Partial<PlaybackWindowOptions> = {}): PlaybackWindow {
  return new PlaybackWindow({
    shape: { fileSize: 10 * CHUNK, chunkSize: CHUNK, chunkCount: 10 },
    byteRateBytesPerSecond: 100_000,
    windowMs: 3000,
    windowChunks: 2,
    urgentChunksMax: 64,
    startBytes: 131_072,
    startBudgetMs: 1000,
    ...changes,
  })
}

type IsHere = (fromByte: number, sizeBytes: number) => boolean

const everythingIsHere: IsHere = () => true
const nothingIsHere: IsHere = () => false

/** The reader reads at this byte, along music that is here. */
function move(window: PlaybackWindow, positionBytes: number, at: number, isHere: IsHere = everythingIsHere): void {
  window.moved('reader', positionBytes, { at, isHere })
}

const urgentIds = (window: PlaybackWindow, now: number) => window.urgentChunks(now).map(({ chunkId }) => chunkId)

describe('playback window: nobody reads', () => {
  test('nothing is urgent, nothing has a deadline, nothing is needed', () => {
    const window = windowWith()
    expect(window.urgentChunks(0)).toEqual([])
    expect(window.deadlineOfByte(0)).toBeUndefined()
    expect(window.firstChunk).toBeUndefined()
    expect(window.readerCount).toBe(0)
  })
})

describe('playback window: play is pressed', () => {
  test('the first byte: is due after the start budget, later ones with the music', () => {
    const window = windowWith()
    move(window, 0, 500)
    expect(window.deadlineOfByte(0)).toBe(1500)
    expect(window.deadlineOfByte(250_000)).toBe(4000)
  })

  test('urgent: what is heard within the window', () => {
    const window = windowWith()
    move(window, 0, 500)
    expect(urgentIds(window, 500)).toEqual([0, 1, 2])
  })

  test('the music has not begun: the window does not slide yet', () => {
    const window = windowWith()
    move(window, 0, 500)
    expect(urgentIds(window, 1500)).toEqual([0, 1, 2])
  })

  test('a slow song: two chunks at least are urgent', () => {
    const window = windowWith({ byteRateBytesPerSecond: 1000 })
    move(window, 0, 0)
    expect(urgentIds(window, 0)).toEqual([0, 1])
  })

  test('a song of absurd byte rate: never more urgent chunks than the bound', () => {
    const window = windowWith({ byteRateBytesPerSecond: 1e12, urgentChunksMax: 4 })
    move(window, 0, 0)
    expect(urgentIds(window, 0)).toEqual([0, 1, 2, 3])
  })

  test.each([0, -5, Number.NaN, Number.POSITIVE_INFINITY])('a byte rate of %d: still finite deadlines', rate => {
    const window = windowWith({ byteRateBytesPerSecond: rate })
    move(window, 0, 0)
    expect(Number.isFinite(window.deadlineOfByte(5000))).toBe(true)
  })

  test('in the middle of a chunk: the chunk is due when the first byte needed is, and that byte is named', () => {
    const window = windowWith()
    move(window, 250_000, 0)
    expect(window.urgentChunks(0)[0]).toEqual({ chunkId: 2, deadlineAt: 1000, firstByte: 250_000 })
    expect(window.urgentChunks(0)[1]).toEqual({ chunkId: 3, deadlineAt: 1500, firstByte: 300_000 })
  })

  test('what lies behind the reader: has no deadline', () => {
    const window = windowWith()
    move(window, 250_000, 0)
    expect(window.deadlineOfByte(249_999)).toBeUndefined()
    expect(window.firstChunk).toBe(2)
  })
})

describe('playback window: the music goes on', () => {
  test('the reader reads ahead as fast as it can: deadlines stay with the music', () => {
    const window = windowWith()
    move(window, 0, 0)
    move(window, 450_000, 100)
    expect(window.deadlineOfByte(500_000)).toBe(5100)
    expect(urgentIds(window, 100)).toEqual([])
  })

  test('the music comes near to where the reader waits: the window reaches it', () => {
    const window = windowWith()
    move(window, 0, 0)
    move(window, 500_000, 100)
    expect(urgentIds(window, 100 + 1999)).toEqual([])
    expect(urgentIds(window, 100 + 2001)).toEqual([5])
    expect(urgentIds(window, 100 + 3500)).toEqual([5, 6])
  })

  test('the music waited for bytes that come now: from here on it goes on anew', () => {
    const window = windowWith()
    move(window, 0, 0)
    move(window, 100_000, 5000)
    expect(window.deadlineOfByte(100_000)).toBe(5000)
    expect(window.deadlineOfByte(200_000)).toBe(6000)
  })

  test('a reader that stands still, as in a pause: the window stays at it', () => {
    const window = windowWith()
    move(window, 200_000, 0)
    expect(urgentIds(window, 1_000_000)).toEqual([2, 3, 4])
  })

  test('the end of the song: nothing beyond it is urgent', () => {
    const window = windowWith()
    move(window, 850_000, 0)
    expect(urgentIds(window, 0)).toEqual([8, 9])
    move(window, 10 * CHUNK, 10)
    expect(urgentIds(window, 10)).toEqual([])
    expect(window.firstChunk).toBe(10)
  })

  test('a short last chunk read to its end: nothing is needed any more', () => {
    const window = windowWith({ shape: { fileSize: 150_000, chunkSize: CHUNK, chunkCount: 2 } })
    move(window, 150_000, 0)
    expect(window.firstChunk).toBe(2)
  })
})

describe('playback window: the first sound', () => {
  test('its first byte comes before the start budget is over: the music runs from then on', () => {
    const window = windowWith()
    move(window, 50_000, 0, nothingIsHere)
    window.audioCame(100, nothingIsHere)
    expect(window.deadlineOfByte(150_000)).toBe(2000)
    window.audioCame(200, (fromByte, sizeBytes) => fromByte === 50_000 && sizeBytes === 1)
    expect(window.deadlineOfByte(150_000)).toBe(1200)
    window.audioCame(900, everythingIsHere)
    expect(window.deadlineOfByte(150_000)).toBe(1200)
  })

  test('it comes late: the deadlines stay until the reader reads on', () => {
    const window = windowWith()
    move(window, 0, 0, nothingIsHere)
    window.audioCame(1500, everythingIsHere)
    expect(window.deadlineOfByte(100_000)).toBe(2000)
    move(window, 10_000, 1600, nothingIsHere)
    expect(window.deadlineOfByte(110_000)).toBe(2600)
  })
})

describe('playback window: jumps', () => {
  test('back: a new start with its budget', () => {
    const window = windowWith()
    move(window, 500_000, 0)
    move(window, 100_000, 5000)
    expect(window.deadlineOfByte(100_000)).toBe(6000)
    expect(urgentIds(window, 5000)).toEqual([1, 2, 3])
  })

  test('forward, over music that is not here: a new start with its budget', () => {
    const window = windowWith()
    move(window, 0, 0, nothingIsHere)
    move(window, 700_000, 5000, nothingIsHere)
    expect(window.deadlineOfByte(700_000)).toBe(6000)
  })

  test('forward, over music that is here: the reader only reads ahead', () => {
    const window = windowWith()
    move(window, 0, 0)
    move(window, 700_000, 500, (fromByte, sizeBytes) => fromByte === 0 && sizeBytes === 700_000)
    expect(window.deadlineOfByte(700_000)).toBe(7500)
  })

  test('a step within a chunk that is still arriving: no jump, and the music runs from then on', () => {
    const window = windowWith()
    move(window, 0, 0, nothingIsHere)
    move(window, 16 * KIB, 500, nothingIsHere)
    expect(window.deadlineOfByte(50_000)).toBe(1000)
  })

  test.each([
    ['before the start', -1000, 0],
    ['past the end', 1e12, 10],
  ])('%s: as far as the song goes', (_, position, firstChunk) => {
    const window = windowWith()
    move(window, position, 0)
    expect(window.firstChunk).toBe(firstChunk)
  })
})

describe('playback window: several readers', () => {
  test('two at different places: both are urgent, each chunk once', () => {
    const window = windowWith()
    window.moved('one', 0, { at: 0, isHere: nothingIsHere })
    window.moved('two', 150_000, { at: 100, isHere: nothingIsHere })
    expect(urgentIds(window, 100).sort()).toEqual([0, 1, 2, 3, 4])
    expect(window.firstChunk).toBe(0)
    expect(window.readerCount).toBe(2)
  })

  test('two that need the same chunk: the earlier deadline counts', () => {
    const window = windowWith()
    window.moved('late', 0, { at: 0, isHere: nothingIsHere })
    window.moved('soon', 200_000, { at: 100, isHere: nothingIsHere })
    expect(window.deadlineOfByte(250_000)).toBe(1600)
    expect(window.urgentChunks(100).find(({ chunkId }) => chunkId === 2)?.deadlineAt).toBe(1100)
  })

  test('one stops: only the other counts', () => {
    const window = windowWith()
    window.moved('one', 0, { at: 0, isHere: nothingIsHere })
    window.moved('two', 500_000, { at: 0, isHere: nothingIsHere })
    expect(window.stopped('one')).toBe(true)
    expect(window.firstChunk).toBe(5)
    expect(window.stopped('one')).toBe(false)
    expect(window.stopped('two')).toBe(true)
    expect(window.readerCount).toBe(0)
  })
})

describe('playback window: a reader that nobody hears', () => {
  test('it reads ahead: what it needs is urgent and due as for any other', () => {
    const window = windowWith()
    window.moved('ahead', 850_000, { at: 500, isHeard: false, isHere: nothingIsHere })
    expect(window.urgentChunks(500)).toMatchObject([{ chunkId: 8, deadlineAt: 1500 }, { chunkId: 9 }])
    expect(window.readerCount).toBe(1)
  })

  test('it comes, or seeks: nobody waits to hear it, next to one that is heard', () => {
    const window = windowWith()
    const isBeginner = (readerId: string, positionBytes: number, isHeard?: boolean) =>
      window.moved(readerId, positionBytes, { at: 500, isHere: nothingIsHere, ...(isHeard !== undefined && { isHeard }) })
    expect([isBeginner('ahead', 900_000, false), isBeginner('ahead', 500_000, false)]).toEqual([false, false])
    expect(window.beginnersSince(0)).toMatchObject([{ beganBytes: 500_000, isHeard: false }])
    expect([isBeginner('reader', 0), isBeginner('other', 100_000, true)]).toEqual([true, true])
    expect(window.beginnersSince(0).filter(({ isHeard }) => isHeard)).toMatchObject([
      { beganBytes: 0, beganAt: 500 },
      { beganBytes: 100_000 },
    ])
  })
})

test('playback window: wherever readers go: urgent chunks lie ahead of a reader, have the deadline of their first byte, and come once', () => {
  const step = fc.record({
    reader: fc.constantFrom('a', 'b'),
    position: fc.integer({ min: -10, max: 12 * CHUNK }),
    after: fc.nat(5000),
    isHere: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 20 }), steps => {
      const window = windowWith()
      let now = 0
      for (const { reader, position, after, isHere } of steps) {
        now += after
        window.moved(reader, position, { at: now, isHere: () => isHere })
        const urgent = window.urgentChunks(now)
        expect(new Set(urgent.map(({ chunkId }) => chunkId)).size).toBe(urgent.length)
        for (const { chunkId, deadlineAt, firstByte } of urgent) {
          expect(chunkId).toBeGreaterThanOrEqual(window.firstChunk ?? Number.POSITIVE_INFINITY)
          expect(Math.floor(firstByte / CHUNK)).toBe(chunkId)
          expect(deadlineAt).toBeGreaterThanOrEqual(window.deadlineOfByte(firstByte) ?? Number.POSITIVE_INFINITY)
        }
      }
    }),
    { seed: 1, numRuns: 300 },
  )
})
