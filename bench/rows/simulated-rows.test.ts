// Simulated crowds as rows.

import type { CrowdFigures } from '@evastream/simulator/worlds/crowd-figures'
import { expect, test } from 'vitest'
import { isMet } from '../bench-row.ts'
import { rowsOf, worldNamesOf } from './simulated-rows.ts'

const RUN: CrowdFigures = {
  ...{ world: 'crowd-killed-50', seed: 1, peerCount: 50, survivorCount: 40, finishedCount: 40, copies: 1.2 },
  ...{ lastPeerMs: 8000, boundMs: 7000, boundRatio: 1.14, firstSoundP50Ms: 300, firstSoundP95Ms: 900, wasteRatio: 0.01 },
}

test('simulated rows: copies and those who never finished are always judged, the bound and first sounds where there is a bar', () => {
  expect(rowsOf('w', { copies: 1.25 }, [RUN]).map(isMet)).toEqual([true, true])
  expect(rowsOf('w', { copies: 1.25, boundRatio: 1.1, isHeard: true }, [RUN]).map(isMet)).toEqual([true, true, false, true, true])
})

test('simulated rows: one peer that never finished: the row is missed, and so is the bound', () => {
  const stuck: CrowdFigures = { ...RUN, finishedCount: 39, lastPeerMs: undefined, boundRatio: undefined }
  expect(rowsOf('w', { copies: 1.25, boundRatio: 1.3 }, [stuck]).map(isMet)).toEqual([true, false, false])
})

test('simulated worlds: those of 200 and 500 are apart', () => {
  expect(worldNamesOf('large')).toHaveLength(4)
  expect(worldNamesOf('small')).toContain('crowd-trackerless-50')
})
