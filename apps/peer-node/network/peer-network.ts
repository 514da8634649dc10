// Every peer this node may download from: dials them, keeps a bounded number of connections, hands them out as sources.
// Not who is asked for what (the scheduler), and not what came of it (the coordinator).
// Invariant: no address is dialled that the rules forbid, none of a banned peer, none too soon after it failed,
// and there are never more connections than the limits allow.

import { EvaError } from '@evastream/core/errors'
import type { PeerId, SongId } from '@evastream/core/ids'
import type { SongShape } from '@evastream/core/manifest'
import { type Millis, SECOND_MS } from '@evastream/core/units'
import type { Clock, Timers } from '@evastream/service-kit/system-clock'
import { PeerConnection } from '../peer-connection.ts'
import type { BlockRequest, ChunkSource, ListedPeer, NodeLog, PeerNetworkListener, PeerNetworkPort } from '../ports.ts'
import { ConnectionLimits } from './connection-limits.ts'
import { type KnownPeer, PeerBook } from './peer-book.ts'
import type { PeerLink } from './peer-link.ts'
import { dialTcpLink, type LinkAddress } from './tcp-link.ts'

/** Addresses remembered, connected or not. */
const DEFAULT_KNOWN_MAX = 1000
/** A connection that nobody used for this long may make room for one that is wanted now. */
const SPARE_AFTER_MS = 5 * SECOND_MS
const TICK_MS = 250
/** Forbidden addresses remembered as told. */
const REPORTED_MAX = 100
/** What a fetch is told for which there is no room. */
const CROWDED_RETRY_AFTER_MS = SECOND_MS

export interface PeerNetworkDeps {
  readonly clock: Clock
  readonly timers: Pick<Timers, 'every'>
  readonly log: NodeLog
  /** The address rules (core/address.ts), for this node's tracker. Asked before dialling, and again of the connected socket. */
  readonly mayDial: (host: string) => boolean
  /** Bytes that came after their fetch was cancelled. */
  readonly onBytesWasted?: (sizeBytes: number) => void
  readonly dial?: (address: LinkAddress) => PeerLink
  /** Shared with whoever accepts; absent: its own, with the defaults. */
  readonly limits?: ConnectionLimits
}

export interface PeerNetworkOptions {
  readonly ownPeerId: PeerId
  readonly knownMax?: number
}

interface Neighbour {
  readonly connection: PeerConnection
  readonly dialledAt: Millis
  usedAt: Millis
  wasOpen: boolean
  /** We are closing it: no failure of the peer's. */
  isDismissed: boolean
}

const nobody: PeerNetworkListener = {
  peerListed: () => undefined,
  peerHas: () => undefined,
  peerLacks: () => undefined,
  peerArriving: () => undefined,
  peerLost: () => undefined,
}

export class PeerNetwork implements PeerNetworkPort {
  readonly #deps: PeerNetworkDeps
  readonly #options: PeerNetworkOptions
  readonly #limits: ConnectionLimits
  readonly #book: PeerBook
  readonly #songs = new Map<SongId, SongShape>()
  readonly #neighbours = new Map<PeerId, Neighbour>()
  readonly #reported = new Set<string>()
  /** They were there and hung up: dialled once more, so that a death is noticed without anybody naming them again. */
  readonly #missed = new Set<PeerId>()
  #listener = nobody
  #stopTicking: (() => void) | undefined
  #isClosed = false
  #isPaused = false

  constructor(deps: PeerNetworkDeps, options: PeerNetworkOptions) {
    this.#deps = deps
    this.#options = options
    this.#limits = deps.limits ?? new ConnectionLimits()
    this.#book = new PeerBook(deps, { ownPeerId: options.ownPeerId, knownMax: options.knownMax ?? DEFAULT_KNOWN_MAX })
  }

  get connectionCount(): number {
    return this.#neighbours.size
  }

  /** Who is told what happens; nobody before the first call. */
  listen(listener: PeerNetworkListener): void {
    this.#listener = listener
  }

