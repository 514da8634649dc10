// From plays to figures, and from figures to a verdict.

import { expect, test } from 'vitest'
import { type MeasuredPlay, measurementOf, missesOf, originCopiesOf, type PlaybackRun, percentilesOf } from './playback-measurement.ts'

const NAME = { scenario: 'calm', setting: 'simulated' } as const

function aPlay(words: Partial<MeasuredPlay> = {}): MeasuredPlay {
  return { startupMs: 100, silentForMs: 0, stallCount: 0, stalledMs: 0, seekMs: [], ...words }
}

function aRun(plays: readonly MeasuredPlay[], starts = plays): PlaybackRun {
  return { plays, starts, originBytes: 1000, peerBytes: 3000, wastedBytes: 40, songBytes: 800 }
}

test('percentiles: are values that were measured, by nearest rank; of nothing there are none', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index)
  expect(percentilesOf(hundred)).toEqual({ p50: 50, p95: 95, p99: 99, max: 100 })
  expect(percentilesOf([7])).toEqual({ p50: 7, p95: 7, p99: 7, max: 7 })
  expect(percentilesOf([])).toBeUndefined()
})

test('measurement: runs together: plays, stalls and bytes add up, and copies count each run that began with nothing', () => {
  const stalled = aPlay({ stallCount: 2, stalledMs: 300, seekMs: [10, 30] })
  const measured = measurementOf(NAME, [aRun([aPlay(), stalled]), aRun([aPlay()])])
  expect(measured).toMatchObject({ runCount: 2, playCount: 3, stallCount: 2, stalledPlayCount: 1, stalledMs: 300, seekCount: 2 })
  expect(originCopiesOf(measured)).toBe(2000 / 1600)
})

test('measurement: only the starts that are asked for are in the percentiles; stalls count in all plays', () => {
  const measured = measurementOf(NAME, [
    aRun([aPlay({ startupMs: 900, stallCount: 1 }), aPlay({ startupMs: 0 })], [aPlay({ startupMs: 0 })]),
  ])
  expect(measured.startupMs?.max).toBe(0)
  expect(measured.stalledPlayCount).toBe(1)
})

test('measurement: silence until the listener left: counts as long as it lasted, unless it was short', () => {
  const silent = (silentForMs: number) => aPlay({ startupMs: undefined, silentForMs })
  expect(measurementOf(NAME, [aRun([silent(4000), aPlay()])]).startupMs?.max).toBe(4000)
  expect(measurementOf(NAME, [aRun([silent(100), aPlay()])]).startupMs?.max).toBe(100)
  expect(measurementOf(NAME, [aRun([silent(100)])]).startupMs).toBeUndefined()
})

test('bars: each figure on its bar meets it, and above it misses it', () => {
  const plays = [aPlay({ seekMs: [50] }), aPlay({ stallCount: 1, stalledMs: 10 })]
  const measured = measurementOf(NAME, [aRun(plays)])
  const exact = { startupP50Ms: 100, startupP95Ms: 100, seekP95Ms: 50, stallCountMax: 1, stalledPlaysRatioMax: 0.5, wasteRatioMax: 0.01 }
  expect(missesOf(measured, exact)).toEqual([])
  expect(missesOf(measured, {})).toEqual([])
  const tight = { startupP50Ms: 99, startupP95Ms: 99, seekP95Ms: 49, stallCountMax: 0, stalledPlaysRatioMax: 0.49, wasteRatioMax: 0.009 }
  expect(missesOf(measured, tight)).toEqual([
    'startup p50 100 > 99 ms',
    'startup p95 100 > 99 ms',
    'seek p95 50 > 49 ms',
    'stalls 1 > 0',
    'stalled plays 50 > 49 %',
    'waste 1 > 0.9 %',
  ])
})

test('bars: a figure that was not measured misses its bar', () => {
  expect(missesOf(measurementOf(NAME, []), { startupP95Ms: 500 })).toEqual(['startup p95: nothing measured (≤ 500 ms)'])
})
