// Time as a number that jumps from one planned action to the next.
// Not a wall clock: a virtual hour costs what happens in it.
// Invariant: time never goes back, and only `runUntil` moves it.

import { assert } from '@evastream/core/assert'
import type { Millis } from '@evastream/core/units'
import { type Appointment, EventQueue } from './event-queue.ts'

export class VirtualClock {
  readonly #queue = new EventQueue()
  #now: Millis = 0
  #actionCount = 0

  now(): Millis {
    return this.#now
  }

  /** How many actions have run: the cost of a run, independent of the machine. */
  get actionCount(): number {
    return this.#actionCount
  }

  /** Plans an action; a time that has passed means as soon as possible. */
  at(at: Millis, action: () => void): Appointment {
    return this.#queue.plan(Math.max(at, this.#now), action)
  }

  after(delayMs: number, action: () => void): Appointment {
    assert(delayMs >= 0, `a delay of ${delayMs} ms`)
    return this.#queue.plan(this.#now + delayMs, action)
  }

  /** Runs what is planned up to and including `limit`, or until `isDone`; at the end the time is `limit` unless it was done. */
  runUntil(limit: Millis, isDone: () => boolean = () => false): void {
    while (!isDone()) {
      const next = this.#queue.peek()
      if (next === undefined || next.at > limit) {
        this.#now = Math.max(this.#now, limit)
        return
      }
      this.#queue.next()
      if (next.isCancelled) continue
      this.#now = next.at
      this.#actionCount++
      next.action()
    }
  }
}
