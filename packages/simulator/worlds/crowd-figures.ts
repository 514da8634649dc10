// Plays one flash crowd and says how it went: copies the origin sent, the last peer against the bound, first sounds, waste.
// Not a judgement: whoever asks has the bars.
// Invariant: the same name and seed give the same figures on every machine.

import type { PeerId } from '@evastream/core/ids'
import type { Millis } from '@evastream/core/units'
import type { EngineConfig } from '@evastream/engine/config'
import { type Outcome, simulate } from '../simulation.ts'
import { boundWithDeathsMs, oneCopyBoundMs } from './crowd-bound.ts'
import { CROWD_WORLDS, type CrowdWorldName } from './crowd-worlds.ts'
import type { WorldPlan } from './world-plan.ts'

export interface CrowdFigures {
  readonly world: CrowdWorldName
  readonly seed: number
  readonly peerCount: number
  /** Those who were not killed. */
  readonly survivorCount: number
  /** Survivors that have the whole song. */
  readonly finishedCount: number
  /** Bytes received from the origin, by the dead as well, over the song's size. */
  readonly copies: number
  /** From the first press of play until the last survivor has the whole song; undefined when one never had it. */
  readonly lastPeerMs: Millis | undefined
  /** With one copy from the origin (crowd-bound.ts). */
  readonly boundMs: Millis
  readonly boundRatio: number | undefined
  /** From play to the first verified audio; who never heard any counts with the time it waited. */
  readonly firstSoundP50Ms: Millis
  readonly firstSoundP95Ms: Millis
  /** Bytes that survivors received and did not keep, over all that they received. */
  readonly wasteRatio: number
}

/** `engine`: numbers in place of the defaults, to try them. */
export function playCrowd(world: CrowdWorldName, seed: number, engine: Partial<EngineConfig> = {}): CrowdFigures {
  const plan = CROWD_WORLDS[world].plan(seed)
  return crowdFigures(world, simulate({ seed, plan: { ...plan, engine: { ...plan.engine, ...engine } }, isChecked: false }))
}

/** The figures of a crowd that was played: of its first song. */
export function crowdFigures(world: CrowdWorldName, outcome: Outcome): CrowdFigures {
  const { plan, seed, dead, originBytes, missing, endedAt } = outcome
  const plays = outcome.plays.filter(({ songId }) => songId === plan.songs[0]?.songId)
  const survivors = plan.peers.filter(({ peerId }) => !dead.has(peerId))
  const startsAt = Math.min(...plays.map(({ pressedAt }) => pressedAt))
  const boundMs = boundOf(plan, dead, startsAt)
  const lastPeerMs = missing.length === 0 ? outcome.lastStoredAt - startsAt : undefined
  const heard = plays.filter(({ peerId }) => !dead.has(peerId)).map(play => play.startupMs ?? endedAt - play.pressedAt)
  heard.sort((a, b) => a - b)
  const accounts = survivors.flatMap(({ peerId }) => outcome.peers.get(peerId) ?? [])
  const receivedBytes = sumOf(accounts.map(account => account.originBytes + account.peerBytes))
  return {
    world,
    seed,
    peerCount: plan.peers.length,
    survivorCount: survivors.length,
    finishedCount: survivors.length - missing.length,
    copies: originBytes / songBytes(plan),
    lastPeerMs,
    boundMs,
    boundRatio: lastPeerMs === undefined ? undefined : lastPeerMs / boundMs,
    firstSoundP50Ms: percentile(heard, 0.5),
    firstSoundP95Ms: percentile(heard, 0.95),
    wasteRatio: sumOf(accounts.map(({ wastedBytes }) => wastedBytes)) / receivedBytes,
  }
}

/** The figures in one line for people. */
export function crowdLine(figures: CrowdFigures): string {
  const { world, seed, copies, lastPeerMs, boundMs, boundRatio, firstSoundP50Ms, firstSoundP95Ms, wasteRatio } = figures
  const last =
    lastPeerMs === undefined || boundRatio === undefined
      ? `${figures.survivorCount - figures.finishedCount} of ${figures.survivorCount} never finished`
      : `last peer ${seconds(lastPeerMs)} = ${boundRatio.toFixed(3)} x ${seconds(boundMs)}`
  const sounds = `first sound p50 ${seconds(firstSoundP50Ms)} p95 ${seconds(firstSoundP95Ms)}`
  return `${world} seed=${seed}: ${copies.toFixed(3)} copies, ${last}, ${sounds}, waste ${(100 * wasteRatio).toFixed(2)} %`
}

function boundOf(plan: WorldPlan, dead: ReadonlySet<PeerId>, startsAt: Millis): Millis {
  const fileSize = songBytes(plan)
  const crowd = { fileSize, originBytesPerSecond: plan.origin.link.upBytesPerSecond, links: plan.peers.map(({ link }) => link) }
  const killing = plan.faults.find(({ kind }) => kind === 'peers-killed')
  if (killing === undefined) return oneCopyBoundMs(crowd)
  const living = plan.peers.filter(({ peerId }) => !dead.has(peerId)).map(({ link }) => link)
  return boundWithDeathsMs(crowd, living, killing.at - startsAt)
}

function songBytes({ songs }: WorldPlan): number {
  return songs[0]?.shape.fileSize ?? 0
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0)
}

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? 0
}

function seconds(ms: Millis): string {
  return `${(ms / 1000).toFixed(2)} s`
}
