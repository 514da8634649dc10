// How fast our own link has been seen to deliver, all sources together: what no other source could better.
// Not the rate at which bytes come on average (delivery-pace): a node whose sources are slow is not one whose link is.
// Invariant: unknown until enough came in one go to tell; sources that only trickle teach nothing.

import { BLOCK_SIZE_BYTES, type Millis, SECOND_MS } from '@evastream/core/units'

/** So many bytes in a row make a sample; a pause longer than this (ms) begins a new one. */
const SAMPLE_BYTES = 2 * BLOCK_SIZE_BYTES
const PAUSE_MS = SECOND_MS
/** Clocks are coarse and rates must stay finite. */
const SAMPLE_MIN_MS = 1
/** A faster sample is believed at once, a slower one only with this weight: our link may have been idle meanwhile. */
const SLOWER_WEIGHT = 0.1

export class OwnLink {
  #bytesPerSecond: number | undefined
  #sampleSince: Millis = Number.NEGATIVE_INFINITY
  #sampleBytes = 0
  #lastAt: Millis = Number.NEGATIVE_INFINITY

  arrived(sizeBytes: number, at: Millis): void {
    const isAfterPause = at - this.#lastAt > PAUSE_MS
    this.#lastAt = at
    if (isAfterPause) {
      this.#sampleSince = at
      this.#sampleBytes = 0
      return
    }
    this.#sampleBytes += sizeBytes
    if (this.#sampleBytes < SAMPLE_BYTES) return
    const sample = (this.#sampleBytes * 1000) / Math.max(SAMPLE_MIN_MS, at - this.#sampleSince)
    const known = this.#bytesPerSecond ?? 0
    this.#bytesPerSecond = sample > known ? sample : known + SLOWER_WEIGHT * (sample - known)
    this.#sampleSince = at
    this.#sampleBytes = 0
  }

  /** How long (ms) this many bytes take at least when they come from one of so many sources that share the link; 0: not known. */
  shareMs(sizeBytes: number, sourceCount: number): Millis {
    return this.#bytesPerSecond === undefined ? 0 : (sizeBytes * Math.max(1, sourceCount) * 1000) / this.#bytesPerSecond
  }
}
