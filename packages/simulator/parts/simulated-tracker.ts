// The tracker: who is registered until when, who holds which chunk, and who fetches one from the origin; it can be down, and forget.
// Not the service: no tokens, no HTTP; the staleness, the expiry and the outages are what the peers feel.
// Invariant: a peer that has expired or deregistered is in no list.

import type { ErrorCode } from '@evastream/core/errors'
import type { ChunkId, PeerId, SongId } from '@evastream/core/ids'
import type { SongShape } from '@evastream/core/manifest'
import type { Random } from '@evastream/core/random'
import { SECOND_MS } from '@evastream/core/units'
import type { LeaseAsk } from '@evastream/engine/leases/lease-book'
import type { Fact } from '../records/simulation-observer.ts'
import type { VirtualClock } from '../virtual-clock.ts'
import type { Host, SimulatedNetwork } from './simulated-network.ts'
import { type LeaseWord, TrackerLeases } from './tracker-leases.ts'

export interface Listing {
  readonly peerId: PeerId
  readonly chunkIds: readonly ChunkId[]
}

export interface TrackerListener<Reply> {
  replied(reply: Reply): void
  failed(code: ErrorCode): void
}

export interface TrackerDeps {
  readonly clock: VirtualClock
  readonly random: Random
  readonly network: SimulatedNetwork
  readonly host: Host
  /** Hears of each lease and of what ends it. */
  told?(peerId: PeerId, fact: Fact): void
  /** Whether somebody answers where the peer should be; always, when absent. */
  isUp?(peerId: PeerId): boolean
}

export interface TrackerOptions {
  /** The songs that it grants leases of. */
  readonly shapes: ReadonlyMap<SongId, SongShape>
  readonly originCopies?: number | undefined
}

interface Entry {
  expiresAt: number
  readonly holdings: Map<SongId, Set<ChunkId>>
  /** Who said, since its last sign of life, that it is dead. */
  readonly witnesses: Set<PeerId | 'the tracker'>
}

export const HEARTBEAT_EVERY_MS = 10 * SECOND_MS
const EXPIRES_AFTER_MS = 30 * SECOND_MS
const DEAD_WITNESSES = 2
const CALL_TIMEOUT_MS = 5 * SECOND_MS
/** The default of GET /peers: so many, by chance. */
const LISTED_MAX = 30

export class SimulatedTracker {
  isDown = false
  /** So much later than its link would have it, each call is looked at. */
  delayMs = 0
  readonly host: Host
  readonly #clock: VirtualClock
  readonly #random: Random
  readonly #network: SimulatedNetwork
  readonly #entries = new Map<PeerId, Entry>()
  readonly #leases: TrackerLeases
  readonly #isUp: (peerId: PeerId) => boolean

  constructor(deps: TrackerDeps, { shapes, originCopies = 1 }: TrackerOptions) {
    this.#clock = deps.clock
    this.#random = deps.random
    this.#network = deps.network
    this.host = deps.host
    this.#isUp = peerId => deps.isUp?.(peerId) ?? true
    const facts = {
      random: deps.random,
      told: (peerId: PeerId, fact: Fact) => deps.told?.(peerId, fact),
      membersOf: (songId: SongId) => this.#membersOf(songId),
      isLiving: (peerId: PeerId) => this.#isHandedOut(peerId),
    }
    this.#leases = new TrackerLeases(facts, { shapes, originCopies })
  }

  forgetEverything(): void {
    this.#entries.clear()
    this.#leases.forgetEverything()
  }

