// How fast this node's uplink has proven to be, from what it sent: the best of its busy moments, slowly forgotten.
// Not a limit, and not one connection's link: what all receivers together took.
// Invariant: idling tells nothing, so a quiet uplink keeps its figure; one that was never busy has none.

import { type Millis, SECOND_MS } from '@evastream/core/units'

const WINDOW_MS = 250
/** What is left of an old best after each window in which something was sent: halved in about nine seconds of sending. */
const KEPT_RATIO = 0.98
/** A window with less proves nothing. */
const PROOF_BYTES = 16_384

export class UplinkMeter {
  #windowFrom: Millis = Number.NEGATIVE_INFINITY
  #windowBytes = 0
  #rateBytesPerSecond: number | undefined

  sent(sizeBytes: number, at: Millis): void {
    if (at >= this.#windowFrom + WINDOW_MS) this.#turn(at)
    this.#windowBytes += sizeBytes
  }

  rateBytesPerSecond(at: Millis): number | undefined {
    if (at >= this.#windowFrom + WINDOW_MS) this.#turn(at)
    return this.#rateBytesPerSecond
  }

  /** How long (ms) it will be busy with so many bytes; 0 while its rate is not known. */
  backlogMs(owedBytes: number, at: Millis): Millis {
    const rate = this.rateBytesPerSecond(at)
    return rate === undefined ? 0 : (owedBytes * SECOND_MS) / rate
  }

  #turn(at: Millis): void {
    if (this.#windowBytes >= PROOF_BYTES) {
      const rate = (this.#windowBytes * SECOND_MS) / WINDOW_MS
      this.#rateBytesPerSecond = Math.max(rate, (this.#rateBytesPerSecond ?? 0) * KEPT_RATIO)
    }
    this.#windowBytes = 0
    this.#windowFrom = at
  }
}
