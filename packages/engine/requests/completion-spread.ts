// How far the time requests take strays from what was expected of them, for one class of sources (peers, or the origin).
// Not a clock: it only says what multiple of an expectation is still usual.
// Invariant: mean and deviation are of the ratio actual ÷ expected time, so requests of any size teach it.

/** Before anything is known: as expected, give or take half. */
const MEAN_AT_FIRST = 1
const DEVIATION_AT_FIRST = 0.5
/** Weights of a new observation, those of TCP's round trip estimate. */
const MEAN_WEIGHT = 1 / 8
const DEVIATION_WEIGHT = 1 / 4
/** A single outlier teaches no more than this. */
const RATIO_MAX = 16

export class CompletionSpread {
  #mean = MEAN_AT_FIRST
  #deviation = DEVIATION_AT_FIRST

  finished(actualMs: number, expectedMs: number): void {
    const ratio = Math.min(RATIO_MAX, actualMs / Math.max(1, expectedMs))
    this.#deviation += DEVIATION_WEIGHT * (Math.abs(ratio - this.#mean) - this.#deviation)
    this.#mean += MEAN_WEIGHT * (ratio - this.#mean)
  }

  /** The multiple of its expected time that a request exceeds only by `deviations` deviations. */
  usualRatio(deviations: number): number {
    return this.#mean + deviations * this.#deviation
  }
}
