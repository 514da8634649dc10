// What the tracker does with each call, once it is known to be well-formed: who may speak, what is noted, who is named.
// Not HTTP, and not the memory itself: the registry keeps the swarms, the directory knows which songs exist.
// Invariant: whatever speaks for a peer has shown that peer's token, and counts as its sign of life.

import type { AddressRange } from '@evastream/core/address'
import { EvaError } from '@evastream/core/errors'
import { type ChunkId, parsePeerId, parseSongId } from '@evastream/core/ids'
import type { Random } from '@evastream/core/random'
import type { Millis } from '@evastream/core/units'
import type { LeaseBook } from '@evastream/engine/leases/lease-book'
import type {
  ChunkAcquiredRequest,
  ChunkReleasedRequest,
  ChunksReply,
  HeartbeatReply,
  HeartbeatRequest,
  OriginLeaseReply,
  OriginLeaseRequest,
  OriginLeaseReturn,
  OriginLeaseReturned,
  PeerReportRequest,
  PeersQuery,
  RegisterRequest,
  Registration,
  SwarmQuery,
  SwarmReply,
  SwarmsReply,
  TrackerStats,
} from '@evastream/protocol/tracker-http'
import { judgeAddress } from './address-policy.ts'
import type { HandoutPolicy } from './handout-policy.ts'
import { LeaseDesk, type LeasedSong } from './lease-desk.ts'
import { PeerListing } from './peer-listing.ts'
import { NONE, type PeerSlot } from './peer-table.ts'
import { checkToken, isTokenOf, tokenDigest, tokenFor } from './peer-token.ts'
import type { ReachabilityCheck } from './reachability-check.ts'
import type { ReportedTraffic } from './reported-traffic.ts'
import type { SongDirectory } from './song-directory.ts'
import { SwarmPortrait } from './swarm-portrait.ts'
import type { PeerRecord, SwarmRegistry } from './swarm-registry.ts'

export interface TrackerDeskDeps {
  readonly registry: SwarmRegistry
  readonly directory: SongDirectory
  readonly policy: HandoutPolicy
  readonly traffic: ReportedTraffic
  readonly leases: LeaseBook
  readonly reachability: Pick<ReachabilityCheck, 'isReachable'>
  readonly clock: { now(): Millis }
  readonly random: Random
}

export interface TrackerDeskOptions {
  /** Names this life of the tracker: a peer that sees another one registers and announces again. */
  readonly bootId: string
  readonly heartbeatIntervalMs: number
  readonly expiresAfterMs: number
  readonly trustedRanges: readonly AddressRange[]
}

/** Where a call came from and what it presented. */
export interface Caller {
  readonly remoteAddress: string | undefined
  readonly token: string | undefined
}

/** What a peer has by now, in a call of its own or along with another. */
type Announcement = Omit<ChunkAcquiredRequest, 'peerId' | 'songId' | 'chunkId' | 'chunkIds'> & { readonly chunkIds: readonly ChunkId[] }

const LISTED_SWARMS_DEFAULT = 20

export class TrackerDesk {
  readonly #deps: TrackerDeskDeps
  readonly #options: TrackerDeskOptions
  readonly #startedAt: Millis
  readonly #leaseDesk: LeaseDesk
  readonly #listing: PeerListing
  readonly #portrait: SwarmPortrait
  #announcementCount = 0

  constructor(deps: TrackerDeskDeps, options: TrackerDeskOptions) {
    this.#deps = deps
    this.#options = options
    this.#startedAt = deps.clock.now()
    this.#leaseDesk = new LeaseDesk(deps)
    this.#listing = new PeerListing(deps)
    this.#portrait = new SwarmPortrait(deps)
  }

  /** @throws EvaError `EVA_PEER_ID_TAKEN`, `EVA_HOST_NOT_ALLOWED`, `EVA_LIMIT_REACHED` */
  register(request: RegisterRequest, caller: Caller): Registration {
    const { registry } = this.#deps
    const { bootId, heartbeatIntervalMs, expiresAfterMs, trustedRanges } = this.#options
    const at = this.#deps.clock.now()
    const peerId = parsePeerId(request.peerId)
    const address = judgeAddress({ remoteAddress: caller.remoteAddress, claimedHost: request.host }, trustedRanges)
    const living = registry.peer(peerId, at)
    if (living !== undefined && !isTokenOf(caller.token, digest => registry.peerRegistry.hasDigest(living.slot, digest)))
      throw new EvaError('EVA_PEER_ID_TAKEN', { details: { peerId } })
    const token = tokenFor(caller.token)
    const { slot } = registry.admit({ peerId, ...address, port: request.port, tokenDigest: tokenDigest(token) }, at)
    this.#deps.traffic.begin(registry.peerRegistry, slot, request)
    return { peerId, token, bootId, heartbeatIntervalMs, expiresAfterMs, observedHost: address.observedHost }
  }