  register(from: Host, peerId: PeerId, listener: TrackerListener<undefined>): void {
    this.#call(from, listener, () => {
      this.#leases.peerFailed(peerId)
      this.#entries.set(peerId, { expiresAt: this.#clock.now() + EXPIRES_AFTER_MS, holdings: new Map(), witnesses: new Set() })
      return undefined
    })
  }

  deregister(from: Host, peerId: PeerId): void {
    this.#call(from, { replied: () => {}, failed: () => {} }, () => {
      this.#leases.peerFailed(peerId)
      return this.#entries.delete(peerId)
    })
  }

  /** Replies whether the peer is known; who is not registers again. */
  heartbeat(from: Host, peerId: PeerId, listener: TrackerListener<boolean>): void {
    this.#call(from, listener, () => {
      const entry = this.#living(peerId)
      if (entry !== undefined) entry.expiresAt = this.#clock.now() + EXPIRES_AFTER_MS
      entry?.witnesses.clear()
      return entry !== undefined
    })
  }

  acquired(from: Host, holder: { peerId: PeerId; songId: SongId; chunkIds: readonly ChunkId[] }, listener: TrackerListener<boolean>): void {
    this.#call(from, listener, () => {
      const entry = this.#living(holder.peerId)
      if (entry === undefined) return false
      const held = entry.holdings.get(holder.songId) ?? new Set()
      entry.holdings.set(holder.songId, held)
      for (const chunkId of holder.chunkIds) held.add(chunkId)
      this.#leases.completed(holder.peerId, holder.songId, holder.chunkIds)
      return true
    })
  }

  released(from: Host, holder: { peerId: PeerId; songId: SongId; chunkId: ChunkId }): void {
    this.#call(from, { replied: () => {}, failed: () => {} }, () =>
      this.#living(holder.peerId)?.holdings.get(holder.songId)?.delete(holder.chunkId),
    )
  }

  /** Who holds something of the song, the asker left out. */
  peersOf(from: Host, asker: { peerId: PeerId; songId: SongId }, listener: TrackerListener<readonly Listing[]>): void {
    this.#call(from, listener, () => {
      const holders: { readonly peerId: PeerId; readonly held: ReadonlySet<ChunkId> }[] = []
      for (const [peerId, held] of this.#membersOf(asker.songId)) if (peerId !== asker.peerId) holders.push({ peerId, held })
      const listed = holders.length > LISTED_MAX ? this.#random.shuffled(holders).slice(0, LISTED_MAX) : holders
      this.#addAskers(listed, asker)
      return listed.map(({ peerId, held }): Listing => ({ peerId, chunkIds: [...held].sort((a, b) => a - b) }))
    })
  }

  /** Replies undefined to one who is not known. */
  askLeases(from: Host, wish: LeaseAsk, listener: TrackerListener<LeaseWord | undefined>): void {
    this.#call(from, listener, () => (this.#living(wish.peerId) === undefined ? undefined : this.#leases.ask(wish, this.#clock.now())))
  }

  returnLeases(from: Host, peerId: PeerId, leaseIds: readonly string[]): void {
    this.#call(from, { replied: () => {}, failed: () => {} }, () => this.#leases.returned(peerId, leaseIds, this.#clock.now()))
  }

  /** Somebody dialled a peer in vain. */
  report(from: Host, peerId: PeerId, reportedPeerId: PeerId): void {
    this.#call(from, { replied: () => {}, failed: () => {} }, () => {
      const witnesses = this.#living(reportedPeerId)?.witnesses.add(peerId)
      if (!this.#isUp(reportedPeerId)) witnesses?.add('the tracker')
    })
  }

  /** Few hold anything of it: those who are about to are worth knowing. */
  #addAskers(listed: { readonly peerId: PeerId; readonly held: ReadonlySet<ChunkId> }[], asker: { peerId: PeerId; songId: SongId }): void {
    const spare = LISTED_MAX - listed.length
    if (spare <= 0) return
    const known = new Set(listed.map(({ peerId }) => peerId)).add(asker.peerId)
    const others = this.#leases.askersOf(asker.songId, this.#clock.now()).filter(peerId => !known.has(peerId) && this.#isHandedOut(peerId))
    for (const peerId of this.#random.shuffled(others).slice(0, spare)) listed.push({ peerId, held: new Set() })
  }

  #membersOf(songId: SongId): (readonly [PeerId, ReadonlySet<ChunkId>])[] {
    const members: (readonly [PeerId, ReadonlySet<ChunkId>])[] = []
    for (const [peerId, entry] of this.#entries) {
      const held = entry.holdings.get(songId)
      if (held !== undefined && this.#isHandedOut(peerId)) members.push([peerId, held])
    }
    return members
  }

  /** Alive, as far as the tracker knows, and not reported dead by two; it dials whom one reported, and is the second. */
  #isHandedOut(peerId: PeerId): boolean {
    const entry = this.#living(peerId)
    return entry !== undefined && entry.witnesses.size < DEAD_WITNESSES
  }

  #living(peerId: PeerId): Entry | undefined {
    const entry = this.#entries.get(peerId)
    return entry !== undefined && entry.expiresAt > this.#clock.now() ? entry : undefined
  }

  #call<Reply>(from: Host, listener: TrackerListener<Reply>, act: () => Reply): void {
    let isOver = false
    const end = (tell: () => void) => {
      if (isOver) return
      isOver = true
      timeout.isCancelled = true
      tell()
    }
    const timeout = this.#clock.after(CALL_TIMEOUT_MS, () => end(() => listener.failed('EVA_SERVICE_TIMEOUT')))
    this.#network.send(from, this.host, () => {
      if (this.isDown) {
        this.#network.send(this.host, from, () => end(() => listener.failed('EVA_SERVICE_UNREACHABLE')))
        return
      }
      this.#clock.after(this.delayMs, () => {
        const reply = act()
        this.#network.send(this.host, from, () => end(() => listener.replied(reply)))
      })
    })
  }
}
