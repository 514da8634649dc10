// Whether the origin may be asked now: exponential backoff with full jitter, Retry-After honoured, one probe after a pause.
// Not which chunks it lacks (song-state pauses those one by one).
// Invariant: while it is failing, at most one request is out to it, and none before the pause is over.

import type { Random } from '@evastream/core/random'
import type { Millis } from '@evastream/core/units'
import type { EngineConfig } from '../config.ts'
import { jitteredPauseMs } from '../requests/backoff.ts'
import { DeliveryPace } from './delivery-pace.ts'

/** So many requests are out whatever their size, or its link would idle for a round trip after each. */
const PIPELINE_REQUESTS = 2
/** After so many deliveries for each place, one place more is tried again. */
const DELIVERIES_PER_PLACE = 16

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
  /** How many requests at once it has been found to bear. */
  #places: number
  #deliveries = 0

  constructor(deps: OriginHealthDeps, config: EngineConfig) {
    this.#random = deps.random
    this.#config = config
    this.#places = config.originRequestsMax
  }

  get failures(): number {
    return this.#failures
  }

  /** Before this nothing is asked of it. */
  get retryAt(): Millis {
    return this.#retryAt
  }

  /** Whether it may be given one more request now, by somebody who may use this share of its places. */
  hasRoom(now: Millis, share = 1): boolean {
    const { openRequests, openBytes } = this.pace
    return this.hasPlace(now, share) && (openRequests < PIPELINE_REQUESTS || openBytes < this.#config.originOpenBytesMax * share)
  }

  /** The same, by somebody who cannot wait until less is on its way. */
  hasPlace(now: Millis, share = 1): boolean {
    if (now < this.#retryAt) return false
    const { openRequests } = this.pace
    if (this.#failures > 0) return openRequests === 0
    return openRequests < Math.max(1, Math.floor(this.#places * share))
  }

  expectedRate(now: Millis): number {
    return this.pace.rateBytesPerSecond(now, this.#config.rateTrustMs) ?? this.#config.rateAssumedBytesPerSecond
  }

  /** What was asked of it came whole: it is well again. A pause that it asked for is kept all the same. */
  delivered(): void {
    this.#failures = 0
    this.#missingInARow = 0
    this.#timeouts = 0
    this.#deliveries++
    if (this.#deliveries < this.#places * DELIVERIES_PER_PLACE || this.#places >= this.#config.originRequestsMax) return
    this.#places++
    this.#deliveries = 0
  }

  /** How much longer than usual to wait for it (a factor from 1): it may just be slow, and must not be given up for ever. */
  get patience(): number {
    const { patienceDoublingsMax, silentDoublingsMax } = this.#config
    return 2 ** Math.min(this.#timeouts, this.pace.hasSent ? patienceDoublingsMax : silentDoublingsMax)
  }

  /** A request was moved elsewhere because nothing came of it: the next is waited for longer, or it would be moved for ever. */
  wasSilent(): void {
    this.#timeouts++
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

  /** It refused a request because it serves as many as it can: so many, it is now known, it bears. */
  overloaded(at: Millis, askedAt: Millis, retryAfterMs?: number): void {
    this.#places = Math.max(1, Math.min(this.#places, this.pace.openRequests))
    this.#deliveries = 0
    this.failed(at, askedAt, retryAfterMs)
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
