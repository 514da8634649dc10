// Measures a scenario with real processes: three services and six peers on shaped links, each peer played by a player that takes all it can get.
// Not the simulator: its prediction for the same links stands beside these figures, so that the model is honest.
// Invariant: figures are the peers' own (/api/plays, /api/status).

import type { PeerStatus } from '@evastream/protocol/peer-http'
import { playTogether } from '../crowd/crowd-play.ts'
import { ShapedNetwork } from '../shaped-network.ts'
import type { MeasurementSource } from './measurement-source.ts'
import { measurementOf, type PlaybackRun } from './playback-measurement.ts'

const LISTENER_COUNT = 6
const SONG_BYTES = 8_000_000
const RUN_COUNT = 3

export const realProcesses: MeasurementSource = {
  setting: 'processes',
  obstacle: () => ShapedNetwork.obstacle(),
  measure: async scenario => {
    if (scenario !== 'six-together') return undefined
    const runs: PlaybackRun[] = []
    for (let run = 0; run < RUN_COUNT; run++) runs.push(await measureSixTogether())
    return measurementOf({ scenario, setting: 'processes' }, runs)
  },
}

async function measureSixTogether(): Promise<PlaybackRun> {
  const links = { originMbit: 50, peers: Array.from({ length: LISTENER_COUNT }, () => ({ upMbit: 20, downMbit: 50 })) }
  const { plays: played, statuses } = await playTogether({ songBytes: SONG_BYTES, links })
  const sum = (figureOf: (status: PeerStatus) => number) => statuses.reduce((total, status) => total + figureOf(status), 0)
  const plays = played.map(({ startupMs, stallCount, stalledMs }) => ({ startupMs, silentForMs: 0, stallCount, stalledMs, seekMs: [] }))
  return {
    originBytes: sum(({ received }) => received.originBytes),
    peerBytes: sum(({ received }) => received.peerBytes),
    wastedBytes: sum(({ wastedBytes }) => wastedBytes),
    songBytes: SONG_BYTES,
    plays,
    starts: plays,
  }
}
