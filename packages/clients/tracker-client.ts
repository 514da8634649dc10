// The tracker's HTTP interface as a peer uses it: register, stay alive, announce, and ask who holds a song.
// Not a session: when to beat, to retry and to register again is decided by its user (the peer's tracker session).
// Invariant: once registered it speaks for that one peer, with the token of the last registration.

import { Bitfield } from '@evastream/core/bitfield'
import { EvaError } from '@evastream/core/errors'
import { type ChunkId, type PeerId, parsePeerId, type SongId } from '@evastream/core/ids'
import {
  ANNOUNCED_CHUNKS_MAX,
  type ChunkAcquiredRequest,
  ChunksReply,
  DeregisterReply,
  HeartbeatReply,
  type HeartbeatRequest,
  LEASED_CHUNKS_MAX,
  LISTED_PEERS_DEFAULT,
  type ListedPeerReply,
  OriginLeaseReply,
  type OriginLeaseRequest,
  OriginLeaseReturned,
  PeerReportReply,
  PeersReply,
  Registration,
  SwarmReply,
  SwarmsReply,
  TrackerStats,
} from '@evastream/protocol/tracker-http'
import { schemaCheck } from '@evastream/service-kit/schema-check'
import { ServiceCaller, type ServiceCallOptions } from './service-call.ts'

export interface TrackerRegisterRequest {
  readonly peerId: PeerId
  /** Where the peer's upload server listens. */
  readonly port: number
  /** A claim that counts only on loopback or in ranges the tracker's operator lists. */
  readonly host?: string
  /** Of an earlier registration of this id; proves that the id is still ours. */
  readonly token?: string
  /** What the peer received and sent since it started, and before this tracker knew it. */
  readonly traffic?: Pick<ToldTransfers, 'originBytes' | 'peerBytes' | 'sentBytes'>
}

export type TrackerHeartbeat = Omit<HeartbeatRequest, 'peerId'>

/** A peer as the tracker lists it. */
export interface PeerInfo {
  readonly peerId: PeerId
  readonly host: string
  readonly port: number
  readonly chunks: readonly ChunkId[]
}

export interface PeersWanted {
  /** 1 to 200. */
  readonly limit?: number
  /** Only holders of this chunk. */
  readonly chunkId?: ChunkId
}

export interface OriginLease {
  readonly chunkId: ChunkId
  readonly leaseId: string
  readonly expiresInMs: number
  /** The lease is for so many first blocks only, because others begin with the song too. */
  readonly firstBlocks?: number | undefined
}

export interface OriginLeaseWait {
  readonly chunkId: ChunkId
  /** `held` and `leased`: take it from the holder. `uplink` and `limit`: ask again. */
  readonly reason: string
  readonly holder?: { readonly peerId: PeerId; readonly host: string; readonly port: number } | undefined
  readonly retryAfterMs: number
}

/** Every chunk that was asked for is in one of the two. */
export interface OriginLeases {
  readonly granted: readonly OriginLease[]
  readonly waiting: readonly OriginLeaseWait[]
  /** How many copies of a chunk the origin may send; 1 when not said. */
  readonly originCopies?: number | undefined
}

export type OriginLeasePace = Pick<OriginLeaseRequest, 'expectedMs' | 'backlogMs' | 'uplinkBytesPerSecond'>

/** A peer's totals since it started, and where the chunks of an announcement came from. */
export type ToldTransfers = Pick<ChunkAcquiredRequest, 'originBytes' | 'peerBytes' | 'sentBytes' | 'sources'>

const checks = {
  registration: schemaCheck(Registration),
  heartbeat: schemaCheck(HeartbeatReply),
  deregister: schemaCheck(DeregisterReply),
  peers: schemaCheck(PeersReply),
  chunks: schemaCheck(ChunksReply),
  leases: schemaCheck(OriginLeaseReply),
  returned: schemaCheck(OriginLeaseReturned),
  report: schemaCheck(PeerReportReply),
  stats: schemaCheck(TrackerStats),
  swarm: schemaCheck(SwarmReply),
  swarms: schemaCheck(SwarmsReply),
}

export class TrackerClient {
  readonly #caller: ServiceCaller
  #identity: { readonly peerId: PeerId; readonly token: string } | undefined

