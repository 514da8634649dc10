// How fast this node's uplink has proven to be, from what arrived of what it sent: the best of its busy moments, slowly forgotten.
// Not a limit, and not one connection's link: what all receivers together took.
// Why busy is told: a node that is asked for little sends little, and must not pass for a slow one.
// Invariant: idling tells nothing, so a quiet uplink keeps its figure; one that had nothing to send now and then is at least as fast as it
// was while it had, and is taken for that only when it is fast.

import { BLOCK_SIZE_BYTES, type Millis, SECOND_MS } from '@evastream/core/units'
import { UPLINK_ASSUMED_BYTES_PER_SECOND } from './song-askers.ts'

const WINDOW_MS = 125
/** A window with so little time in which nobody waited counts as busy. */
const BUSY_RATIO = 0.9
/** Busy windows in a row that are taken together: acknowledgements come in bursts. */
const BUSY_WINDOWS_MAX = 4
/** What is left of an old best after each busy window: it is halved in about two seconds of sending. */
const KEPT_RATIO = 0.95
/** Once a busy window has told the rate, one with pauses is believed only when it says so many times as much. */
const UNLIKE_RATIO = 2
/** A window with less proves nothing. */
const PROOF_BYTES = BLOCK_SIZE_BYTES
/** Nor does one with pauses and less than this, or with so short a time without: what is small or short says more of acknowledgements. */
const PROOF_WITH_PAUSES_BYTES = 8 * BLOCK_SIZE_BYTES
const PROOF_BUSY_MS = 20

export class UplinkMeter {
  #windowFrom: Millis = Number.NEGATIVE_INFINITY
  #windowBytes = 0
  #windowBusyMs = 0
  #rateBytesPerSecond: number | undefined
  /** A busy window said so. */
  #isProven = false
  #busyWindows: readonly { readonly sizeBytes: number; readonly spanMs: Millis }[] = []
  /** Since when in this window somebody waits for bytes that are here to be sent; undefined while nobody does. */
  #busySince: Millis | undefined

  /** Its receivers have it. */
  delivered(sizeBytes: number, at: Millis): void {
    if (at >= this.#windowFrom + WINDOW_MS) this.#turn(at)
    // What arrives when nobody waits any more was sent in a time that is not counted.
    if (this.#busySince !== undefined) this.#windowBytes += sizeBytes
  }

  /** From now on somebody waits for bytes that are here to be sent, or nobody does. */
  busy(isBusy: boolean, at: Millis): void {
    if (isBusy) this.#busySince ??= at
    else if (this.#busySince !== undefined) {
      this.#windowBusyMs += at - Math.max(this.#busySince, this.#windowFrom)
      this.#busySince = undefined
    }
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
    const busyMs = this.#windowBusyMs + (this.#busySince === undefined ? 0 : at - Math.max(this.#busySince, this.#windowFrom))
    const elapsedMs = at - this.#windowFrom
    const window = { sizeBytes: this.#windowBytes, spanMs: elapsedMs }
    const known = this.#rateBytesPerSecond ?? 0
    if (busyMs >= BUSY_RATIO * elapsedMs) {
      this.#busyWindows = [...this.#busyWindows.slice(1 - BUSY_WINDOWS_MAX), window]
      const sum = this.#busyWindows.reduce((sum, each) => ({ sizeBytes: sum.sizeBytes + each.sizeBytes, spanMs: sum.spanMs + each.spanMs }))
      if (sum.sizeBytes >= PROOF_BYTES) {
        this.#rateBytesPerSecond = Math.max(rateOf(sum.sizeBytes, sum.spanMs), known * KEPT_RATIO)
        this.#isProven = true
      }
    } else {
      this.#busyWindows = []
      const rate = rateOf(window.sizeBytes, busyMs)
      const isProof = window.sizeBytes >= PROOF_WITH_PAUSES_BYTES && busyMs >= PROOF_BUSY_MS
      const leastRate = this.#isProven ? UNLIKE_RATIO * known : Math.max(known, UPLINK_ASSUMED_BYTES_PER_SECOND)
      if (isProof && rate >= leastRate) this.#rateBytesPerSecond = rate
    }
    this.#windowBytes = 0
    this.#windowBusyMs = 0
    this.#windowFrom = at
  }
}

function rateOf(sizeBytes: number, spanMs: Millis): number {
  return (sizeBytes * SECOND_MS) / spanMs
}
