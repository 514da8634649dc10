// What one connection's link carries, learned from what is acknowledged: how much may be on its way, and how long a frame may be.
// Not congestion control: TCP does that. This keeps the queues in front of the link short, so that an urgent request is heard soon.
// Invariant: credit follows the measured rate and never falls below CREDIT_MIN_BYTES, so that a link can always be measured again.

import { BLOCK_SIZE_BYTES, type Millis, SECOND_MS } from '@evastream/core/units'

/** How much of the link's time may be on its way beyond a round trip: less reacts sooner, more rides over pauses. */
const CREDIT_MS = 100
/** How much of the link's time one frame takes: half the credit, so that one is under way while another is acknowledged. */
const FRAME_MS = 50
const CREDIT_MIN_BYTES = 2 * BLOCK_SIZE_BYTES
/** Before anything was measured. */
const CREDIT_FIRST_BYTES = 4 * BLOCK_SIZE_BYTES
/** How far the rate moves towards a lower measurement; a higher one is believed at once. */
const DECLINE_RATIO = 0.25

/** What was known when a frame left; given back with its acknowledgement. */
export interface SentFrame {
  readonly sizeBytes: number
  readonly sentAt: Millis
  readonly deliveredBytes: number
  readonly deliveredAt: Millis
  /** There was nothing more to send, so the link may well carry more than this frame will show. */
  readonly isStarved: boolean
}

export class LinkMeter {
  #inFlightBytes = 0
  #deliveredBytes = 0
  #deliveredAt: Millis = 0
  #starvedUntilBytes = 0
  #rateBytesPerSecond: number | undefined
  #roundTripMs = Number.POSITIVE_INFINITY

  get inFlightBytes(): number {
    return this.#inFlightBytes
  }

  get rateBytesPerSecond(): number | undefined {
    return this.#rateBytesPerSecond
  }

  /** How many bytes may be sent and not acknowledged. */
  get creditBytes(): number {
    if (this.#rateBytesPerSecond === undefined) return CREDIT_FIRST_BYTES
    return Math.max(CREDIT_MIN_BYTES, (this.#rateBytesPerSecond * (CREDIT_MS + this.#roundTripMs)) / SECOND_MS)
  }

  /** How long a frame should be: whole blocks, at least one. */
  get frameBytes(): number {
    const wished = ((this.#rateBytesPerSecond ?? 0) * FRAME_MS) / SECOND_MS
    return Math.max(1, Math.floor(wished / BLOCK_SIZE_BYTES)) * BLOCK_SIZE_BYTES
  }

  frameSent(sizeBytes: number, at: Millis): SentFrame {
    if (this.#inFlightBytes === 0) this.#deliveredAt = at
    this.#inFlightBytes += sizeBytes
    const isStarved = this.#starvedUntilBytes > this.#deliveredBytes
    return { sizeBytes, sentAt: at, deliveredBytes: this.#deliveredBytes, deliveredAt: this.#deliveredAt, isStarved }
  }

  /** All that there was to send has been sent, and there is credit left. */
  starved(): void {
    this.#starvedUntilBytes = this.#deliveredBytes + Math.max(1, this.#inFlightBytes)
  }

  /** Some bytes arrived, and with them the ends of these frames. */
  acknowledged(sizeBytes: number, frames: readonly SentFrame[], at: Millis): void {
    this.#inFlightBytes -= sizeBytes
    this.#deliveredBytes += sizeBytes
    this.#deliveredAt = at
    for (const frame of frames) this.#measure(frame, at)
  }

  /** Bytes that nobody will acknowledge any more. */
  forgotten(sizeBytes: number): void {
    this.#inFlightBytes -= sizeBytes
  }

  #measure(frame: SentFrame, at: Millis): void {
    this.#roundTripMs = Math.min(this.#roundTripMs, at - frame.sentAt)
    const elapsedMs = at - frame.deliveredAt
    if (elapsedMs <= 0) return
    const sample = ((this.#deliveredBytes - frame.deliveredBytes) * SECOND_MS) / elapsedMs
    const known = this.#rateBytesPerSecond
    if (known === undefined || sample >= known) this.#rateBytesPerSecond = sample
    else if (!frame.isStarved) this.#rateBytesPerSecond = known + (sample - known) * DECLINE_RATIO
  }
}