  introduce({ peerId, host, port }: ListedPeer): boolean {
    if (this.#isClosed || this.#isPaused) return false
    if (!this.#deps.mayDial(host) || port < 1 || port > 65_535) {
      this.#reportForbidden(peerId, `${host.slice(0, 64)} port ${port}`)
      return false
    }
    const peer = this.#book.learn({ peerId, host, port })
    if (peer !== undefined && this.#songs.size > 0) this.#dialIfRoom(peer)
    return peer !== undefined
  }

  follow(songId: SongId, shape: SongShape): void {
    if (this.#isClosed) return
    this.#songs.set(songId, shape)
    for (const { connection } of this.#neighbours.values()) connection.follow(songId, shape)
    this.#dialDialable()
  }

  unfollow(songId: SongId): void {
    this.#songs.delete(songId)
    for (const neighbour of [...this.#neighbours.values()]) {
      neighbour.connection.unfollow(songId)
      if (this.#songs.size === 0 && neighbour.connection.openFetchCount === 0) dismiss(neighbour)
    }
  }

  /** Leaves every peer, and knows none until `resume`. */
  pause(): void {
    this.#isPaused = true
    this.#book.clear()
    for (const neighbour of [...this.#neighbours.values()]) dismiss(neighbour)
  }

  /** From now on peers may be introduced again. */
  resume(): void {
    this.#isPaused = false
  }

  sourceOf(peerId: PeerId): ChunkSource | undefined {
    const peer = this.#isClosed ? undefined : this.#book.get(peerId)
    if (peer === undefined) return undefined
    this.#reach(peer)
    return { fetchBlocks: (request, onBytes, signal) => this.#fetch(peerId, { request, onBytes, signal }) }
  }

  ban(peerId: PeerId, durationMs: number): void {
    this.#book.ban(peerId, durationMs)
    const neighbour = this.#neighbours.get(peerId)
    if (neighbour !== undefined) dismiss(neighbour)
  }

  /** Says goodbye to everybody; nothing is told afterwards. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#listener = nobody
    this.#missed.clear()
    for (const neighbour of [...this.#neighbours.values()]) dismiss(neighbour)
    this.#stopTickingIfIdle()
  }

  async #fetch(peerId: PeerId, { request, onBytes, signal }: FetchArguments): Promise<void> {
    if (signal.aborted) throw new EvaError('EVA_CANCELLED', { cause: signal.reason })
    const peer = this.#isClosed ? undefined : this.#book.get(peerId)
    if (peer === undefined) throw new EvaError('EVA_PEER_CLOSED')
    const neighbour = this.#reach(peer)
    if (neighbour !== undefined) {
      neighbour.usedAt = this.#deps.clock.now()
      await neighbour.connection.fetchBlocks(request, onBytes, signal)
      neighbour.usedAt = this.#deps.clock.now()
      return
    }
    const waitMs = this.#book.waitMs(peer)
    if (waitMs === 0) throw new EvaError('EVA_PEER_BUSY', { details: { retryAfterMs: CROWDED_RETRY_AFTER_MS } })
    throw new EvaError('EVA_PEER_UNREACHABLE', { details: { reason: 'it failed a moment ago', retryAfterMs: Math.ceil(waitMs) } })
  }

  /** Its connection, dialled if need be and, with nobody to spare, undefined. */
  #reach(peer: KnownPeer): Neighbour | undefined {
    const present = this.#neighbours.get(peer.peerId)
    if (present !== undefined || this.#book.waitMs(peer) > 0) return present
    if (!this.#limits.mayDial) this.#spareOne()
    return this.#limits.mayDial ? this.#dial(peer) : undefined
  }

  #spareOne(): void {
    const now = this.#deps.clock.now()
    const spare = [...this.#neighbours.values()]
      .filter(({ connection, usedAt }) => connection.openFetchCount === 0 && now - usedAt >= SPARE_AFTER_MS)
      .sort((a, b) => a.usedAt - b.usedAt)[0]
    if (spare !== undefined) dismiss(spare)
  }

  #dialIfRoom(peer: KnownPeer): void {
    if (this.#limits.mayDial && !this.#neighbours.has(peer.peerId) && this.#book.waitMs(peer) === 0) this.#dial(peer)
  }

  #dialDialable(): void {
    if (this.#isClosed || this.#songs.size === 0) return
    for (const peer of this.#book.dialable()) {
      if (!this.#limits.mayDial) return
      this.#dialIfRoom(peer)
    }
  }

  /** Once for each address: the tracker lists it again at every poll. */
  #reportForbidden(peerId: PeerId, address: string): void {
    if (this.#reported.has(address)) return
    if (this.#reported.size >= REPORTED_MAX) this.#reported.clear()
    this.#reported.add(address)
    this.#deps.log.warn({ peerId, address }, 'the tracker listed an address that may not be dialled')
  }

  #dial({ peerId, host, port }: KnownPeer): Neighbour {
    const { clock, timers, mayDial, dial = dialTcpLink, onBytesWasted = () => undefined } = this.#deps
    const connection = new PeerConnection(
      {
        link: dial({ host, port }),
        clock,
        mayReach: reached => reached === host && mayDial(reached),
        listener: {
          opened: () => this.#opened(peerId),
          songListed: (songId, chunkIds) => this.#listener.peerListed(peerId, songId, chunkIds),
          songGained: (songId, chunkIds) => this.#listener.peerHas(peerId, songId, chunkIds),
          songShrunk: (songId, chunkIds) => this.#listener.peerLacks(peerId, songId, chunkIds),
          songArriving: (songId, chunks) => this.#listener.peerArriving(peerId, songId, chunks),
          bytesWasted: onBytesWasted,
          closed: error => this.#lost(peerId, error),
        },
      },
      { peerId, ownPeerId: this.#options.ownPeerId },
    )
    const now = clock.now()
    const neighbour = { connection, dialledAt: now, usedAt: now, wasOpen: false, isDismissed: false }
    this.#limits.dialled()
    this.#neighbours.set(peerId, neighbour)
    this.#stopTicking ??= timers.every(TICK_MS, () => this.#tick())
    connection.start()
    return neighbour
  }

  #opened(peerId: PeerId): void {
    this.#book.greeted(peerId)
    const neighbour = this.#neighbours.get(peerId)
    if (neighbour === undefined) return
    neighbour.wasOpen = true
    for (const [songId, shape] of this.#songs) neighbour.connection.follow(songId, shape)
  }

  #lost(peerId: PeerId, error: EvaError): void {
    const neighbour = this.#neighbours.get(peerId)
    if (neighbour === undefined) return
    this.#neighbours.delete(peerId)
    this.#limits.hungUp()
    const { retryAfterMs, answeredBy } = error.details
    const livedMs = this.#deps.clock.now() - neighbour.dialledAt
    if (!neighbour.isDismissed) this.#book.lost(peerId, { livedMs, ...(typeof retryAfterMs === 'number' && { retryAfterMs }) })
    if (answeredBy !== undefined) this.#book.misplaced(peerId)
    if (!neighbour.isDismissed && neighbour.wasOpen && error.code === 'EVA_PEER_CLOSED') this.#missed.add(peerId)
    const isStrange = error.code === 'EVA_PEER_PROTOCOL' || error.code === 'EVA_PEER_ADDRESS_FORBIDDEN'
    const line = { peerId, code: error.code }
    if (isStrange) this.#deps.log.warn(line, `a peer was left: ${error.message}`)
    else this.#deps.log.debug(line, `a connection to a peer ended: ${error.message}`)
    this.#listener.peerLost(peerId, error.code)
    if (!neighbour.isDismissed) this.#dialDialable()
    this.#stopTickingIfIdle()
  }

  #tick(): void {
    const now = this.#deps.clock.now()
    for (const { connection } of [...this.#neighbours.values()]) connection.tick(now)
    for (const peerId of this.#missed) this.#lookAgain(peerId)
    this.#stopTickingIfIdle()
  }

  #lookAgain(peerId: PeerId): void {
    const peer = this.#book.get(peerId)
    if (peer !== undefined && this.#songs.size > 0 && this.#book.waitMs(peer) > 0) return
    this.#missed.delete(peerId)
    if (peer !== undefined && this.#songs.size > 0) this.#dialIfRoom(peer)
  }

  #stopTickingIfIdle(): void {
    if (this.#neighbours.size > 0 || this.#missed.size > 0) return
    this.#stopTicking?.()
    this.#stopTicking = undefined
  }
}

interface FetchArguments {
  readonly request: BlockRequest
  readonly onBytes: (filledBytes: number) => void
  readonly signal: AbortSignal
}

function dismiss(neighbour: Neighbour): void {
  neighbour.isDismissed = true
  neighbour.connection.close()
}
