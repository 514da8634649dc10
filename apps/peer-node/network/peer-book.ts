// The peers this node has heard of: their addresses, how dialling them went, and who is banned.
// Not connections: peer-network has those. Not a judge: bans come from the scheduler.
// Invariant: a banned peer is never listed, whatever id it comes back with to the address where it said hello.

import type { PeerId } from '@evastream/core/ids'
import { type Millis, SECOND_MS } from '@evastream/core/units'
import type { Clock } from '@evastream/service-kit/system-clock'

/** After the first failure, doubling with each. */
const BACKOFF_BASE_MS = 500
const BACKOFF_MAX_MS = 30 * SECOND_MS
/** A connection that lasted this long was worth having: what follows counts as its first failure. */
const LASTING_MS = 5 * SECOND_MS

export interface KnownPeer {
  readonly peerId: PeerId
  readonly host: string
  readonly port: number
  /** Whether it answered as this peer at this address. */
  readonly hasGreeted: boolean
  /** Somebody else answered at its address: not dialled until it is introduced anew. */
  readonly isMisplaced: boolean
  readonly failures: number
  readonly dialAfter: Millis
}

export interface PeerBookOptions {
  readonly ownPeerId: PeerId
  readonly knownMax: number
}

export class PeerBook {
  readonly #clock: Clock
  readonly #options: PeerBookOptions
  /** In the order of their last mention. */
  readonly #known = new Map<PeerId, KnownPeer>()
  /** Until when, by peer id and by address. */
  readonly #bans = new Map<string, Millis>()

  constructor(deps: { readonly clock: Clock }, options: PeerBookOptions) {
    this.#clock = deps.clock
    this.#options = options
  }

  /** @returns undefined for this node itself and for who is banned. The one longest unmentioned makes room. */
  learn({ peerId, host, port }: Pick<KnownPeer, 'peerId' | 'host' | 'port'>): KnownPeer | undefined {
    if (peerId === this.#options.ownPeerId || this.#isBanned(peerId) || this.#isBanned(addressKey(host, port))) return undefined
    const old = this.#known.get(peerId)
    const isSame = old?.host === host && old.port === port
    const fresh = { peerId, host, port, hasGreeted: false, isMisplaced: false, failures: 0, dialAfter: 0 }
    const peer = old !== undefined && isSame ? { ...old, isMisplaced: false } : fresh
    this.#known.delete(peerId)
    this.#known.set(peerId, peer)
    const [oldest] = this.#known.keys()
    if (oldest !== undefined && this.#known.size > this.#options.knownMax) this.#known.delete(oldest)
    return peer
  }

  /** Undefined for who is unknown, misplaced or banned. */
  get(peerId: PeerId): KnownPeer | undefined {
    const peer = this.#known.get(peerId)
    if (peer === undefined || peer.isMisplaced) return undefined
    return this.#isBanned(peerId) || this.#isBanned(addressKey(peer.host, peer.port)) ? undefined : peer
  }

  /** How long not to dial it; 0 for now. */
  waitMs(peer: KnownPeer): number {
    return Math.max(0, peer.dialAfter - this.#clock.now())
  }

  /** Who may be dialled now, those that failed least first, then as they were mentioned. */
  *dialable(): Generator<KnownPeer> {
    const peers = [...this.#known.keys()].map(peerId => this.get(peerId)).filter(peer => peer !== undefined)
    for (const peer of peers.sort((a, b) => a.failures - b.failures)) if (this.waitMs(peer) === 0) yield peer
  }

  greeted(peerId: PeerId): void {
    this.#change(peerId, { hasGreeted: true })
  }

  /** Its address is somebody else's by now. */
  misplaced(peerId: PeerId): void {
    this.#change(peerId, { hasGreeted: false, isMisplaced: true })
  }

  /** A connection that could not be made, or that ended by itself; at the earliest after `retryAfterMs` there is another. */
  lost(peerId: PeerId, { livedMs, retryAfterMs = 0 }: { readonly livedMs: number; readonly retryAfterMs?: number }): void {
    const peer = this.#known.get(peerId)
    if (peer === undefined) return
    const failures = livedMs >= LASTING_MS ? 1 : peer.failures + 1
    const backoffMs = Math.min(BACKOFF_MAX_MS, BACKOFF_BASE_MS * 2 ** (failures - 1))
    this.#change(peerId, { failures, dialAfter: this.#clock.now() + Math.max(backoffMs, retryAfterMs) })
  }

  /** The id, and the address if the peer has answered there: a stale address may be somebody else's by now. */
  ban(peerId: PeerId, durationMs: number): void {
    const now = this.#clock.now()
    for (const [key, end] of this.#bans) if (end <= now) this.#bans.delete(key)
    const until = now + durationMs
    const peer = this.#known.get(peerId)
    this.#bans.set(peerId, until)
    if (peer?.hasGreeted) this.#bans.set(addressKey(peer.host, peer.port), until)
  }

  /** Bans remembered, of ids and of addresses. */
  get banCount(): number {
    return this.#bans.size
  }

  clear(): void {
    this.#known.clear()
  }

  #change(peerId: PeerId, change: Partial<KnownPeer>): void {
    const peer = this.#known.get(peerId)
    if (peer !== undefined) this.#known.set(peerId, { ...peer, ...change })
  }

  #isBanned(key: string): boolean {
    const until = this.#bans.get(key)
    if (until !== undefined && until <= this.#clock.now()) this.#bans.delete(key)
    return this.#bans.has(key)
  }
}

/** No peer id contains a slash. */
function addressKey(host: string, port: number): string {
  return `${host}/${port}`
}
