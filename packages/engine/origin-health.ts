// Whether the origin may be asked now: exponential backoff with full jitter, Retry-After honoured, one probe after a pause.
// Not which chunks it lacks (song-state pauses those one by one).
// Invariant: while it is failing, at most one request is out to it, and none before the pause is over.

import type { Random } from '@evastream/core/random'
import type { Millis } from '@evastream/core/units'
import { jitteredPauseMs } from './backoff.ts'
import type { EngineConfig } from './config.ts'
import { DeliveryPace } from './delivery-pace.ts'

export interface OriginHealthDeps {
  readonly random: Random
}

export class OriginHealth {
  readonly pace = new DeliveryPace()
  readonly #random: Random
  readonly #config: EngineConfig
  #failures = 0
  #failedAt: Millis = Number.NEGATIVE_INFINITY
  #retryAt: Millis = Number.NEGATIVE_INFINITY
  #missingInARow = 0
  #timeouts = 0

  constructor(deps: OriginHealthDeps, config: EngineConfig) {
    this.#random = deps.random
    this.#config = config
  }

  get failures(): number {
    return this.#failures
  }

  /** Before this nothing is asked of it. */
  get retryAt(): Millis {
    return this.#retryAt
  }

  /** How many more requests it may be given now. */
  freeSlots(now: Millis): number {
    if (now < this.#retryAt) return 0
    const slots = this.#failures > 0 ? 1 : this.#config.originRequestsMax
    return Math.max(0, slots - this.pace.openRequests)
  }

  expectedRate(now: Millis): number {
    return this.pace.rateBytesPerSecond(now, this.#config.rateTrustMs) ?? this.#config.rateAssumedBytesPerSecond
  }

  /** What was asked of it came whole: it is well again. A pause that it asked for is kept all the same. */
  delivered(): void {
    this.#failures = 0
    this.#missingInARow = 0
    this.#timeouts = 0
  }

  /** How much longer than usual to wait for it (a factor from 1): it may just be slow, and must not be given up for ever. */
  get patience(): number {
    return 2 ** Math.min(this.#timeouts, this.#config.patienceDoublingsMax)
  }

  timedOut(at: Millis, askedAt: Millis): void {
    if (askedAt > this.#failedAt || this.#failures === 0) this.#timeouts++
    this.failed(at, askedAt)
  }

  /** `askedAt`: requests that were already out when it failed before tell nothing new. */
  failed(at: Millis, askedAt: Millis, retryAfterMs?: number): void {
    if (askedAt > this.#failedAt || this.#failures === 0) {
      this.#failures++
      this.#failedAt = at
      const { originBackoffBaseMs: baseMs, originBackoffMaxMs: maxMs } = this.#config
      this.#postpone(at + jitteredPauseMs(this.#random, { failures: this.#failures, baseMs, maxMs }))
    }
    if (retryAfterMs !== undefined && retryAfterMs > 0) this.#postpone(at + Math.min(retryAfterMs, this.#config.retryAfterMaxMs))
  }

  /** It lacks a chunk. One missing chunk is that chunk's trouble, many in a row are the origin's. */
  lacked(at: Millis, askedAt: Millis): void {
    this.#missingInARow++
    if (this.#missingInARow >= this.#config.missingInARowMax) this.failed(at, askedAt)
  }

  #postpone(until: Millis): void {
    this.#retryAt = Math.max(this.#retryAt, until)
  }
}
