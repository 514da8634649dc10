// Holds a running world to every rule, step by step and fact by fact, and remembers what was broken.
// Not the rules (command-rules.ts, step-rules.ts, fact-rules.ts) and not liveness (simulation.ts asks that at the end).
// Invariant: it only watches; the first violation is kept with the moment and the peer it belongs to.

import type { PeerId } from '@evastream/core/ids'
import type { Millis } from '@evastream/core/units'
import type { SchedulerCommand } from '@evastream/engine/commands'
import type { SchedulerEvent } from '@evastream/engine/events'
import type { Fact, SimulationObserver, StartedProcess } from '../records/simulation-observer.ts'
import { brokenRules } from './command-rules.ts'
import { factRules } from './fact-rules.ts'
import { PeerBooks } from './peer-books.ts'
import type { FactRule, StepRule, WorldFacts } from './rule.ts'
import { stepRules } from './step-rules.ts'

export interface Violation {
  readonly at: Millis
  readonly peerId: PeerId | undefined
  readonly rule: string
  readonly reason: string
}

interface Watched {
  readonly books: PeerBooks
  readonly rules: readonly StepRule[]
}

export class Checkers implements SimulationObserver {
  readonly violations: Violation[] = []
  readonly #world: WorldFacts
  readonly #watched = new Map<PeerId, Watched>()
  readonly #factRules: readonly FactRule[]

  constructor(deps: { readonly world: WorldFacts }) {
    this.#world = deps.world
    this.#factRules = factRules()
  }

  started(_at: Millis, peerId: PeerId, process: StartedProcess): void {
    this.#watched.set(peerId, { books: new PeerBooks(), rules: stepRules(process) })
  }

  ended(at: Millis, peerId: PeerId): void {
    this.#watched.delete(peerId)
    for (const rule of this.#factRules) this.#note(rule.name, rule.ended?.(peerId), { at, peerId })
  }

  handled(peerId: PeerId, event: SchedulerEvent, commands: readonly SchedulerCommand[]): void {
    const watched = this.#watched.get(peerId)
    if (watched === undefined) return
    const { books, rules } = watched
    const step = { at: event.at, peerId, event, commands, books, world: this.#world }
    books.noteEvent(event)
    for (const command of commands) {
      for (const broken of brokenRules(command, step)) this.violations.push({ at: event.at, peerId, ...broken })
      books.noteCommand(command, event.at)
    }
    for (const rule of rules) this.#note(rule.name, rule.check(step), { at: event.at, peerId })
  }

  fact(at: Millis, peerId: PeerId, fact: Fact): void {
    for (const rule of this.#factRules) this.#note(rule.name, rule.check(fact, peerId), { at, peerId })
  }

  fault(): void {}

  #note(rule: string, reason: string | undefined, where: { readonly at: Millis; readonly peerId: PeerId }): void {
    if (reason !== undefined) this.violations.push({ ...where, rule, reason })
  }
}
