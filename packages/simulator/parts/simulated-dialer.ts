// The asking side of a peer's connections: whom it may dial, what is open, who is banned, what is asked before the hello is over.
// Not the choice of whom to ask: the Scheduler's commands name the peer.
// Invariant: at most one connection per peer, none to a banned one.

import type { ArrivingChunk } from '@evastream/core/arriving-chunk'
import type { ErrorCode } from '@evastream/core/errors'
import type { ChunkId, PeerId, SongId } from '@evastream/core/ids'
import type { Millis } from '@evastream/core/units'
import type { VirtualClock } from '../virtual-clock.ts'
import type { AskingEnd, PeerRequest, SimulatedConnection } from './simulated-connection.ts'
import type { Host, Parcel } from './simulated-network.ts'
import type { Switchboard } from './switchboard.ts'

export interface DialerListener {
  peerListed(peerId: PeerId, songId: SongId, chunkIds: readonly ChunkId[]): void
  peerHas(peerId: PeerId, songId: SongId, chunkId: ChunkId): void
  peerLacks(peerId: PeerId, songId: SongId, chunkId: ChunkId): void
  peerArriving(peerId: PeerId, songId: SongId, chunks: readonly ArrivingChunk[]): void
  peerLost(peerId: PeerId, code: ErrorCode): void
  received(requestId: number, parcel: Parcel): void
  rejected(requestId: number, code: ErrorCode, retryAfterMs?: number): void
}

/** What a request is told for which there is no connection, because all there may be are taken or the peer failed just now. */
export interface Refusal {
  readonly code: ErrorCode
  readonly retryAfterMs?: number
}

interface Neighbour {
  readonly connection: SimulatedConnection
  readonly dialledAt: Millis
  usedAt: Millis
  readonly openRequests: Set<number>
  /** What is asked before the connection is open. */
  waiting: PeerRequest[]
}

interface DialRecord {
  readonly failures: number
  readonly dialAfter: Millis
}

/** As in the peer node: after the first failure, doubling with each; a connection that lasted makes the next failure a first one. */
const BACKOFF_BASE_MS = 500
const BACKOFF_MAX_MS = 30_000
const LASTING_MS = 5000
const CROWDED_RETRY_AFTER_MS = 1000
/** A connection that nobody used for this long makes room for one that is wanted. */
const SPARE_AFTER_MS = 5000
const NEVER_DIALLED: DialRecord = { failures: 0, dialAfter: 0 }

export interface DialerOptions {
  readonly connectionsMax: number
  /** Whether a connection it closes itself (a ban) is told as lost. */
  readonly tellsOwnHangUps: boolean
}

export class SimulatedDialer implements AskingEnd {
  readonly host: Host
  readonly #clock: VirtualClock
  readonly #switchboard: Switchboard
  readonly #listener: DialerListener
  readonly #options: DialerOptions
  readonly #songs = new Set<SongId>()
  readonly #known = new Map<PeerId, DialRecord>()
  readonly #neighbours = new Map<PeerId, Neighbour>()
  readonly #bannedUntil = new Map<PeerId, Millis>()

  constructor(
    deps: { readonly clock: VirtualClock; readonly switchboard: Switchboard; readonly host: Host; readonly listener: DialerListener },
    options: DialerOptions,
  ) {
    this.host = deps.host
    this.#clock = deps.clock
    this.#switchboard = deps.switchboard
    this.#listener = deps.listener
    this.#options = options
  }

