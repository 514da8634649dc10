// One run: a world from a seed (or by hand), its faults while the checkers watch, then healing, then what must be there is counted.
// Not the printing (scripts/sim.ts) and not the world's parts.
// Invariant: the same seed and plan give the same outcome, step for step.

import { assert } from '@evastream/core/assert'
import type { PeerId } from '@evastream/core/ids'
import { seededRandom } from '@evastream/core/random'
import type { Millis } from '@evastream/core/units'
import { type EngineConfig, engineConfig } from '@evastream/engine/config'
import { Scheduler } from '@evastream/engine/scheduler'
import { FaultInjector } from './faults/fault-injector.ts'
import type { SchedulerMaker } from './parts/simulated-peer.ts'
import { Ledger, type PeerAccount } from './records/ledger.ts'
import { ObserverChoir } from './records/observer-choir.ts'
import { PlayBook, type PlayRecord } from './records/play-book.ts'
import type { Trace } from './records/trace.ts'
import { Checkers, type Violation } from './rules/checkers.ts'
import { SimulatedWorld } from './simulated-world.ts'
import { drawWorld } from './worlds/world-draw.ts'
import type { WorldPlan } from './worlds/world-plan.ts'

export interface SimulationOptions {
  readonly seed: number
  /** The world; drawn from the seed when absent. */
  readonly plan?: WorldPlan
  /** Another Scheduler than the production one: how canaries are made. */
  readonly makeScheduler?: SchedulerMaker
  /** What the checkers hold the Schedulers to; what the Schedulers were told when absent. */
  readonly checkedConfig?: EngineConfig
  /** False lets wrong bytes through, to show that the checkers see them. */
  readonly checksHashes?: boolean
  readonly trace?: Trace
  /** False leaves the rules out, for worlds that are measured: they take as long as the run itself. */
  readonly isChecked?: boolean
}

export interface Outcome {
  readonly seed: number
  readonly plan: WorldPlan
  /** Everything wanted was there in time and no rule was broken. */
  readonly isGood: boolean
  readonly violations: readonly Violation[]
  /** What was still missing at the end, in words. */
  readonly missing: readonly string[]
  readonly endedAt: Millis
  /** When the last chunk that anybody fetched was stored. */
  readonly lastStoredAt: Millis
  readonly originBytes: number
  readonly peerBytes: number
  readonly wastedBytes: number
  readonly wastedByReason: ReadonlyMap<string, number>
  readonly stallCount: number
  /** How long all listeners together waited for music (ms), first sounds and jumps included. */
  readonly waitedMs: number
  readonly banCount: number
  /** Every play, in the order of pressing. */
  readonly plays: readonly PlayRecord[]
  readonly faults: readonly string[]
  /** Who was killed for good. */
  readonly dead: ReadonlySet<PeerId>
  readonly peers: ReadonlyMap<PeerId, PeerAccount>
  /** Scheduler steps: the cost of the run, independent of the machine. */
  readonly stepCount: number
}

export function simulate(options: SimulationOptions): Outcome {
  const { seed, checksHashes = true, isChecked = true, trace } = options
  const plan = options.plan ?? drawWorld(seed)
  const config = plannedConfig(plan)
  const { makeScheduler = productionScheduler(plan), checkedConfig = config } = options
  const adversaries = new Set(plan.adversaries.map(({ peerId }) => peerId))
  const world = { config: checkedConfig, isHonest: (peerId: PeerId) => !adversaries.has(peerId) }
  const checkers = new Checkers({ world })
  const ledger = new Ledger()
  const playBook = new PlayBook()
  const observer = new ObserverChoir({ observers: [...(trace ? [trace] : []), ...(isChecked ? [checkers] : []), ledger, playBook] })
  trace?.world(seed, plan)
  const simulated = new SimulatedWorld({ random: seededRandom(seed).fork(), makeScheduler, observer }, { plan, checksHashes })
  simulated.start()
  new FaultInjector({ world: simulated, observer }).start()
  const isBroken = () => checkers.violations.length > 0
  simulated.clock.runUntil(plan.healsAt, isBroken)
  const isDone = () => simulated.isComplete && unreportedFlaws(plan, ledger, simulated).length === 0
  simulated.clock.runUntil(plan.endsAt, () => isBroken() || isDone())
  const violations = isBroken() ? checkers.violations : unreportedFlaws(plan, ledger, simulated)
  return outcomeOf({ seed, plan, ledger, playBook, simulated, violations })
}

/** Makes the Scheduler that the peer node runs, with the plan's numbers. */
export function productionScheduler(plan: WorldPlan): SchedulerMaker {
  const config = plannedConfig(plan)
  return (schedulerSeed, peerId) => new Scheduler(config, seededRandom(schedulerSeed), peerId)
}

/** Peers of a world share what they have, so they ask with leases, as the peer node does. */
function plannedConfig(plan: WorldPlan): EngineConfig {
  return engineConfig({ hasLeases: true, ...plan.engine })
}

/** A peer that had to fetch a chunk whose hashes contradict each other must have said so. */
function unreportedFlaws(plan: WorldPlan, ledger: Ledger, world: SimulatedWorld): Violation[] {
  const flawed = plan.songs.find(song => song.hasBlockHashes && song.flaw?.wrong === 'chunk-hash')
  if (flawed === undefined) return []
  const silent = plan.peers.filter(
    ({ peerId, songs, leavesAt }) =>
      leavesAt === undefined &&
      songs.some(({ songId, interest }) => songId === flawed.songId && interest === 'seed') &&
      !ledger.account(peerId).troubles.has('EVA_MANIFEST_INCONSISTENT'),
  )
  const rule = 'a manifest that contradicts itself is reported'
  const at = world.clock.now()
  return silent.map(({ peerId }) => ({ at, peerId, rule, reason: `${peerId} said nothing about ${flawed.songId}` }))
}

interface Remains {
  readonly seed: number
  readonly plan: WorldPlan
  readonly ledger: Ledger
  readonly playBook: PlayBook
  readonly simulated: SimulatedWorld
  readonly violations: readonly Violation[]
}

function outcomeOf({ seed, plan, ledger, playBook, simulated, violations }: Remains): Outcome {
  const missing = [...simulated.peers.values()].flatMap(peer => peer.missing())
  const { wastedByReason, faults, accounts: peers, stepCount, lastStoredAt } = ledger
  const dead = new Set([...simulated.peers].flatMap(([peerId, { isDead }]) => (isDead ? [peerId] : [])))
  assert(simulated.clock.now() <= plan.endsAt, 'a run went on past its end')
  return {
    seed,
    plan,
    isGood: violations.length === 0 && missing.length === 0,
    violations,
    missing,
    endedAt: simulated.clock.now(),
    lastStoredAt,
    originBytes: ledger.total('originBytes'),
    peerBytes: ledger.total('peerBytes'),
    wastedBytes: ledger.total('wastedBytes'),
    wastedByReason,
    stallCount: ledger.total('stallCount'),
    waitedMs: ledger.total('waitedMs'),
    banCount: ledger.total('banCount'),
    plays: playBook.plays,
    faults,
    dead,
    peers,
    stepCount,
  }
}
