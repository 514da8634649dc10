// A peer's call for origin leases, put before the lease book with the facts it needs, and its answer in the words of the protocol.
// Not the book's judgement, and not who may speak: the tracker's desk has checked the token.
// Invariant: nobody is named as a holder who may not be handed out.

import { EvaError } from '@evastream/core/errors'
import type { ChunkId, PeerId, SongId } from '@evastream/core/ids'
import type { Random } from '@evastream/core/random'
import type { Millis } from '@evastream/core/units'
import type { Lease, LeaseBook, LeaseFacts, LeaseWait } from '@evastream/engine/leases/lease-book'
import type { OriginLeaseReply, OriginLeaseRequest, OriginLeaseReturn, OriginLeaseReturned } from '@evastream/protocol/tracker-http'
import type { HandoutPolicy } from './handout-policy.ts'
import type { PeerSlot } from './peer-table.ts'
import type { SongShape } from './song-directory.ts'
import type { PeerRecord, SwarmRegistry } from './swarm-registry.ts'

export interface LeaseDeskDeps {
  readonly registry: SwarmRegistry
  readonly policy: HandoutPolicy
  readonly leases: LeaseBook
  readonly random: Random
}

export interface LeasedSong extends SongShape {
  readonly songId: SongId
}

interface LeaseCall {
  readonly request: OriginLeaseRequest
  /** As `chunksOf` found them. */
  readonly chunkIds: readonly ChunkId[]
  readonly at: Millis
}

export class LeaseDesk {
  readonly #deps: LeaseDeskDeps

  constructor(deps: LeaseDeskDeps) {
    this.#deps = deps
  }

  /** What a call is about. @throws EvaError `EVA_CHUNK_OUT_OF_RANGE`, `EVA_REQUEST_INVALID` */
  chunksOf(request: OriginLeaseRequest, { songId, chunkCount }: LeasedSong): readonly ChunkId[] {
    const chunkIds = leasedChunks(request)
    const strange = chunkIds.find(chunkId => chunkId >= chunkCount)
    if (strange !== undefined) throw new EvaError('EVA_CHUNK_OUT_OF_RANGE', { details: { songId, chunkCount, chunkId: strange } })
    return chunkIds
  }

  ask(peer: PeerRecord, song: LeasedSong, { request, chunkIds, at }: LeaseCall): OriginLeaseReply {
    const { songId } = song
    const { peerId } = peer
    const { expectedMs = 0, backlogMs = 0, uplinkBytesPerSecond = peer.uplinkBytesPerSecond } = request
    const ask = { peerId, songId, chunkIds, expectedMs, backlogMs, uplinkBytesPerSecond }
    const { leases } = this.#deps
    const { granted, waiting } = leases.request(ask, this.#facts(peerId, song, at), at)
    return {
      songId,
      granted: granted.map(lease => grantReply(lease, at)),
      waiting: waiting.map(wait => this.#waitReply(wait, at)),
      ...(leases.originCopies > 1 && { originCopies: leases.originCopies }),
    }
  }

  giveBack(
    peer: PeerRecord,
    songId: SongId,
    { request, at }: { readonly request: OriginLeaseReturn; readonly at: Millis },
  ): OriginLeaseReturned {
    return { songId, returned: this.#deps.leases.returned(peer.peerId, request.leaseIds, at) }
  }

  #facts(asker: PeerId, { songId, chunkCount, chunkSizeBytes }: LeasedSong, at: Millis): LeaseFacts {
    const { registry, policy, random } = this.#deps
    const swarm = registry.swarm(songId, at)
    const peers = registry.peerRegistry
    const accepts = (slot: PeerSlot) => {
      const peerId = peers.idOf(slot)
      return peerId !== asker && !policy.isHidden({ peerId, lastSeenAt: peers.lastSeenAt(slot) }, at)
    }
    return {
      chunkCount,
      chunkSizeBytes,
      memberCount: swarm?.peerCount ?? 0,
      isMember: peerId => swarm !== undefined && registry.isMember(swarm, peerId),
      holdersOf: (chunkId, count) => {
        const seats = swarm === undefined ? [] : registry.sampleSeats(swarm, { count, chunkId, accepts, at }, random)
        return seats.map(seat => peers.idOf(registry.seats.peerOf[seat] as number))
      },
      isAlive: peerId => {
        const peer = registry.peer(peerId, at)
        return peer !== undefined && !policy.isHidden(peer, at)
      },
    }
  }

  #waitReply({ chunkId, reason, holder, retryAfterMs }: LeaseWait, at: Millis): OriginLeaseReply['waiting'][number] {
    const peer = holder === undefined ? undefined : this.#deps.registry.peer(holder, at)
    const wait = { chunkId, reason, retryAfterMs: Math.ceil(retryAfterMs) }
    return peer === undefined ? wait : { ...wait, holder: { peerId: peer.peerId, host: peer.host, port: peer.port } }
  }
}

function grantReply({ chunkId, leaseId, expiresAt, firstBlocks }: Lease, at: Millis): OriginLeaseReply['granted'][number] {
  const grant = { chunkId, leaseId, expiresInMs: Math.floor(expiresAt - at) }
  return firstBlocks === undefined ? grant : { ...grant, firstBlocks }
}

function leasedChunks({ chunkId, chunkIds }: OriginLeaseRequest): readonly ChunkId[] {
  if (chunkId !== undefined && chunkIds === undefined) return [chunkId]
  if (chunkIds !== undefined && chunkId === undefined) return chunkIds
  throw new EvaError('EVA_REQUEST_INVALID', { details: { reason: 'it needs "chunkId" or "chunkIds", one of the two' } })
}