  follow(songId: SongId): void {
    this.#songs.add(songId)
    for (const { connection } of this.#neighbours.values()) if (connection.isOpen) connection.subscribe(songId)
  }

  unfollow(songId: SongId): void {
    this.#songs.delete(songId)
  }

  introduce(peerId: PeerId): void {
    if (this.#isBanned(peerId)) return
    const record = this.#known.get(peerId) ?? NEVER_DIALLED
    this.#known.set(peerId, record)
    this.#reach(peerId, record)
  }

  /** @returns why the peer was not asked, if it was not. */
  ask(peerId: PeerId, request: PeerRequest): Refusal | undefined {
    const record = this.#known.get(peerId)
    if (record === undefined || this.#isBanned(peerId)) return { code: 'EVA_PEER_UNREACHABLE' }
    if (this.#isCrowded && !this.#neighbours.has(peerId)) this.#spareOne()
    const neighbour = this.#reach(peerId, record)
    if (neighbour === undefined) {
      const waitMs = record.dialAfter - this.#clock.now()
      if (waitMs > 0) return { code: 'EVA_PEER_UNREACHABLE', retryAfterMs: Math.ceil(waitMs) }
      return { code: 'EVA_PEER_BUSY', retryAfterMs: CROWDED_RETRY_AFTER_MS }
    }
    neighbour.openRequests.add(request.requestId)
    neighbour.usedAt = this.#clock.now()
    if (neighbour.connection.isOpen) neighbour.connection.ask(request)
    else neighbour.waiting.push(request)
    return undefined
  }

  cancel(peerId: PeerId, requestId: number): void {
    const neighbour = this.#neighbours.get(peerId)
    if (neighbour === undefined) return
    this.finished(peerId, requestId)
    neighbour.connection.cancel(requestId)
    neighbour.waiting = neighbour.waiting.filter(request => request.requestId !== requestId)
  }

  /** A request needs its connection no longer. */
  finished(peerId: PeerId, requestId: number): void {
    const neighbour = this.#neighbours.get(peerId)
    if (neighbour?.openRequests.delete(requestId)) neighbour.usedAt = this.#clock.now()
  }

  ban(peerId: PeerId, durationMs: number): void {
    this.#bannedUntil.set(peerId, this.#clock.now() + durationMs)
    this.#dismiss(peerId)
  }

  opened(connection: SimulatedConnection): void {
    for (const songId of this.#songs) connection.subscribe(songId)
    const neighbour = this.#neighbours.get(connection.peerId)
    for (const request of neighbour?.waiting ?? []) connection.ask(request)
    if (neighbour !== undefined) neighbour.waiting = []
  }

  listed(connection: SimulatedConnection, songId: SongId, chunkIds: readonly ChunkId[]): void {
    if (this.#songs.has(songId)) this.#listener.peerListed(connection.peerId, songId, chunkIds)
  }

  has(connection: SimulatedConnection, songId: SongId, chunkId: ChunkId): void {
    if (this.#songs.has(songId)) this.#listener.peerHas(connection.peerId, songId, chunkId)
  }

  lacks(connection: SimulatedConnection, songId: SongId, chunkId: ChunkId): void {
    if (this.#songs.has(songId)) this.#listener.peerLacks(connection.peerId, songId, chunkId)
  }

  arriving(connection: SimulatedConnection, songId: SongId, chunks: readonly ArrivingChunk[]): void {
    if (this.#songs.has(songId)) this.#listener.peerArriving(connection.peerId, songId, chunks)
  }

  received(requestId: number, parcel: Parcel): void {
    this.#listener.received(requestId, parcel)
  }

  rejected(requestId: number, code: ErrorCode, retryAfterMs?: number): void {
    this.#listener.rejected(requestId, code, retryAfterMs)
  }

  lost(connection: SimulatedConnection, code: ErrorCode): void {
    const neighbour = this.#neighbours.get(connection.peerId)
    if (neighbour?.connection !== connection) return
    this.#neighbours.delete(connection.peerId)
    const livedMs = this.#clock.now() - neighbour.dialledAt
    const failures = livedMs >= LASTING_MS ? 1 : (this.#known.get(connection.peerId)?.failures ?? 0) + 1
    const dialAfter = this.#clock.now() + Math.min(BACKOFF_MAX_MS, BACKOFF_BASE_MS * 2 ** (failures - 1))
    this.#known.set(connection.peerId, { failures, dialAfter })
    this.#listener.peerLost(connection.peerId, code)
    for (const [peerId, record] of this.#known) if (!this.#isBanned(peerId)) this.#reach(peerId, record)
  }

  #isBanned(peerId: PeerId): boolean {
    return (this.#bannedUntil.get(peerId) ?? 0) > this.#clock.now()
  }

  get #isCrowded(): boolean {
    return this.#neighbours.size >= this.#options.connectionsMax
  }

  #spareOne(): void {
    const now = this.#clock.now()
    for (const [peerId, { openRequests, usedAt }] of this.#neighbours) {
      if (openRequests.size > 0 || now - usedAt < SPARE_AFTER_MS) continue
      this.#dismiss(peerId)
      return
    }
  }

  #dismiss(peerId: PeerId): void {
    const neighbour = this.#neighbours.get(peerId)
    if (neighbour === undefined) return
    neighbour.connection.hangUp()
    this.#neighbours.delete(peerId)
    if (this.#options.tellsOwnHangUps) this.#clock.after(0, () => this.#listener.peerLost(peerId, 'EVA_PEER_CLOSED'))
  }

  /** The connection to a peer, dialled if it may be. */
  #reach(peerId: PeerId, record: DialRecord): Neighbour | undefined {
    const present = this.#neighbours.get(peerId)
    if (present !== undefined) return present
    const now = this.#clock.now()
    if (record.dialAfter > now || this.#isCrowded) return undefined
    const connection = this.#switchboard.dial(this, peerId)
    const neighbour = { connection, dialledAt: now, usedAt: now, openRequests: new Set<number>(), waiting: [] }
    this.#neighbours.set(peerId, neighbour)
    return neighbour
  }
}
