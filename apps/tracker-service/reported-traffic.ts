// The sum of what peers say they received and sent: for people and dashboards.
// Not proof of anything: a peer may say what it likes, and no decision reads these numbers.
// Invariant: a peer's totals are counted once, also when it leaves and comes back; a peer that restarts counts from zero again.

import type { PeerId } from '@evastream/core/ids'
import type { PeerSlot, PeerTable } from './peer-table.ts'

export interface Traffic {
  readonly originBytes: number
  readonly peerBytes: number
  readonly sentBytes: number
  /** Chunks asked of the origin without a lease, because a deadline was near. */
  readonly overrides: number
}

export type TrafficReport = { readonly [K in keyof Traffic]?: number | undefined }

export type PeerTotals = Pick<PeerTable, 'totalOf' | 'setTotal'>

/** In the order of the columns that keep them. */
const NAMES = ['originBytes', 'peerBytes', 'sentBytes', 'overrides'] as const

export class ReportedTraffic {
  readonly #departedMax: number
  /** What the departed said last, the longest gone first. */
  readonly #departed = new Map<PeerId, readonly number[]>()
  readonly #total: Record<keyof Traffic, number> = { originBytes: 0, peerBytes: 0, sentBytes: 0, overrides: 0 }

  constructor(options: { readonly departedMax: number }) {
    this.#departedMax = options.departedMax
  }

  get total(): Traffic {
    return { ...this.#total }
  }

  /** A peer that registers, with its totals until then: what it received before this tracker knew it is not this tracker's to count. */
  begin(totals: PeerTotals, slot: PeerSlot, report: TrafficReport): void {
    const isKnown = NAMES.some((_, index) => totals.totalOf(slot, index) > 0)
    if (isKnown) this.note(totals, slot, report)
    else for (const [index, name] of NAMES.entries()) totals.setTotal(slot, index, report[name] ?? 0)
  }

  /** A peer's own totals since it started; what it leaves out has not changed. */
  note(totals: PeerTotals, slot: PeerSlot, report: TrafficReport): void {
    for (let index = 0; index < NAMES.length; index++) {
      const name = NAMES[index] as keyof Traffic
      const now = report[name]
      if (now === undefined) continue
      const before = totals.totalOf(slot, index)
      if (now === before) continue
      // A smaller number than before comes from a peer that started again.
      const growth = now >= before ? now - before : now
      this.#total[name] = Math.min(Number.MAX_SAFE_INTEGER, this.#total[name] + growth)
      totals.setTotal(slot, index, now)
    }
  }

  /** A peer that is about to leave. */
  keep(totals: PeerTotals, slot: PeerSlot, peerId: PeerId): void {
    const last = NAMES.map((_, index) => totals.totalOf(slot, index))
    if (last.every(total => total === 0)) return
    this.#departed.delete(peerId)
    this.#departed.set(peerId, last)
    const [longestGone] = this.#departed.keys()
    if (this.#departed.size > this.#departedMax && longestGone !== undefined) this.#departed.delete(longestGone)
  }

  /** A peer that has come, maybe again. */
  recall(totals: PeerTotals, slot: PeerSlot, peerId: PeerId): void {
    const last = this.#departed.get(peerId)
    if (last === undefined) return
    for (const [index, total] of last.entries()) totals.setTotal(slot, index, total)
    this.#departed.delete(peerId)
  }
}
