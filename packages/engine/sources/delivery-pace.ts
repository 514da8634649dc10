// How fast one source delivers to us: its rate and its round trip, measured from what arrived.
// Not a promise and not a judgement: peer-health and origin-health decide what a pace means.
// Invariant: only time in which something was outstanding counts, so an idle source does not look slow.

import { BLOCK_SIZE_BYTES, KIB, type Millis } from '@evastream/core/units'

/** A sample closes after this much busy time, or with the end of a request. */
const SAMPLE_MS = 100
/** How much a new sample counts against what was known, if it is as long as SAMPLE_MS or this large; less if it is smaller. */
const SAMPLE_WEIGHT = 0.3
const SAMPLE_BYTES = 64 * KIB
/** No sample is taken as shorter than this: clocks are coarse and rates must stay finite. */
const SAMPLE_MIN_MS = 1

export class DeliveryPace {
  #rateBytesPerSecond: number | undefined
  #measuredAt: Millis = 0
  #roundTripMs: number | undefined
  #openRequests = 0
  #openBytes = 0
  #sampleSince: Millis = 0
  #sampleBytes = 0
  #sentBytes = 0

  /** Bytes per second, unless it was never measured or too long ago. */
  rateBytesPerSecond(now: Millis, trustMs: number): number | undefined {
    return this.#rateBytesPerSecond !== undefined && now - this.#measuredAt < trustMs ? this.#rateBytesPerSecond : undefined
  }

  /** It ever sent as much as a block: who sends a byte now and then to be waited for has not. */
  get hasSent(): boolean {
    return this.#sentBytes >= BLOCK_SIZE_BYTES
  }

  get measuredAt(): Millis {
    return this.#measuredAt
  }

  get roundTripMs(): number | undefined {
    return this.#roundTripMs
  }

  get openRequests(): number {
    return this.#openRequests
  }

  /** Bytes asked for and not here yet. */
  get openBytes(): number {
    return this.#openBytes
  }

  asked(sizeBytes: number, at: Millis): void {
    if (this.#openRequests === 0) {
      this.#sampleSince = at
      this.#sampleBytes = 0
    }
    this.#openRequests++
    this.#openBytes += sizeBytes
  }

  arrived(sizeBytes: number, at: Millis): void {
    this.#openBytes = Math.max(0, this.#openBytes - sizeBytes)
    this.#sampleBytes += sizeBytes
    this.#sentBytes += sizeBytes
    if (at - this.#sampleSince >= SAMPLE_MS) this.#closeSample(at)
  }

  /** The first byte of a request that was alone at the source came after this time. */
  answeredAfter(durationMs: number): void {
    this.#roundTripMs = this.#roundTripMs === undefined ? durationMs : blend(this.#roundTripMs, durationMs, SAMPLE_WEIGHT)
  }

  /** A request ended, finished or not; `missingBytes` of it never came. */
  ended(missingBytes: number, at: Millis): void {
    this.#openRequests = Math.max(0, this.#openRequests - 1)
    this.#openBytes = this.#openRequests === 0 ? 0 : Math.max(0, this.#openBytes - missingBytes)
    if (this.#sampleBytes > 0) this.#closeSample(at)
  }

  /** Something was asked of it and nothing came: as if half a block had. */
  wasQuiet(at: Millis): void {
    if (this.#sampleBytes > 0 || this.#openRequests === 0 || at <= this.#sampleSince) return
    this.#sampleBytes = BLOCK_SIZE_BYTES / 2
    this.#closeSample(at)
  }

  #closeSample(at: Millis): void {
    const elapsedMs = Math.max(SAMPLE_MIN_MS, at - this.#sampleSince)
    const rate = (this.#sampleBytes * 1000) / elapsedMs
    const weight = SAMPLE_WEIGHT * Math.min(1, Math.max(elapsedMs / SAMPLE_MS, this.#sampleBytes / SAMPLE_BYTES))
    this.#rateBytesPerSecond = this.#rateBytesPerSecond === undefined ? rate : blend(this.#rateBytesPerSecond, rate, weight)
    this.#measuredAt = at
    this.#sampleSince = at
    this.#sampleBytes = 0
  }
}

function blend(known: number, sample: number, weight: number): number {
  return known + weight * (sample - known)
}
