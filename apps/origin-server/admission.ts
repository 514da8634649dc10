// The origin's two limits: answers under way at once, and bytes per second.
// Not a queue: who comes over a limit is sent away with a time to come back, so that nothing piles up here.
// Invariant: slots taken and given back balance, and over any long time no more bytes are granted than the rate allows.

import { EvaError } from '@evastream/core/errors'
import { type Millis, SECOND_MS } from '@evastream/core/units'

export interface AdmissionOptions {
  readonly concurrentMax: number
  /** 0 for no limit. */
  readonly bytesPerSecondMax: number
}

/** When a slot will be free nobody knows; a chunk takes well under a second on most lines. */
const SLOT_RETRY_AFTER_MS = 1000

export class Admission {
  readonly #clock: { now(): Millis }
  readonly #options: AdmissionOptions
  #takenSlots = 0
  /** Bytes that may be granted now; below zero after a grant larger than what there was. */
  #credit: number
  #creditAt: Millis

  constructor(deps: { readonly clock: { now(): Millis } }, options: AdmissionOptions) {
    this.#clock = deps.clock
    this.#options = options
    this.#credit = options.bytesPerSecondMax
    this.#creditAt = deps.clock.now()
  }

  get takenSlots(): number {
    return this.#takenSlots
  }

  /**
   * Takes a slot for one answer.
   * @returns gives it back; calling it again does nothing
   * @throws EvaError `EVA_ORIGIN_OVERLOADED`
   */
  enter(): () => void {
    if (this.#takenSlots >= this.#options.concurrentMax) throw overloaded(SLOT_RETRY_AFTER_MS)
    this.#takenSlots++
    let isTaken = true
    return () => {
      if (isTaken) this.#takenSlots--
      isTaken = false
    }
  }

  /**
   * Grants bytes on credit: a chunk larger than what is left goes out whole, and the next waits for the debt.
   * @throws EvaError `EVA_ORIGIN_OVERLOADED`
   */
  spend(bytes: number): void {
    const { bytesPerSecondMax } = this.#options
    if (bytesPerSecondMax === 0) return
    const now = this.#clock.now()
    const earned = ((now - this.#creditAt) * bytesPerSecondMax) / SECOND_MS
    this.#credit = Math.min(bytesPerSecondMax, this.#credit + earned)
    this.#creditAt = now
    if (this.#credit <= 0) throw overloaded(Math.ceil(((1 - this.#credit) * SECOND_MS) / bytesPerSecondMax))
    this.#credit -= bytes
  }

  /** Gives back what was granted and not sent. */
  refund(bytes: number): void {
    this.#credit += bytes
  }
}

function overloaded(retryAfterMs: number): EvaError {
  return new EvaError('EVA_ORIGIN_OVERLOADED', { details: { retryAfterMs } })
}
