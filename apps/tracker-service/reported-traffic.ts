// The sum of what peers say they received and sent: for people and dashboards.
// Not proof of anything: a peer may say what it likes, and no decision reads these numbers.
// Invariant: a peer's totals are counted once, also when it leaves and comes back; a peer that restarts counts from zero again.

import type { PeerId } from '@evastream/core/ids'
import { DepartedTotals } from './departed-totals.ts'
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
  readonly #departed: DepartedTotals
  readonly #total: Record<keyof Traffic, number> = { originBytes: 0, peerBytes: 0, sentBytes: 0, overrides: 0 }

  constructor(options: { readonly departedMax: number }) {
    this.#departed = new DepartedTotals({ max: options.departedMax })
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
    let isAny = false
    for (let index = 0; index < NAMES.length; index++) isAny ||= totals.totalOf(slot, index) !== 0
    if (!isAny) return
    const row = this.#departed.add(peerId)
    for (let index = 0; index < NAMES.length; index++) this.#departed.set(row, index, totals.totalOf(slot, index))
  }

  /** A peer that has come, maybe again. */
  recall(totals: PeerTotals, slot: PeerSlot, peerId: PeerId): void {
    const row = this.#departed.find(peerId)
    if (row === undefined) return
    for (let index = 0; index < NAMES.length; index++) totals.setTotal(slot, index, this.#departed.total(row, index))
    this.#departed.remove(peerId)
  }
}
