// How fast this node's uplink has proven to be, from what it sent: the best of its busy moments, slowly forgotten.
// Not a limit, and not one connection's link: what all receivers together took.
// Why busy is told: a node that is asked for little sends little, and must not pass for a slow one.
// Invariant: idling tells nothing, so a quiet uplink keeps its figure; one that had nothing to send now and then is at least as fast as it
// sent, and is taken for that only when it is fast.

import { type Millis, SECOND_MS } from '@evastream/core/units'
import { UPLINK_ASSUMED_BYTES_PER_SECOND } from './song-askers.ts'

const WINDOW_MS = 250
/** What is left of an old best after each window in which something was sent: halved in about nine seconds of sending. */
const KEPT_RATIO = 0.98
/** A window with less proves nothing. */
const PROOF_BYTES = 16_384

export class UplinkMeter {
  #windowFrom: Millis = Number.NEGATIVE_INFINITY
  #windowBytes = 0
  #rateBytesPerSecond: number | undefined
  #isBusy = false
  /** It had nothing to send at some moment of this window. */
  #wasIdle = true

  sent(sizeBytes: number, at: Millis): void {
    if (at >= this.#windowFrom + WINDOW_MS) this.#turn(at)
    this.#windowBytes += sizeBytes
  }

  /** From now on somebody waits for bytes that are here to be sent, or nobody does. */
  busy(isBusy: boolean): void {
    this.#isBusy = isBusy
    if (!isBusy) this.#wasIdle = true
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
    if (this.#windowBytes >= PROOF_BYTES) this.#measured((this.#windowBytes * SECOND_MS) / (at - this.#windowFrom))
    this.#windowBytes = 0
    this.#windowFrom = at
    this.#wasIdle = !this.#isBusy
  }

  #measured(rate: number): void {
    const known = this.#rateBytesPerSecond
    if (!this.#wasIdle) this.#rateBytesPerSecond = Math.max(rate, (known ?? 0) * KEPT_RATIO)
    else if (rate >= (known ?? UPLINK_ASSUMED_BYTES_PER_SECOND)) this.#rateBytesPerSecond = rate
  }
}
