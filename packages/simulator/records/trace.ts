// A run as JSON lines: a header, then every start, step, fact of trouble and fault; enough to replay each Scheduler alone.
// Not a log for people (run-summary.ts is): one object a line, to be searched, drawn and replayed.
// Invariant: feeding a process's events to a new Scheduler of its seed gives the commands that stand beside them.

import type { PeerId } from '@evastream/core/ids'
import type { Millis } from '@evastream/core/units'
import type { SchedulerCommand } from '@evastream/engine/commands'
import type { SchedulerEvent } from '@evastream/engine/events'
import type { SchedulerPort } from '../parts/peer-process.ts'
import type { SchedulerMaker } from '../parts/simulated-peer.ts'
import type { WorldPlan } from '../worlds/world-plan.ts'
import type { Fact, SimulationObserver, StartedProcess } from './simulation-observer.ts'

export type TraceEntry =
  | { readonly kind: 'world'; readonly seed: number; readonly plan: WorldPlan }
  | { readonly kind: 'started'; readonly at: Millis; readonly peerId: PeerId; readonly schedulerSeed: number }
  | {
      readonly kind: 'step'
      readonly peerId: PeerId
      readonly event: SchedulerEvent
      readonly commands: readonly SchedulerCommand[]
    }
  | { readonly kind: 'ended'; readonly at: Millis; readonly peerId: PeerId }
  | { readonly kind: 'fact'; readonly at: Millis; readonly peerId: PeerId; readonly fact: Fact }
  | { readonly kind: 'fault'; readonly at: Millis; readonly sentence: string }

export class Trace implements SimulationObserver {
  readonly #write: (line: string) => void

  /** `write` gets each line without its line feed. */
  constructor(deps: { readonly write: (line: string) => void }) {
    this.#write = deps.write
  }

  world(seed: number, plan: WorldPlan): void {
    this.#put({ kind: 'world', seed, plan })
  }

  started(at: Millis, peerId: PeerId, { schedulerSeed }: StartedProcess): void {
    this.#put({ kind: 'started', at, peerId, schedulerSeed })
  }

  handled(peerId: PeerId, event: SchedulerEvent, commands: readonly SchedulerCommand[]): void {
    this.#put({ kind: 'step', peerId, event, commands })
  }

  ended(at: Millis, peerId: PeerId): void {
    this.#put({ kind: 'ended', at, peerId })
  }

  fact(at: Millis, peerId: PeerId, fact: Fact): void {
    this.#put({ kind: 'fact', at, peerId, fact })
  }

  fault(at: Millis, sentence: string): void {
    this.#put({ kind: 'fault', at, sentence })
  }

  #put(entry: TraceEntry): void {
    this.#write(JSON.stringify(entry))
  }
}

export interface ReplayDifference {
  /** The line of the trace, from 1. */
  readonly line: number
  readonly expected: string
  readonly actual: string
}

/** Feeds a trace's events to new Schedulers. @returns the first step that came out differently, if one did. */
export function replayTrace(lines: Iterable<string>, makeScheduler: SchedulerMaker): ReplayDifference | undefined {
  const schedulers = new Map<PeerId, SchedulerPort>()
  let line = 0
  for (const text of lines) {
    line++
    const entry = JSON.parse(text) as TraceEntry
    if (entry.kind === 'started') schedulers.set(entry.peerId, makeScheduler(entry.schedulerSeed, entry.peerId))
    if (entry.kind !== 'step') continue
    const expected = JSON.stringify(entry.commands)
    const actual = JSON.stringify(schedulers.get(entry.peerId)?.handle(entry.event) ?? [])
    if (actual !== expected) return { line, expected, actual }
  }
  return undefined
}
