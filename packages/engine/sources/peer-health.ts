// How good each peer is to us: its pace, its failures in a row, its strikes, and until when it is left alone or out.
// Not who holds what (peer-table) and not what was asked of it (request-table).
// Invariant: a banned peer stays banned whatever it does meanwhile; only bad bytes or a broken protocol ban, slowness never does.

import type { PeerId } from '@evastream/core/ids'
import type { Millis } from '@evastream/core/units'
import type { EngineConfig } from '../config.ts'
import { doublingPauseMs } from '../requests/backoff.ts'
import { DeliveryPace } from './delivery-pace.ts'
import { StrangerTrust } from './stranger-trust.ts'

/** Who never delivered and timed out so often in a row may speak as it likes. */
const HOLLOW_TIMEOUTS = 2

/** What is remembered of one peer. */
export interface PeerRecord {
  readonly peerId: PeerId
  readonly pace: DeliveryPace
  /** In a row, of any request. */
  failures: number
  /** Timeouts in a row: each doubles the patience with this peer, or a slow one would fail for ever. */
  timeouts: number
  pausedUntil: Millis
  busyUntil: Millis
  /** Since when it says nothing but that it is busy. */
  busySince: Millis | undefined
  /** Chunks in a row that it did not have after all. */
  missing: number
  /** It delivered a whole request once. */
  isProven: boolean
  strikes: number
  bannedUntil: Millis
  /** When the tracker was last told that it is dead. */
  reportedAt: Millis
}

export class PeerHealth {
  readonly #config: EngineConfig
  readonly #records = new Map<PeerId, PeerRecord>()
  #median: number | undefined
  #isMedianStale = false
  readonly #strangers = new StrangerTrust()

  constructor(config: EngineConfig) {
    this.#config = config
  }

