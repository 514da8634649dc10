// The one timer of the coordinator: at the deadline that the Scheduler named last, and never twice for one deadline.
// Not a clock: it is given one, and timers.
// Invariant: at most one timer is set at any moment.

import type { Millis } from '@evastream/core/units'
import type { Clock, Timers } from '@evastream/service-kit/system-clock'
import type { WakeTimer } from './ports.ts'

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
  #cancel: () => void = () => undefined

  constructor(deps: DeadlineTimerDeps) {
    this.#deps = deps
  }

  wakeAt(at: Millis | undefined): void {
    if (at === this.#deadline) return
    this.#cancel()
    this.#deadline = at
    if (at === undefined) return
    const delayMs = Math.min(DELAY_MAX_MS, Math.max(0, Math.ceil(at - this.#deps.clock.now())))
    this.#cancel = this.#deps.timers.after(delayMs, () => {
      this.#deadline = undefined
      this.#deps.wake()
    })
  }
}
