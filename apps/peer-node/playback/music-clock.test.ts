// Checks the reckoning of what a player has heard: how long its bytes last, and when it had to wait.

import { expect, it } from 'vitest'
import { MusicClock } from './music-clock.ts'

const clock = (positionBytes = 0) => new MusicClock({ positionBytes, byteRateBytesPerSecond: 1000 })

it('music clock: before the first sound: nothing was heard and nothing is waited for', () => {
  const music = clock()
  music.asked(5000)
  expect([music.hasBegun, music.bufferMs(9000)]).toEqual([false, 0])
  expect(music.given(1000, 9000)).toBe(0)
  expect(music.hasBegun).toBe(true)
})

it('music clock: bytes given: last as long as the byte rate says, from the first sound on', () => {
  const music = clock(500)
  music.given(2500, 100)
  expect([music.bufferMs(100), music.bufferMs(1100), music.bufferMs(2100), music.bufferMs(9000)]).toEqual([2000, 1000, 0, 0])
  expect(music.durationOfMs(3000)).toBe(3000)
})

it('music clock: bytes that come in time: are not waited for', () => {
  const music = clock()
  music.given(1000, 0)
  music.asked(10)
  expect(music.given(2000, 900)).toBe(0)
  expect(music.bufferMs(900)).toBe(1100)
})

it('music clock: bytes that come late: were waited for since the buffer ran dry, and the music goes on from then', () => {
  const music = clock()
  music.given(1000, 0)
  music.asked(10)
  expect(music.given(2000, 1700)).toBe(700)
  expect(music.bufferMs(1700)).toBe(1000)
})

it('music clock: a player that asks again long after its buffer ran dry paused: only the time from its asking on is waited', () => {
  const music = clock()
  music.given(1000, 0)
  music.asked(60_000)
  expect(music.given(2000, 60_080)).toBe(80)
  expect(music.bufferMs(60_080)).toBe(1000)
})
