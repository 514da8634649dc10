// A limit in bytes per second over many senders: a token bucket that may go into debt by one frame.
// Not a timer: it says how long to wait, and its users wait.
// Invariant: over any stretch of time, what was spent is at most the limit times that time, plus what was saved up, plus one frame.

import { BLOCK_SIZE_BYTES, type Millis, SECOND_MS } from '@evastream/core/units'

/** What a pause may save up: a hundredth of ten seconds. */
const BURST_MS = 100
/** What somebody who waits gets made good when this process comes late to its timers, unless frames are so long that both together show. */
const CATCH_UP_MS = 250
/** Saved-up time and one frame together: under a twentieth of ten seconds. */
const EXCESS_MAX_MS = 450
/** How much of the limit's time one frame takes, where a block is not longer than that. */
const FRAME_MS = 50

export class ByteBudget {
  readonly #limitBytesPerSecond: number
  readonly #burstBytes: number
  readonly #catchUpBytes: number
  /** Whoever asked last was told to wait. */
  #isAwaited = false
  #balanceBytes: number
  #countedAt: Millis | undefined

  /** @param limitBytesPerSecond 0 for no limit */
  constructor(limitBytesPerSecond: number) {
    this.#limitBytesPerSecond = limitBytesPerSecond
    this.#burstBytes = (limitBytesPerSecond * BURST_MS) / SECOND_MS
    const frameMs = (this.frameMaxBytes * SECOND_MS) / limitBytesPerSecond
    const catchUpMs = Math.max(BURST_MS, Math.min(CATCH_UP_MS, EXCESS_MAX_MS - frameMs))
    this.#catchUpBytes = (limitBytesPerSecond * catchUpMs) / SECOND_MS
    this.#balanceBytes = this.#burstBytes
  }

  /** How long a frame may be, in whole blocks and at least one, so that spending stays even. */
  get frameMaxBytes(): number {
    if (this.#limitBytesPerSecond === 0) return Number.POSITIVE_INFINITY
    const frameBytes = (this.#limitBytesPerSecond * FRAME_MS) / SECOND_MS
    return Math.max(1, Math.floor(frameBytes / BLOCK_SIZE_BYTES)) * BLOCK_SIZE_BYTES
  }

  /** How long until something may be spent; 0: now. */
  waitMs(now: Millis): number {
    if (this.#limitBytesPerSecond === 0) return 0
    this.#earn(now)
    this.#isAwaited = this.#balanceBytes <= 0
    return this.#balanceBytes > 0 ? 0 : Math.ceil(((1 - this.#balanceBytes) / this.#limitBytesPerSecond) * SECOND_MS)
  }

  /** To be called when `waitMs` was 0. */
  spend(sizeBytes: number): void {
    if (this.#limitBytesPerSecond > 0) this.#balanceBytes -= sizeBytes
  }

  #earn(now: Millis): void {
    const earned = ((now - (this.#countedAt ?? now)) * this.#limitBytesPerSecond) / SECOND_MS
    const savedMaxBytes = this.#isAwaited ? this.#catchUpBytes : this.#burstBytes
    this.#balanceBytes = Math.max(this.#balanceBytes, Math.min(savedMaxBytes, this.#balanceBytes + earned))
    this.#countedAt = now
  }
}
