// Several observers as one.
// Not an order of importance: each hears everything, in the order of the list.
// Invariant: nothing is left out for anybody.

import type { PeerId } from '@evastream/core/ids'
import type { Millis } from '@evastream/core/units'
import type { SchedulerCommand } from '@evastream/engine/commands'
import type { SchedulerEvent } from '@evastream/engine/events'
import type { Fact, SimulationObserver, StartedProcess } from './simulation-observer.ts'

export class ObserverChoir implements SimulationObserver {
  readonly #observers: readonly SimulationObserver[]

  constructor(deps: { readonly observers: readonly SimulationObserver[] }) {
    this.#observers = deps.observers
  }

  started(at: Millis, peerId: PeerId, process: StartedProcess): void {
    for (const observer of this.#observers) observer.started(at, peerId, process)
  }

  handled(peerId: PeerId, event: SchedulerEvent, commands: readonly SchedulerCommand[]): void {
    for (const observer of this.#observers) observer.handled(peerId, event, commands)
  }

  ended(at: Millis, peerId: PeerId): void {
    for (const observer of this.#observers) observer.ended(at, peerId)
  }

  fact(at: Millis, peerId: PeerId, fact: Fact): void {
    for (const observer of this.#observers) observer.fact(at, peerId, fact)
  }

  fault(at: Millis, sentence: string): void {
    for (const observer of this.#observers) observer.fault(at, sentence)
  }
}