  heartbeat(request: HeartbeatRequest, caller: Caller): HeartbeatReply {
    const slot = this.#speakingSlot(request.peerId, caller)
    const peers = this.#deps.registry.peerRegistry
    if (request.uplinkBytesPerSecond !== undefined) peers.setUplink(slot, request.uplinkBytesPerSecond)
    this.#deps.traffic.note(peers, slot, request)
    return { bootId: this.#options.bootId }
  }

  deregister(peerId: string, caller: Caller): { readonly peerId: string } {
    const peer = this.#speaker(peerId, caller)
    this.#deps.registry.remove(peer.peerId)
    return { peerId: peer.peerId }
  }

  /** @throws EvaError also `EVA_SONG_NOT_FOUND`, `EVA_NOT_READY`, `EVA_CHUNK_OUT_OF_RANGE`, `EVA_LIMIT_REACHED` */
  async acquired(request: ChunkAcquiredRequest, caller: Caller): Promise<ChunksReply> {
    announcedChunks(request)
    const songId = parseSongId(request.songId)
    this.#speakingSlot(request.peerId, caller)
    // The peer may leave, expire or register anew while the metadata service is asked.
    return this.#acquired(request, caller, { songId, ...(await this.#deps.directory.shapeOf(songId)) })
  }

  /** The same at once; undefined when the song would have to be looked up first. */
  acquiredNow(request: ChunkAcquiredRequest, caller: Caller): ChunksReply | undefined {
    const songId = parseSongId(request.songId)
    const shape = this.#deps.directory.knownShape(songId)
    return shape === undefined ? undefined : this.#acquired(request, caller, { songId, ...shape })
  }

  released(request: ChunkReleasedRequest, caller: Caller): ChunksReply {
    const songId = parseSongId(request.songId)
    const peer = this.#speaker(request.peerId, caller)
    return { songId, chunksHeld: this.#deps.registry.release(peer, songId, request.chunkIds) }
  }

  /** @throws EvaError as `acquired` does, without a limit. */
  async originLease(request: OriginLeaseRequest, caller: Caller): Promise<OriginLeaseReply> {
    const songId = parseSongId(request.songId)
    this.#speakingSlot(request.peerId, caller)
    return this.#originLease(request, caller, { songId, ...(await this.#deps.directory.shapeOf(songId)) })
  }

  /** The same at once; undefined when the song would have to be looked up first. */
  originLeaseNow(request: OriginLeaseRequest, caller: Caller): OriginLeaseReply | undefined {
    const songId = parseSongId(request.songId)
    const shape = this.#deps.directory.knownShape(songId)
    return shape === undefined ? undefined : this.#originLease(request, caller, { songId, ...shape })
  }

  returnLeases(request: OriginLeaseReturn, caller: Caller): OriginLeaseReturned {
    const songId = parseSongId(request.songId)
    return this.#leaseDesk.giveBack(this.#speaker(request.peerId, caller), songId, { request, at: this.#deps.clock.now() })
  }

  /** A report of a peer that is not known (any more) is no news. */
  report(request: PeerReportRequest, caller: Caller): { readonly reportedPeerId: string } {
    const reportedPeerId = parsePeerId(request.reportedPeerId)
    const reporter = this.#speaker(request.peerId, caller)
    const at = this.#deps.clock.now()
    const reported = this.#deps.registry.peer(reportedPeerId, at)
    if (reported === undefined) return { reportedPeerId }
    this.#deps.policy.note(reporter, reported, at)
    if (this.#deps.policy.isHidden(reported, at)) this.#deps.leases.peerFailed(reportedPeerId)
    else if (this.#deps.policy.witnessCount(reportedPeerId) > 0) void this.#dial(reported)
    return { reportedPeerId }
  }

  /** A PeersReply, as its JSON; ASCII, as ids and addresses are. */
  peers(query: PeersQuery): string {
    return this.#listing.json(query, this.#deps.clock.now())
  }

  stats(): TrackerStats {
    const { registry, traffic, clock, leases } = this.#deps
    const at = clock.now()
    const counts = { peers: registry.peerCount(at), songs: registry.songCount(at), announcements: this.#announcementCount }
    const { overrides, ...bytes } = traffic.total
    const live = leases.liveCount(at)
    const { granted, completed, returned, expired, failed } = leases.counts
    const told = { live, granted, completed, returned, expired, failed, overrides }
    return { bootId: this.#options.bootId, upMs: Math.round(at - this.#startedAt), ...counts, ...bytes, leases: told }
  }

  /** @throws EvaError `EVA_SONG_NOT_FOUND` for a song that nobody holds or fetches. */
  swarm(songIdText: string, query: SwarmQuery = {}): SwarmReply {
    return this.#portrait.of(parseSongId(songIdText), { memberCount: query.members, at: this.#deps.clock.now() })
  }

  swarms(limit = LISTED_SWARMS_DEFAULT): SwarmsReply {
    return { swarms: this.#portrait.largest(limit, this.#deps.clock.now()) }
  }

  #acquired(request: ChunkAcquiredRequest, caller: Caller, song: LeasedSong): ChunksReply {
    const chunkIds = announcedChunks(request)
    return { songId: song.songId, chunksHeld: this.#noteAcquired(this.#speaker(request.peerId, caller), song, { ...request, chunkIds }) }
  }

  #originLease(request: OriginLeaseRequest, caller: Caller, song: LeasedSong): OriginLeaseReply {
    const chunkIds = this.#leaseDesk.chunksOf(request, song)
    const peer = this.#speaker(request.peerId, caller)
    if (request.acquired !== undefined) this.#noteAcquired(peer, song, request.acquired)
    return this.#leaseDesk.ask(peer, song, { request, chunkIds, at: this.#deps.clock.now() })
  }

  /** @returns chunks now held of the song */
  #noteAcquired(peer: PeerRecord, { songId, chunkCount }: LeasedSong, told: Announcement): number {
    const { registry, leases, traffic, clock } = this.#deps
    const { chunkIds, sources } = told
    const chunksHeld = registry.acquire(peer, { songId, chunkCount }, chunkIds)
    leases.completed(peer.peerId, songId, chunkIds)
    traffic.note(registry.peerRegistry, peer.slot, told)
    if (sources !== undefined) this.#portrait.noteSources(peer.peerId, songId, { sources, at: clock.now() })
    this.#announcementCount += chunkIds.length
    return chunksHeld
  }

  /** The tracker sees for itself; nobody waits for it. */
  async #dial(peer: PeerRecord): Promise<void> {
    const { registry, policy, leases, reachability, clock } = this.#deps
    if (await reachability.isReachable(peer)) return
    const at = clock.now()
    const now = registry.peer(peer.peerId, at)
    if (now === undefined || now.life !== peer.life || now.lastSeenAt !== peer.lastSeenAt) return
    policy.noteUnreachable(peer.peerId)
    if (policy.isHidden(now, at)) leases.peerFailed(peer.peerId)
  }

  #speaker(peerIdText: string, caller: Caller): PeerRecord {
    this.#speakingSlot(peerIdText, caller)
    return this.#deps.registry.peer(parsePeerId(peerIdText), this.#deps.clock.now()) as PeerRecord
  }

  /** @throws EvaError `EVA_PEER_UNKNOWN`, `EVA_TOKEN_REQUIRED`, `EVA_TOKEN_REJECTED` */
  #speakingSlot(peerIdText: string, caller: Caller): PeerSlot {
    const { registry, policy, clock } = this.#deps
    const at = clock.now()
    const peerId = parsePeerId(peerIdText)
    const slot = registry.slotOf(peerId, at)
    if (slot === NONE) throw new EvaError('EVA_PEER_UNKNOWN', { details: { peerId } })
    checkToken(caller.token, digest => registry.peerRegistry.hasDigest(slot, digest))
    policy.disprove(peerId, at)
    registry.peerRegistry.touch(slot, at)
    return slot
  }
}

function announcedChunks({ chunkId, chunkIds }: ChunkAcquiredRequest): readonly ChunkId[] {
  if (chunkId !== undefined && chunkIds === undefined) return [chunkId]
  if (chunkIds !== undefined && chunkId === undefined) return chunkIds
  throw new EvaError('EVA_REQUEST_INVALID', { details: { reason: 'it needs "chunkId" or "chunkIds", one of the two' } })
}
