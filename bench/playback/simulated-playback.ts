// Measures scenarios in the simulator: each seed is a world, played by the production Scheduler on virtual time.
// Not real processes: those are another source of the same measurements, shown in the same table.
// Invariant: the same names and seeds give the same measurements on every machine.

import { type Outcome, simulate } from '@evastream/simulator/simulation'
import { PLAYBACK_WORLDS, type PlaybackWorldName } from '@evastream/simulator/worlds/playback-worlds'
import { type MeasuredPlay, measurementOf, type PlaybackMeasurement, type PlaybackRun } from './playback-measurement.ts'
import { PLAYBACK_SCENARIOS } from './playback-scenarios.ts'

export interface Seeds {
  readonly first: number
  /** The scenario's own number when absent. */
  readonly count: number | undefined
}

export function measureSimulated(scenario: PlaybackWorldName, seeds: Seeds): PlaybackMeasurement {
  const count = seeds.count ?? PLAYBACK_SCENARIOS[scenario].seedCount
  const runs = Array.from({ length: count }, (_, index) => runOf(scenario, seeds.first + index))
  return measurementOf({ scenario, setting: 'simulated' }, runs)
}

function runOf(scenario: PlaybackWorldName, seed: number): PlaybackRun {
  const plan = PLAYBACK_WORLDS[scenario].plan(seed)
  const outcome = simulate({ seed, plan, isChecked: false })
  const { originBytes, peerBytes, wastedBytes } = outcome
  const songBytes = plan.songs.reduce((sum, { shape }) => sum + shape.fileSize, 0)
  const measured = outcome.plays.map(play => ({ how: play.how, play: playOf(play, outcome) }))
  return {
    originBytes,
    peerBytes,
    wastedBytes,
    songBytes,
    plays: measured.map(({ play }) => play),
    starts: measured.filter(({ how }) => how === PLAYBACK_SCENARIOS[scenario].starts).map(({ play }) => play),
  }
}

function playOf(play: Outcome['plays'][number], { endedAt }: Outcome): MeasuredPlay {
  const { startupMs, seekMs, stallCount, stalledMs, isOver, pressedAt } = play
  const silentForMs = isOver || startupMs !== undefined ? play.silentForMs : endedAt - pressedAt
  return { startupMs, silentForMs, stallCount, stalledMs, seekMs }
}
