// Checks the sentences that put real processes beside their prediction.

import { expect, it } from 'vitest'
import { comparisonsOf } from './playback-comparison.ts'
import { measurementOf } from './playback-measurement.ts'

const runOf = (startupMs: number, originBytes: number) => {
  const plays = [{ startupMs, silentForMs: 0, stallCount: 0, stalledMs: 0, seekMs: [] }]
  return { originBytes, peerBytes: 0, wastedBytes: 0, songBytes: 100, plays, starts: plays }
}

it('comparison: a scenario measured in both settings: one sentence with both figures; in one only: none', () => {
  const simulated = measurementOf({ scenario: 'six-together', setting: 'simulated' }, [runOf(20, 280)])
  const processes = measurementOf({ scenario: 'six-together', setting: 'processes' }, [runOf(300, 290)])
  const calm = measurementOf({ scenario: 'calm', setting: 'simulated' }, [runOf(20, 100)])
  const [sentence, ...others] = comparisonsOf([calm, simulated, processes])
  expect(sentence).toContain(
    'six-together: start p50 300 ms measured, 20 ms predicted; origin copies 2.90 measured, 2.80 predicted; stalls 0 and 0.',
  )
  expect(others).toEqual([])
})
