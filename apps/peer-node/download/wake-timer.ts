// The one timer of the coordinator: at the deadline that the Scheduler named last, and never twice for one deadline.
// Not a clock: it is given one, and timers.
// Invariant: at most one timer is set at any moment.

import type { Millis } from '@evastream/core/units'
import type { Clock, Timers } from '@evastream/service-kit/system-clock'
import type { WakeTimer } from '../ports.ts'

export interface DeadlineTimerDeps {
  readonly clock: Clock
  readonly timers: Pick<Timers, 'after'>
  readonly wake: () => void
}

/** Node takes a longer delay for one of a millisecond; waking early only costs another look. */
const DELAY_MAX_MS = 2 ** 31 - 1

export class DeadlineTimer implements WakeTimer {
  readonly #deps: DeadlineTimerDeps
  #deadline: Millis | undefined
  /** When the timer that is set fires; undefined when none is. */
  #firesAt: Millis | undefined
  #cancel: () => void = () => undefined

  constructor(deps: DeadlineTimerDeps) {
    this.#deps = deps
  }

  /** A deadline is often put off, and seldom met: the timer that is set fires, and is set anew for what is left. */
  wakeAt(at: Millis | undefined): void {
    this.#deadline = at
    if (at !== undefined && (this.#firesAt === undefined || at < this.#firesAt)) this.#set(at)
    else if (at === undefined) this.#unset()
  }

  #set(at: Millis): void {
    this.#unset()
    const delayMs = Math.min(DELAY_MAX_MS, Math.max(0, Math.ceil(at - this.#deps.clock.now())))
    this.#firesAt = at
    this.#cancel = this.#deps.timers.after(delayMs, () => this.#fired())
  }

  #unset(): void {
    this.#cancel()
    this.#cancel = () => undefined
    this.#firesAt = undefined
  }

  #fired(): void {
    this.#firesAt = undefined
    const at = this.#deadline
    if (at === undefined) return
    if (at > this.#deps.clock.now()) {
      this.#set(at)
      return
    }
    this.#deadline = undefined
    this.#deps.wake()
  }
}