  constructor(options: ServiceCallOptions) {
    this.#caller = new ServiceCaller('tracker', options)
  }

  /** @throws EvaError `EVA_PEER_ID_TAKEN`, `EVA_HOST_NOT_ALLOWED`, `EVA_LIMIT_REACHED` or a failed call's. */
  async register(request: TrackerRegisterRequest, signal?: AbortSignal): Promise<Registration> {
    const { peerId, port, host, traffic } = request
    const token = request.token ?? this.#tokenOf(peerId)
    const body = { peerId, port, ...(host === undefined ? {} : { host }), ...traffic }
    const registration = await this.#caller.json(checks.registration, { method: 'POST', path: '/register', body, token, signal })
    if (registration.peerId !== peerId) throw this.#caller.invalidReply('it registers another peer')
    this.#identity = { peerId, token: registration.token }
    return registration
  }

  /** @throws EvaError `EVA_PEER_UNKNOWN` when the tracker has forgotten the peer: register and announce again. */
  async heartbeat(heartbeat: TrackerHeartbeat = {}, signal?: AbortSignal): Promise<HeartbeatReply> {
    const { peerId, token } = this.#speaker()
    return this.#caller.json(checks.heartbeat, { method: 'POST', path: '/heartbeat', body: { peerId, ...heartbeat }, token, signal })
  }

  async deregister(signal?: AbortSignal): Promise<void> {
    const { peerId, token } = this.#speaker()
    await this.#caller.json(checks.deregister, { method: 'POST', path: '/deregister', body: { peerId }, token, signal })
  }

