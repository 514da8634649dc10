// How many bytes may be asked for a second time: a small share of all that was received.
// Not the judgement whether a hedge is worth it (request-watch).
// Invariant: bytes that came twice, plus those that hedges in flight may still bring twice, never exceed the allowance and the share.

export interface HedgeBudgetOptions {
  readonly hedgeRatioMax: number
  readonly hedgeAllowanceBytes: number
}

export class HedgeBudget {
  readonly #options: HedgeBudgetOptions
  #receivedBytes = 0
  #wastedBytes = 0
  #reservedBytes = 0

  constructor(options: HedgeBudgetOptions) {
    this.#options = options
  }

  /** Bytes that came for nothing because two sources were asked. */
  get wastedBytes(): number {
    return this.#wastedBytes
  }

  get spareBytes(): number {
    const { hedgeRatioMax, hedgeAllowanceBytes } = this.#options
    return hedgeAllowanceBytes + hedgeRatioMax * this.#receivedBytes - this.#wastedBytes - this.#reservedBytes
  }

  received(sizeBytes: number): void {
    this.#receivedBytes += sizeBytes
  }

  reserve(sizeBytes: number): void {
    this.#reservedBytes += sizeBytes
  }

  /** A hedge of this size is over, one way or the other; this much came for nothing. */
  settle(sizeBytes: number, wastedBytes: number): void {
    this.#reservedBytes -= sizeBytes
    this.#wastedBytes += wastedBytes
  }
}
