// The sum of what peers say they received and sent: for people and dashboards.
// Not proof of anything: a peer may say what it likes, and no decision reads these numbers.
// Invariant: a peer's totals are counted once, also when it leaves and comes back; a peer that restarts counts from zero again.

import type { PeerId } from '@evastream/core/ids'

export interface Traffic {
  readonly originBytes: number
  readonly peerBytes: number
  readonly sentBytes: number
  /** Chunks asked of the origin without a lease, because a deadline was near. */
  readonly overrides: number
}

export type TrafficReport = { readonly [K in keyof Traffic]?: number | undefined }

const NONE: Traffic = Object.freeze({ originBytes: 0, peerBytes: 0, sentBytes: 0, overrides: 0 })

export class ReportedTraffic {
  readonly #peersKeptMax: number
  /** What each peer said last, the longest silent first; the departed are kept until there are too many. */
  readonly #lastOf = new Map<PeerId, Traffic>()
  #total: Traffic = NONE

  constructor(options: { readonly peersKeptMax: number }) {
    this.#peersKeptMax = options.peersKeptMax
  }

  get total(): Traffic {
    return this.#total
  }

  /** A peer's own totals since it started; what it leaves out has not changed. */
  note(peerId: PeerId, report: TrafficReport): void {
    const last = this.#lastOf.get(peerId) ?? NONE
    const now = each(name => report[name] ?? last[name])
    this.#total = each(name => Math.min(Number.MAX_SAFE_INTEGER, this.#total[name] + growth(last[name], now[name])))
    this.#lastOf.delete(peerId)
    this.#lastOf.set(peerId, now)
    const [longestSilent] = this.#lastOf.keys()
    if (this.#lastOf.size > this.#peersKeptMax && longestSilent !== undefined) this.#lastOf.delete(longestSilent)
  }
}

/** A smaller number than before comes from a peer that started again. */
function growth(before: number, now: number): number {
  return now >= before ? now - before : now
}

function each(value: (name: keyof Traffic) => number): Traffic {
  return { originBytes: value('originBytes'), peerBytes: value('peerBytes'), sentBytes: value('sentBytes'), overrides: value('overrides') }
}