  /** The peer's record; an unknown peer gets a clean one. */
  recordOf(peerId: PeerId): PeerRecord {
    const known = this.#records.get(peerId)
    if (known !== undefined) return known
    if (this.#records.size >= this.#config.rememberedPeersMax) this.#forgetOne()
    const record: PeerRecord = {
      peerId,
      pace: new DeliveryPace(),
      failures: 0,
      timeouts: 0,
      pausedUntil: 0,
      busyUntil: 0,
      busySince: undefined,
      missing: 0,
      isProven: false,
      strikes: 0,
      bannedUntil: 0,
      reportedAt: Number.NEGATIVE_INFINITY,
    }
    this.#records.set(peerId, record)
    return record
  }

  *records(): Iterable<PeerRecord> {
    yield* this.#records.values()
  }

  isBanned(peerId: PeerId, now: Millis): boolean {
    const record = this.#records.get(peerId)
    return record !== undefined && record.bannedUntil > now
  }

  /** A request was delivered whole: whatever was wrong before is over. */
  delivered(peerId: PeerId): void {
    const record = this.recordOf(peerId)
    record.failures = 0
    record.timeouts = 0
    record.busySince = undefined
    record.missing = 0
    record.pausedUntil = 0
    if (!record.isProven) this.#strangers.pleased()
    record.isProven = true
    this.#isMedianStale = true
  }

  failed(peerId: PeerId, at: Millis): void {
    this.#failed(peerId, at, this.#config.peerPauseMaxMs)
  }

  timedOut(peerId: PeerId, at: Millis): void {
    const record = this.recordOf(peerId)
    if (record.pausedUntil <= at) record.timeouts++
    this.wasSilent(peerId)
    const { peerPauseMaxMs, peerSilencePauseMaxMs } = this.#config
    // Only who failed in no other way for long is left alone for long.
    this.#failed(peerId, at, record.timeouts >= record.failures ? peerSilencePauseMaxMs : peerPauseMaxMs)
  }

  #failed(peerId: PeerId, at: Millis, pauseMaxMs: number): void {
    const record = this.recordOf(peerId)
    // Requests that were open together fail together: that is one failure, not two.
    if (record.pausedUntil <= at) record.failures++
    record.pausedUntil = at + doublingPauseMs(record.failures, this.#config.peerPauseBaseMs, pauseMaxMs)
    this.#isMedianStale = true
  }

  /** It told us something on an open connection: it is there again, and worth a try; unless all it ever did was speak. */
  spoke(peerId: PeerId, at: Millis): void {
    const record = this.#records.get(peerId)
    if (record === undefined || (!record.isProven && record.timeouts >= HOLLOW_TIMEOUTS)) return
    if (record.pausedUntil > at) record.pausedUntil = at
  }

  /** It has no slot just now; that is no failure. */
  busy(peerId: PeerId, at: Millis, retryAfterMs: number | undefined): void {
    const { busyPauseMs, busyPauseMaxMs } = this.#config
    const record = this.recordOf(peerId)
    const pauseMs = retryAfterMs !== undefined && retryAfterMs > 0 ? retryAfterMs : busyPauseMs
    record.busyUntil = at + Math.min(busyPauseMaxMs, pauseMs)
    record.busySince ??= at
  }

  /** It lacks a chunk that it was said to hold: lists age. Many in a row are a failure. */
  lacked(peerId: PeerId, at: Millis): void {
    const record = this.recordOf(peerId)
    record.missing++
    if (record.missing >= this.#config.missingInARowMax) this.failed(peerId, at)
  }

  /** @returns for how long (ms) the peer is out from now on. */
  ban(peerId: PeerId, at: Millis): number {
    const record = this.recordOf(peerId)
    record.strikes++
    const durationMs = doublingPauseMs(record.strikes, this.#config.banBaseMs, this.#config.banMaxMs)
    record.bannedUntil = at + durationMs
    return durationMs
  }

  /** How much longer than usual to wait for this peer (a factor from 1). */
  patienceOf(peerId: PeerId): number {
    const { timeouts, pace } = this.recordOf(peerId)
    const { patienceDoublingsMax, silentDoublingsMax } = this.#config
    return 2 ** Math.min(timeouts, pace.hasSent ? patienceDoublingsMax : silentDoublingsMax)
  }

  /** How long (ms) a request to it is likely to be waited for in vain, by its own failures, or, of a stranger, by those of others. */
  doubtMs(record: PeerRecord): number {
    const { silenceMs, requestTimeoutMaxMs } = this.#config
    const strangeMs = record.isProven ? 0 : 2 * silenceMs * this.#strangers.doubt
    return Math.min(requestTimeoutMaxMs, record.failures * silenceMs + strangeMs)
  }

  /** It kept silent, or almost. */
  wasSilent(peerId: PeerId): void {
    if (!this.recordOf(peerId).isProven) this.#strangers.disappointed()
  }

  /** The rate (bytes per second) to expect of a peer: its own, or the median of the others', or an assumption. */
  expectedRate(record: PeerRecord, now: Millis): number {
    return record.pace.rateBytesPerSecond(now, this.#config.rateTrustMs) ?? this.#medianRate(now) ?? this.#config.rateAssumedBytesPerSecond
  }

  /** New measurements came in. */
  measured(): void {
    this.#isMedianStale = true
  }

  #medianRate(now: Millis): number | undefined {
    if (!this.#isMedianStale) return this.#median
    const rates: number[] = []
    for (const { pace, failures } of this.#records.values()) {
      // What those deliver who fail says nothing about others.
      if (failures > 0) continue
      const rate = pace.rateBytesPerSecond(now, this.#config.rateTrustMs)
      if (rate !== undefined) rates.push(rate)
    }
    this.#median = rates.sort((a, b) => a - b)[rates.length >> 1]
    this.#isMedianStale = false
    return this.#median
  }

  /** The one longest known that is neither banned nor at work gives way; if all are, the one longest known. */
  #forgetOne(): void {
    let victim: PeerId | undefined
    for (const record of this.#records.values()) {
      victim ??= record.peerId
      if (record.strikes > 0 || record.pace.openRequests > 0) continue
      victim = record.peerId
      break
    }
    if (victim !== undefined) this.#records.delete(victim)
  }
}

/** It failed and never delivered anything: what is asked of it is a try. */
export function isHollow(record: PeerRecord): boolean {
  return record.failures > 0 && !record.isProven
}