  /** A random sample of the peers that hold some of the song (or that chunk), without this peer itself; empty for an unknown song. */
  async getPeers(songId: SongId, wanted: PeersWanted = {}, signal?: AbortSignal): Promise<PeerInfo[]> {
    const query = new URLSearchParams({ songId, format: 'bitmap', limit: String(wanted.limit ?? LISTED_PEERS_DEFAULT) })
    if (wanted.chunkId !== undefined) query.set('chunkId', String(wanted.chunkId))
    if (this.#identity !== undefined) query.set('exclude', this.#identity.peerId)
    const reply = await this.#caller.json(checks.peers, { method: 'GET', path: `/peers?${query}`, signal })
    if (reply.songId !== songId) throw this.#caller.invalidReply('it is about another song')
    return reply.peers.map(peer => this.#listed(peer, reply.chunkCount ?? 0))
  }

  /** Any number of chunks; sent in several calls when they are many. @throws EvaError `EVA_SONG_NOT_FOUND`, `EVA_PEER_UNKNOWN`, … */
  async notifyChunkAcquired(songId: SongId, chunkIds: readonly ChunkId[], signal?: AbortSignal, told: ToldTransfers = {}): Promise<void> {
    await this.#announce('/chunk-acquired', songId, { chunkIds, signal, told })
  }

  async notifyChunkReleased(songId: SongId, chunkIds: readonly ChunkId[], signal?: AbortSignal): Promise<void> {
    await this.#announce('/chunk-released', songId, { chunkIds, signal })
  }

  /**
   * Asks for leases of chunks to fetch from the origin, 64 in a call at the most. Who has something to announce says it in `acquired`, and
   * needs no call for it; a tracker older than that refuses the call (`EVA_REQUEST_INVALID`). @throws EvaError as `notifyChunkAcquired`.
   */
  async requestOriginLeases(
    songId: SongId,
    wanted: OriginLeasePace & { readonly chunkIds: readonly ChunkId[]; readonly acquired?: OriginLeaseRequest['acquired'] },
    signal?: AbortSignal,
  ): Promise<OriginLeases> {
    const { peerId, token } = this.#speaker()
    const body = { peerId, songId, ...wanted, chunkIds: wanted.chunkIds.slice(0, LEASED_CHUNKS_MAX) }
    const reply = await this.#caller.json(checks.leases, { method: 'POST', path: '/origin-lease', body, token, signal })
    if (reply.songId !== songId) throw this.#caller.invalidReply('it is about another song')
    const asked = new Set(body.chunkIds)
    if ([...reply.granted, ...reply.waiting].some(({ chunkId }) => !asked.has(chunkId)))
      throw this.#caller.invalidReply('it is about chunks that were not asked for')
    const waiting = reply.waiting.map(({ holder, ...wait }) =>
      holder === undefined ? wait : { ...wait, holder: { ...holder, peerId: parsePeerId(holder.peerId) } },
    )
    return { granted: reply.granted, waiting, originCopies: reply.originCopies }
  }

  /** Gives leases back that will not be used, so that others may have them at once. @returns how many were alive. */
  async returnOriginLeases(
    songId: SongId,
    returned: { readonly leaseIds: readonly string[]; readonly reason?: string },
    signal?: AbortSignal,
  ): Promise<number> {
    const { peerId, token } = this.#speaker()
    let count = 0
    for (let first = 0; first < returned.leaseIds.length; first += LEASED_CHUNKS_MAX) {
      const body = { peerId, songId, ...returned, leaseIds: returned.leaseIds.slice(first, first + LEASED_CHUNKS_MAX) }
      const reply = await this.#caller.json(checks.returned, { method: 'POST', path: '/origin-lease-returned', body, token, signal })
      count += reply.returned
    }
    return count
  }

  /** Tells the tracker of a peer that failed us; `reason` is an error code or a word or two in ASCII. */
  async reportPeer(reportedPeerId: PeerId, reason: string, signal?: AbortSignal): Promise<void> {
    const { peerId, token } = this.#speaker()
    const body = { peerId, reportedPeerId, reason }
    await this.#caller.json(checks.report, { method: 'POST', path: '/peer-report', body, token, signal })
  }

  async stats(signal?: AbortSignal): Promise<TrackerStats> {
    return this.#caller.json(checks.stats, { method: 'GET', path: '/stats', signal })
  }

  /** With so many of its members, if any are wanted. @throws EvaError `EVA_SONG_NOT_FOUND` for a song that nobody holds. */
  async swarm(songId: SongId, signal?: AbortSignal, members?: number): Promise<SwarmReply> {
    const query = members === undefined ? '' : `?members=${members}`
    return this.#caller.json(checks.swarm, { method: 'GET', path: `/swarms/${encodeURIComponent(songId)}${query}`, signal })
  }

  /** The songs with the most peers, 1 to 50 of them. */
  async swarms(limit: number, signal?: AbortSignal): Promise<SwarmsReply> {
    return this.#caller.json(checks.swarms, { method: 'GET', path: `/swarms?limit=${limit}`, signal })
  }

  async close(): Promise<void> {
    await this.#caller.close()
  }

  async #announce(
    path: string,
    songId: SongId,
    news: { readonly chunkIds: readonly ChunkId[]; readonly signal: AbortSignal | undefined; readonly told?: ToldTransfers },
  ): Promise<void> {
    const { peerId, token } = this.#speaker()
    for (let first = 0; first < news.chunkIds.length; first += ANNOUNCED_CHUNKS_MAX) {
      const chunkIds = news.chunkIds.slice(first, first + ANNOUNCED_CHUNKS_MAX)
      const body = { peerId, songId, chunkIds, ...(first === 0 ? news.told : {}) }
      await this.#caller.json(checks.chunks, { method: 'POST', path, body, token, signal: news.signal })
    }
  }

  #listed(peer: ListedPeerReply, chunkCount: number): PeerInfo {
    const { peerId, host, port, chunks, bitmap } = peer
    return { peerId: parsePeerId(peerId), host, port, chunks: bitmap === undefined ? (chunks ?? []) : this.#members(bitmap, chunkCount) }
  }

  #members(bitmap: string, chunkCount: number): ChunkId[] {
    try {
      return [...Bitfield.fromBytes(Buffer.from(bitmap, 'base64'), chunkCount).members()]
    } catch (thrown) {
      throw this.#caller.invalidReply('a bitmap does not fit its chunk count', thrown)
    }
  }

  #tokenOf(peerId: PeerId): string | undefined {
    return this.#identity?.peerId === peerId ? this.#identity.token : undefined
  }

  #speaker(): { readonly peerId: PeerId; readonly token: string } {
    if (this.#identity === undefined) throw new EvaError('EVA_PEER_UNKNOWN', { details: { peerId: '' } })
    return this.#identity
  }
}
