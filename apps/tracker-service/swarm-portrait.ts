// Swarms as people look at them: how often each chunk is held, by whom, and which chunks went from whom to whom just now.
// Not the handing out of peers (peer-listing.ts): nobody downloads by what stands here, and what peers say of it is believed as it is.
// Invariant: an answer costs no more than some thousand steps and half a megabyte, however large the swarms are.

import { EvaError } from '@evastream/core/errors'
import type { ChunkId, PeerId, SongId } from '@evastream/core/ids'
import { KIB, type Millis, SECOND_MS } from '@evastream/core/units'
import type { LeaseBook } from '@evastream/engine/leases/lease-book'
import {
  type ChunkSourceTold,
  SHOWN_TRANSFERS_MAX,
  type SwarmMember,
  type SwarmReply,
  type SwarmsReply,
  type SwarmTransfer,
} from '@evastream/protocol/tracker-http'
import type { Seat } from './seat-table.ts'
import type { Swarm } from './swarm.ts'
import type { SwarmRegistry } from './swarm-registry.ts'

export interface SwarmPortraitDeps {
  readonly registry: SwarmRegistry
  readonly leases: Pick<LeaseBook, 'leasedChunks'>
}

interface Transfer {
  readonly songId: SongId
  readonly chunkId: ChunkId
  readonly to: PeerId
  readonly from: string | undefined
  readonly at: Millis
}

const LEASED_CHUNKS_TOLD_MAX = 1000
/** Bitmaps of one answer, before they are spelt. */
const BITMAPS_MAX_BYTES = 384 * KIB
const SWARMS_LOOKED_AT_MAX = 5_000
const TRANSFERS_KEPT_MAX = 512
const TRANSFERS_KEPT_MS = 10 * SECOND_MS

export class SwarmPortrait {
  readonly #deps: SwarmPortraitDeps
  /** Of all songs, as a ring: the place of the next one is `#next`. */
  readonly #transfers: Transfer[] = []
  #next = 0

  constructor(deps: SwarmPortraitDeps) {
    this.#deps = deps
  }

  /** Where a peer says that chunks came from. */
  noteSources(to: PeerId, songId: SongId, { sources, at }: { readonly sources: readonly ChunkSourceTold[]; readonly at: Millis }): void {
    for (const { chunkId, peerId: from } of sources) {
      this.#transfers[this.#next] = { songId, chunkId, to, from, at }
      this.#next = (this.#next + 1) % TRANSFERS_KEPT_MAX
    }
  }

  /** @throws EvaError `EVA_SONG_NOT_FOUND` for a song that nobody holds or fetches. */
  of(songId: SongId, { memberCount, at }: { readonly memberCount: number | undefined; readonly at: Millis }): SwarmReply {
    const swarm = this.#deps.registry.swarm(songId, at)
    const leased = this.#deps.leases.leasedChunks(songId, at)
    const chunkCount = swarm?.chunkCount ?? leased?.chunkCount
    if (chunkCount === undefined) throw new EvaError('EVA_SONG_NOT_FOUND', { details: { songId } })
    const availability = swarm?.availability() ?? Array.from({ length: chunkCount }, () => 0)
    const leasedChunks = (leased?.chunkIds ?? []).sort((left, right) => left - right).slice(0, LEASED_CHUNKS_TOLD_MAX)
    const counts = { songId, chunkCount, peers: swarm?.peerCount ?? 0, completePeers: swarm?.completeCount ?? 0 }
    const portrait = { ...counts, availability, leasedChunks }
    if (memberCount === undefined) return portrait
    const members = swarm === undefined ? [] : this.#members(swarm, memberCount, at)
    return { ...portrait, members, transfers: this.#transfersOf(songId, at) }
  }

  /** The songs with the most peers, the largest first. */
  largest(limit: number, at: Millis): SwarmsReply['swarms'] {
    const { registry } = this.#deps
    // Counts are right after this.
    registry.songCount(at)
    return [...registry.firstSwarms(SWARMS_LOOKED_AT_MAX)]
      .sort(([, left], [, right]) => right.peerCount - left.peerCount)
      .slice(0, limit)
      .map(([songId, { chunkCount, peerCount: peers, completeCount: completePeers }]) => ({ songId, chunkCount, peers, completePeers }))
  }

  #members(swarm: Swarm, memberCount: number, at: Millis): SwarmMember[] {
    const { registry } = this.#deps
    const count = Math.max(1, Math.min(memberCount, Math.floor(BITMAPS_MAX_BYTES / Math.ceil(swarm.chunkCount / 8))))
    return swarm
      .firstSeats(count)
      .filter(seat => !registry.isExpired(registry.seats.peerOf[seat] as number, at))
      .map(seat => this.#member(swarm, seat))
  }

  #member(swarm: Swarm, seat: Seat): SwarmMember {
    const { peerRegistry: peers, seats } = this.#deps.registry
    const slot = seats.peerOf[seat] as number
    const bitmap = Buffer.from(swarm.bitmapOf(seat)).toString('base64')
    const [originBytes, peerBytes, sentBytes] = [0, 1, 2].map(index => peers.totalOf(slot, index)) as [number, number, number]
    return { peerId: peers.idOf(slot), host: peers.hostOf(slot), port: peers.portOf(slot), bitmap, originBytes, peerBytes, sentBytes }
  }

  /** The newest first. */
  #transfersOf(songId: SongId, at: Millis): SwarmTransfer[] {
    const found: SwarmTransfer[] = []
    const kept = this.#transfers.length
    for (let back = 1; back <= kept && found.length < SHOWN_TRANSFERS_MAX; back++) {
      const transfer = this.#transfers[(this.#next - back + kept) % kept]
      if (transfer === undefined || at - transfer.at > TRANSFERS_KEPT_MS) break
      if (transfer.songId !== songId) continue
      const { chunkId, to, from } = transfer
      found.push({ chunkId, to, ...(from === undefined ? {} : { from }), agoMs: Math.max(0, Math.round(at - transfer.at)) })
    }
    return found
  }
}
