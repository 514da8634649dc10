// The asking side of a peer's connections: whom it may dial, what is open, who is banned, what is asked before the hello is over.
// Not the choice of whom to ask: the Scheduler's commands name the peer.
// Invariant: at most one connection per peer, none to a banned one.

import type { ErrorCode } from '@evastream/core/errors'
import type { ChunkId, PeerId, SongId } from '@evastream/core/ids'
import type { Millis } from '@evastream/core/units'
import type { AskingEnd, PeerRequest, SimulatedConnection } from './simulated-connection.ts'
import type { Host, Segment } from './simulated-network.ts'
import type { Switchboard } from './switchboard.ts'
import type { VirtualClock } from './virtual-clock.ts'

export interface DialerListener {
  peerListed(peerId: PeerId, songId: SongId, chunkIds: readonly ChunkId[]): void
  peerHas(peerId: PeerId, songId: SongId, chunkId: ChunkId): void
  peerLacks(peerId: PeerId, songId: SongId, chunkId: ChunkId): void
  peerLost(peerId: PeerId, code: ErrorCode): void
  received(requestId: number, segment: Segment): void
  rejected(requestId: number, code: ErrorCode, retryAfterMs?: number): void
}

/** A peer that could not be reached is dialled again for a listing only after this long. */
const REDIAL_AFTER_MS = 1000

export class SimulatedDialer implements AskingEnd {
  readonly host: Host
  readonly #clock: VirtualClock
  readonly #switchboard: Switchboard
  readonly #listener: DialerListener
  readonly #tellsOwnHangUps: boolean
  readonly #songs = new Set<SongId>()
  readonly #known = new Set<PeerId>()
  readonly #connections = new Map<PeerId, SimulatedConnection>()
  readonly #waiting = new Map<PeerId, PeerRequest[]>()
  readonly #bannedUntil = new Map<PeerId, Millis>()
  readonly #redialAt = new Map<PeerId, Millis>()

  constructor(
    deps: { readonly clock: VirtualClock; readonly switchboard: Switchboard; readonly host: Host; readonly listener: DialerListener },
    options: { readonly tellsOwnHangUps: boolean },
  ) {
    this.host = deps.host
    this.#clock = deps.clock
    this.#switchboard = deps.switchboard
    this.#listener = deps.listener
    this.#tellsOwnHangUps = options.tellsOwnHangUps
  }

  follow(songId: SongId): void {
    this.#songs.add(songId)
    for (const connection of this.#connections.values()) if (connection.isOpen) connection.subscribe(songId)
  }

  unfollow(songId: SongId): void {
    this.#songs.delete(songId)
  }

  introduce(peerId: PeerId): void {
    this.#known.add(peerId)
    if ((this.#redialAt.get(peerId) ?? 0) <= this.#clock.now()) this.#connectionTo(peerId)
  }

  /** @returns false when the peer is unknown or banned. */
  ask(peerId: PeerId, request: PeerRequest): boolean {
    const connection = this.#connectionTo(peerId)
    if (connection === undefined) return false
    if (connection.isOpen) connection.ask(request)
    else this.#waiting.get(peerId)?.push(request)
    return true
  }

  cancel(peerId: PeerId, requestId: number): void {
    this.#connections.get(peerId)?.cancel(requestId)
    const waiting = this.#waiting.get(peerId)
    if (waiting !== undefined)
      this.#waiting.set(
        peerId,
        waiting.filter(request => request.requestId !== requestId),
      )
  }

  ban(peerId: PeerId, durationMs: number): void {
    this.#bannedUntil.set(peerId, this.#clock.now() + durationMs)
    const connection = this.#connections.get(peerId)
    if (connection === undefined) return
    connection.hangUp()
    this.#forget(peerId)
    if (this.#tellsOwnHangUps) this.#clock.after(0, () => this.#listener.peerLost(peerId, 'EVA_PEER_CLOSED'))
  }

  opened(connection: SimulatedConnection): void {
    for (const songId of this.#songs) connection.subscribe(songId)
    for (const request of this.#waiting.get(connection.peerId) ?? []) connection.ask(request)
    this.#waiting.delete(connection.peerId)
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

  received(requestId: number, segment: Segment): void {
    this.#listener.received(requestId, segment)
  }

  rejected(requestId: number, code: ErrorCode, retryAfterMs?: number): void {
    this.#listener.rejected(requestId, code, retryAfterMs)
  }

  lost(connection: SimulatedConnection, code: ErrorCode): void {
    if (this.#connections.get(connection.peerId) !== connection) return
    this.#forget(connection.peerId)
    this.#redialAt.set(connection.peerId, this.#clock.now() + REDIAL_AFTER_MS)
    this.#listener.peerLost(connection.peerId, code)
  }

  #forget(peerId: PeerId): void {
    this.#connections.delete(peerId)
    this.#waiting.delete(peerId)
  }

  #connectionTo(peerId: PeerId): SimulatedConnection | undefined {
    if (!this.#known.has(peerId) || (this.#bannedUntil.get(peerId) ?? 0) > this.#clock.now()) return undefined
    const present = this.#connections.get(peerId)
    if (present !== undefined) return present
    const connection = this.#switchboard.dial(this, peerId)
    if (connection === undefined) return undefined
    this.#connections.set(peerId, connection)
    this.#waiting.set(peerId, [])
    return connection
  }
}
