// The shape of a rule that every run is held to.
// Not the rules themselves: command-rules.ts, step-rules.ts and fact-rules.ts.
// Invariant: a rule looks and says what is wrong; it changes nothing that others see.

import type { PeerId } from '@evastream/core/ids'
import type { Millis } from '@evastream/core/units'
import type { SchedulerCommand } from '@evastream/engine/commands'
import type { EngineConfig } from '@evastream/engine/config'
import type { SchedulerEvent } from '@evastream/engine/events'
import type { Fact } from '../records/simulation-observer.ts'
import type { PeerBooks } from './peer-books.ts'

/** What everybody's numbers are in this world, and who is honest in it. */
export interface WorldFacts {
  readonly config: EngineConfig
  isHonest(peerId: PeerId): boolean
}

export interface Step {
  readonly at: Millis
  readonly peerId: PeerId
  readonly event: SchedulerEvent
  readonly commands: readonly SchedulerCommand[]
  readonly books: PeerBooks
  readonly world: WorldFacts
}

export interface CommandRule {
  readonly name: string
  /** @returns what is wrong with the command, the books standing as before it. */
  check(command: SchedulerCommand, step: Step): string | undefined
}

/** Looks at whole steps, the books standing as after it; made anew for each process, so it may count. */
export interface StepRule {
  readonly name: string
  check(step: Step): string | undefined
}

export interface FactRule {
  readonly name: string
  check(fact: Fact, peerId: PeerId): string | undefined
  /** Looks once more when a peer's process is over, and forgets it. */
  ended?(peerId: PeerId): string | undefined
}
