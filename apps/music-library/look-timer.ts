// One timer for many wishes to look: the earliest counts, and those behind it are answered by the look that it brings.
// Not the interval of looks without any wish.
// Invariant: at most one timer is set, and none after `cancel`.

import type { Clock, Timers } from '@evastream/service-kit/system-clock'

export interface LookTimerDeps {
  readonly clock: Clock
  readonly timers: Timers
  readonly due: () => void
}

export class LookTimer {
  readonly #deps: LookTimerDeps
  #dueAt = Number.POSITIVE_INFINITY
  #cancel: () => void = () => undefined

  constructor(deps: LookTimerDeps) {
    this.#deps = deps
  }

  wish(delayMs: number): void {
    const { clock, timers, due } = this.#deps
    const at = clock.now() + delayMs
    if (at >= this.#dueAt) return
    this.#cancel()
    this.#dueAt = at
    this.#cancel = timers.after(delayMs, () => {
      this.#dueAt = Number.POSITIVE_INFINITY
      due()
    })
  }

  cancel(): void {
    this.#cancel()
  }
}
