// How many bytes may be asked for now, when the owner of the node bounds what it receives: a bucket that fills at that rate.
// Not a brake on what is on its way already (the peer node's sockets know nothing of it): what is not asked for does not come.
// Invariant: what was asked for in any span of time, less what did not come of it, is at most its share of the limit and one bucket.

import { BLOCK_SIZE_BYTES, type Millis, SECOND_MS } from '@evastream/core/units'

/** The bucket holds what comes in this time (ms): as much may come too early, and sources as far away as this lose no time. */
const BUCKET_MS = 250
/** What is asked for is this share of the limit: headers, and bytes that come after their request was cancelled, are the rest. */
const ASKED_RATIO = 0.98
/** It is looked at again after this time (ms) at the soonest: a little more is there for each look. */
const PAUSE_MIN_MS = 20

export class DownloadLimit {
  readonly #bytesPerMs: number
  readonly #bucketBytes: number
  #spareBytes: number
  #filledAt: Millis = 0

  /** @param limitBytesPerSecond 0: none */
  constructor(limitBytesPerSecond: number) {
    this.#bytesPerMs = (limitBytesPerSecond * ASKED_RATIO) / 1000
    this.#bucketBytes = Math.max(BLOCK_SIZE_BYTES, this.#bytesPerMs * BUCKET_MS)
    this.#spareBytes = this.#bucketBytes
  }

  get isSet(): boolean {
    return this.#bytesPerMs > 0
  }

  /** What comes in a second at the most. */
  get bytesPerSecond(): number {
    return this.isSet ? this.#bytesPerMs * SECOND_MS : Number.POSITIVE_INFINITY
  }

  /** How many of these bytes may be asked for now; all, if there is no limit. */
  spareBytes(now: Millis): number {
    if (!this.isSet) return Number.POSITIVE_INFINITY
    this.#fill(now)
    return Math.max(0, this.#spareBytes)
  }

  /** As much as may ever be asked for at once. */
  get bucketBytes(): number {
    return this.isSet ? this.#bucketBytes : Number.POSITIVE_INFINITY
  }

  /** Asked for. What cannot be asked for in parts may exceed what there is: nothing more is asked for until that is made up for. */
  take(sizeBytes: number, now: Millis): void {
    if (!this.isSet) return
    this.#fill(now)
    this.#spareBytes -= sizeBytes
  }

  /** Asked for, and will not come. */
  giveBack(sizeBytes: number, now: Millis): void {
    if (!this.isSet) return
    this.#fill(now)
    this.#spareBytes = Math.min(this.#bucketBytes, this.#spareBytes + sizeBytes)
  }

  /** When this much, or a whole bucket, may be asked for. */
  readyAt(sizeBytes: number, now: Millis): Millis {
    if (!this.isSet) return now
    this.#fill(now)
    const missingBytes = Math.min(sizeBytes, this.#bucketBytes) - this.#spareBytes
    return missingBytes <= 0 ? now : now + Math.max(PAUSE_MIN_MS, missingBytes / this.#bytesPerMs)
  }

  #fill(now: Millis): void {
    if (now <= this.#filledAt) return
    this.#spareBytes = Math.min(this.#bucketBytes, this.#spareBytes + (now - this.#filledAt) * this.#bytesPerMs)
    this.#filledAt = now
  }
}
