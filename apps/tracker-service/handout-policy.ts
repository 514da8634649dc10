// Which of the living peers are named to others: the judgement of reports, and how many peers one answer may hold.
// Not liveness (the registry) and not reachability, which only those who dial can know and tell by their reports.
// Invariant: a peer that gives its signs of life in time cannot be hidden by one liar, whatever ids the liar takes.
//
// A witness is the address that a report came from; on loopback, where all share one, it is the reporting peer.
// A reported peer is hidden until its next sign of life, when two witnesses reported it, or when one did and the peer's own sign
// of life is overdue. The tracker itself is a witness when it dialled the peer and nobody answered. A sign of life proves its reports wrong and mutes their witnesses for a while, so that two liars hide
// nobody for long. A registration anew is no such proof: whoever was killed and came back was rightly reported.

import { addressScope } from '@evastream/core/address'
import type { PeerId } from '@evastream/core/ids'
import { MINUTE_MS, type Millis } from '@evastream/core/units'
import type { PeerRecord } from './swarm-registry.ts'

export interface HandoutPolicyOptions {
  readonly heartbeatIntervalMs: number
}

/** What is to be known of a reported peer. */
export type ReportedPeer = Pick<PeerRecord, 'peerId' | 'lastSeenAt'>
type Reporter = Pick<PeerRecord, 'peerId' | 'observedHost'>

/** No address: nobody else can be this witness, and it is never muted. */
const TRACKER_ITSELF = 'the tracker'
const LATE_AFTER_HEARTBEATS = 1.5
const MUTED_FOR_MS = MINUTE_MS
const REPORTS_KEPT_MAX = 16
const MUTED_KEPT_MAX = 100_000

/** Chunk ids in one answer that spells them out; a song with more is answered with fewer peers, or as bitmaps. */
const SPELT_CHUNKS_MAX = 500_000

export class HandoutPolicy {
  readonly #options: HandoutPolicyOptions
  /** Who said, since the peer's last sign of life, that it is dead. */
  readonly #witnesses = new Map<PeerId, Set<string>>()
  /** Until when a witness is not believed; in the order in which they will be again. */
  readonly #mutedUntil = new Map<string, Millis>()
  #version = 0

  constructor(options: HandoutPolicyOptions) {
    this.#options = options
  }

  /** Grows with every report, so that whoever keeps an answer knows when to ask again. */
  get version(): number {
    return this.#version
  }

  /** `reporter` calls `reported` dead. */
  note(reporter: Reporter, reported: ReportedPeer, at: Millis): void {
    const witness = witnessOf(reporter)
    if (reporter.peerId === reported.peerId || this.#isMuted(witness, at)) return
    this.#add(reported.peerId, witness)
  }

  /** The tracker dialled the peer, and nobody was there. */
  noteUnreachable(peerId: PeerId): void {
    this.#add(peerId, TRACKER_ITSELF)
  }

  /** A sign of life: every report of this peer's death was wrong. */
  disprove(peerId: PeerId, at: Millis): void {
    const witnesses = this.#witnesses.size === 0 ? undefined : this.#witnesses.get(peerId)
    if (witnesses === undefined) return
    for (const witness of witnesses) if (witness !== TRACKER_ITSELF) this.#mute(witness, at)
    this.#witnesses.delete(peerId)
  }

  /** The peer is gone, or begins anew; its witnesses were neither right nor wrong. */
  forget(peerId: PeerId): void {
    this.#witnesses.delete(peerId)
  }

  /** How many say that it is dead. */
  witnessCount(peerId: PeerId): number {
    return this.#witnesses.get(peerId)?.size ?? 0
  }

  isHidden(peer: ReportedPeer, at: Millis): boolean {
    if (this.#witnesses.size === 0) return false
    const isLate = at - peer.lastSeenAt > LATE_AFTER_HEARTBEATS * this.#options.heartbeatIntervalMs
    return this.witnessCount(peer.peerId) >= (isLate ? 1 : 2)
  }

  #add(peerId: PeerId, witness: string): void {
    const witnesses = this.#witnesses.get(peerId) ?? new Set()
    this.#version++
    if (witnesses.size < REPORTS_KEPT_MAX) this.#witnesses.set(peerId, witnesses.add(witness))
  }

  #isMuted(witness: string, at: Millis): boolean {
    return at < (this.#mutedUntil.get(witness) ?? 0)
  }

  #mute(witness: string, at: Millis): void {
    this.#mutedUntil.delete(witness)
    this.#mutedUntil.set(witness, at + MUTED_FOR_MS)
    for (const [each, until] of this.#mutedUntil) {
      if (at < until && this.#mutedUntil.size <= MUTED_KEPT_MAX) break
      this.#mutedUntil.delete(each)
    }
  }
}

/** How many peers one answer may hold, so that it stays within a few megabytes. */
export function handoutLimit(wanted: { readonly limit: number; readonly chunkCount: number; readonly isSpeltOut: boolean }): number {
  return wanted.isSpeltOut ? Math.max(1, Math.min(wanted.limit, Math.floor(SPELT_CHUNKS_MAX / wanted.chunkCount))) : wanted.limit
}

function witnessOf(peer: Reporter): string {
  return addressScope(peer.observedHost) === 'loopback' ? `peer ${peer.peerId}` : peer.observedHost
}
