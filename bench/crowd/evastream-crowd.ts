// EvaStream as one of the systems that a crowd can be served by: shaped links with players, or loopback with downloads.
// Not a judge.
// Invariant: the origin's copies are the origin's own count, over loopback and over links.

import { assert } from '@evastream/core/assert'
import { BenchTown } from '../bench-town.ts'
import { median } from '../median.ts'
import { inScratchPlace } from '../scratch-place.ts'
import { measureTransfer } from '../transfer/transfer-measurement.ts'
import type { CrowdFigures, CrowdPlan } from './crowd-plan.ts'
import { playTogether } from './crowd-play.ts'

export async function runEvaStream(plan: CrowdPlan): Promise<CrowdFigures> {
  const { links, songBytes, peerCount, killedCount = 0 } = plan
  if (links === undefined)
    return inScratchPlace(async directory => {
      const town = await BenchTown.open(directory)
      try {
        return await measureTransfer(town, { peerCount, songBytes })
      } finally {
        await town.close()
      }
    })
  const { seconds, originSentBytes, cpuSeconds, peakPeerBytes, plays, statuses } = await playTogether({ ...plan, links })
  assert(plays.length === peerCount - killedCount, 'every peer that lived played the song')
  const wantedBytes = plays.length * songBytes
  return {
    seconds,
    originCopies: originSentBytes / songBytes,
    firstSeconds: median(plays.map(({ startupMs }) => startupMs ?? Number.NaN)) / 1000,
    cpuSecondsPerGb: cpuSeconds / (wantedBytes / 1e9),
    wastedRatio: statuses.reduce((sum, { wastedBytes }) => sum + wastedBytes, 0) / wantedBytes,
    peakPeerBytes,
  }
}
