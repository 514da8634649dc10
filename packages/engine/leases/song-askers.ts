// Who asked for leases of one song lately, and how fast their uplinks are: the crowd that a lease is judged against.
// Not the swarm of holders, and not the rule itself (uplink-rule.ts).
// Invariant: whoever did not ask within FRESH_MS is forgotten at the next question, and never more than KEPT_MAX are kept.

import type { PeerId } from '@evastream/core/ids'
import { type Millis, SECOND_MS } from '@evastream/core/units'

/** Who still wants something asks again well within this. */
export const FRESH_MS = 3 * SECOND_MS
const KEPT_MAX = 10_000
/** The rates of a crowd move slowly: reading all of them for each of its calls would be work squared. */
const RATES_KEPT_MS = 250
/** So few are listed anew each time: the first of a crowd are to know each other at once. */
const LISTED_ANEW_BELOW = 100
/** 20 Mbit/s: what an uplink is taken for while nobody in the swarm has measured one. */
export const UPLINK_ASSUMED_BYTES_PER_SECOND = 2_500_000

export interface Asker {
  readonly peerId: PeerId
  readonly askingSince: Millis
  uplinkBytesPerSecond: number | undefined
  lastAskedAt: Millis
  /** Since when its uplink has kept it waiting. */
  refusedSince: Millis | undefined
  /** When it was last granted a lease. */
  grantedAt: Millis | undefined
  /** Leases granted while nobody had seen its uplink. */
  unseenGrants: number
  /** What one more chunk would have cost its uplink (uplink-rule) when it last asked. */
  costMs: Millis | undefined
}

export interface UplinkRates {
  /** Both are, while most have not measured theirs, no less than an uplink is taken for: the first one seen may be the slowest. */
  readonly fastest: number
  readonly median: number
}

export class SongAskers {
  /** The longest silent first. */
  readonly #askers = new Map<PeerId, Asker>()
  #listed: { readonly at: Millis; readonly peerIds: readonly PeerId[] } | undefined
  #rates: { readonly at: Millis; readonly value: UplinkRates | undefined } | undefined

  get count(): number {
    return this.#askers.size
  }

  note(peerId: PeerId, uplinkBytesPerSecond: number | undefined, at: Millis): Asker {
    this.dropStale(at)
    const asker = this.#askers.get(peerId) ?? newAsker(peerId, uplinkBytesPerSecond, at)
    if (asker.uplinkBytesPerSecond !== uplinkBytesPerSecond || !this.#askers.has(peerId)) this.#rates = undefined
    asker.uplinkBytesPerSecond = uplinkBytesPerSecond
    asker.lastAskedAt = at
    this.#askers.delete(peerId)
    this.#askers.set(peerId, asker)
    const [longestSilent] = this.#askers.keys()
    if (this.#askers.size > KEPT_MAX && longestSilent !== undefined) this.#askers.delete(longestSilent)
    return asker
  }

  forget(peerId: PeerId): void {
    if (this.#askers.delete(peerId)) this.#rates = undefined
  }

  dropStale(at: Millis): void {
    for (const asker of this.#askers.values()) {
      if (at - asker.lastAskedAt < FRESH_MS) break
      this.forget(asker.peerId)
    }
  }

  /** Of those whose uplink was measured; undefined when nobody's was. */
  rates(at: Millis): UplinkRates | undefined {
    if (this.#rates === undefined || at - this.#rates.at >= RATES_KEPT_MS) this.#rates = { at, value: this.#measureRates() }
    return this.#rates.value
  }

  /** Everybody who asked lately; may be a moment old. */
  listed(at: Millis): readonly PeerId[] {
    if (this.#listed === undefined || at - this.#listed.at >= RATES_KEPT_MS || this.#listed.peerIds.length < LISTED_ANEW_BELOW)
      this.#listed = { at, peerIds: [...this.#askers.keys()] }
    return this.#listed.peerIds
  }

  /** How many, counted no further than `max`, asked since then and have uplinks that one more chunk would cost less than that. */
  countBelow(costMs: Millis, since: Millis, max: number): number {
    let count = 0
    for (const asker of this.#askers.values()) {
      if (count >= max) break
      if (asker.lastAskedAt >= since && asker.costMs !== undefined && asker.costMs < costMs) count++
    }
    return count
  }

  /** How many askers are not `known` otherwise, counted no further than `max`. */
  countOthers(known: (peerId: PeerId) => boolean, max: number): number {
    let count = 0
    for (const peerId of this.#askers.keys()) {
      if (count >= max) break
      if (!known(peerId)) count++
    }
    return count
  }

  #measureRates(): UplinkRates | undefined {
    const rates: number[] = []
    for (const { uplinkBytesPerSecond: rate } of this.#askers.values()) if (rate !== undefined && rate > 0) rates.push(rate)
    rates.sort((left, right) => left - right)
    const fastest = rates[rates.length - 1]
    const median = rates[rates.length >> 1]
    if (fastest === undefined || median === undefined) return undefined
    if (2 * rates.length >= this.#askers.size) return { fastest, median }
    return { fastest: Math.max(fastest, UPLINK_ASSUMED_BYTES_PER_SECOND), median: Math.max(median, UPLINK_ASSUMED_BYTES_PER_SECOND) }
  }
}

function newAsker(peerId: PeerId, uplinkBytesPerSecond: number | undefined, at: Millis): Asker {
  return {
    peerId,
    askingSince: at,
    uplinkBytesPerSecond,
    lastAskedAt: at,
    refusedSince: undefined,
    grantedAt: undefined,
    unseenGrants: 0,
    costMs: undefined,
  }
}
