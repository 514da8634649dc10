// The tracker: who is registered until when, and who holds which chunk; it can be down, and it can forget everything.
// Not the service: no tokens, no HTTP; the staleness, the expiry and the outages are what the peers feel.
// Invariant: a peer that has expired or deregistered is in no list.

import type { ErrorCode } from '@evastream/core/errors'
import type { ChunkId, PeerId, SongId } from '@evastream/core/ids'
import type { Random } from '@evastream/core/random'
import { SECOND_MS } from '@evastream/core/units'
import type { Host, SimulatedNetwork } from './simulated-network.ts'
import type { VirtualClock } from './virtual-clock.ts'

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
}

interface Entry {
  expiresAt: number
  readonly holdings: Map<SongId, Set<ChunkId>>
}

export const HEARTBEAT_EVERY_MS = 10 * SECOND_MS
const EXPIRES_AFTER_MS = 30 * SECOND_MS
const CALL_TIMEOUT_MS = 5 * SECOND_MS
/** The default of GET /peers: so many, by chance. */
const LISTED_MAX = 30

export class SimulatedTracker {
  isDown = false
  readonly host: Host
  readonly #clock: VirtualClock
  readonly #random: Random
  readonly #network: SimulatedNetwork
  readonly #entries = new Map<PeerId, Entry>()

  constructor(deps: TrackerDeps) {
    this.#clock = deps.clock
    this.#random = deps.random
    this.#network = deps.network
    this.host = deps.host
  }

  forgetEverything(): void {
    this.#entries.clear()
  }

  register(from: Host, peerId: PeerId, listener: TrackerListener<undefined>): void {
    this.#call(from, listener, () => {
      this.#entries.set(peerId, { expiresAt: this.#clock.now() + EXPIRES_AFTER_MS, holdings: new Map() })
      return undefined
    })
  }

  deregister(from: Host, peerId: PeerId): void {
    this.#call(from, { replied: () => {}, failed: () => {} }, () => this.#entries.delete(peerId))
  }

  /** Replies whether the peer is known; who is not registers again. */
  heartbeat(from: Host, peerId: PeerId, listener: TrackerListener<boolean>): void {
    this.#call(from, listener, () => {
      const entry = this.#living(peerId)
      if (entry !== undefined) entry.expiresAt = this.#clock.now() + EXPIRES_AFTER_MS
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
      for (const [peerId, entry] of this.#entries) {
        const held = entry.holdings.get(asker.songId)
        if (peerId !== asker.peerId && held !== undefined && this.#living(peerId) !== undefined) holders.push({ peerId, held })
      }
      const listed = holders.length > LISTED_MAX ? this.#random.shuffled(holders).slice(0, LISTED_MAX) : holders
      return listed.map(({ peerId, held }): Listing => ({ peerId, chunkIds: [...held].sort((a, b) => a - b) }))
    })
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
      const reply = act()
      this.#network.send(this.host, from, () => end(() => listener.replied(reply)))
    })
  }
}
