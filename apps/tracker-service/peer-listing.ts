// The answer to `GET /peers`, as text: a random sample of a song's holders, each written once and used in many answers.
// Not who may be named (the handout policy) and not the drawing (the swarm).
// Invariant: the text is JSON that fits PeersReply, and names nobody who has expired or is believed dead.

import { type ChunkId, type PeerId, parsePeerId, parseSongId } from '@evastream/core/ids'
import type { Random } from '@evastream/core/random'
import type { Millis } from '@evastream/core/units'
import { LISTED_PEERS_DEFAULT, type PeersQuery } from '@evastream/protocol/tracker-http'
import { type HandoutPolicy, handoutLimit } from './handout-policy.ts'
import type { PeerSlot } from './peer-table.ts'
import type { Seat } from './seat-table.ts'
import type { Swarm } from './swarm.ts'
import type { SwarmRegistry } from './swarm-registry.ts'

export interface PeerListingDeps {
  readonly registry: SwarmRegistry
  readonly policy: HandoutPolicy
  readonly random: Random
}

export class PeerListing {
  readonly #deps: PeerListingDeps

  constructor(deps: PeerListingDeps) {
    this.#deps = deps
  }

  text(query: PeersQuery, at: Millis): string {
    const { registry, random } = this.#deps
    const songId = parseSongId(query.songId)
    const excluded = query.exclude === undefined ? undefined : parsePeerId(query.exclude)
    const swarm = registry.swarm(songId, at)
    if (swarm === undefined) return `{"songId":"${songId}","peers":[]}`
    const { chunkCount } = swarm
    const isSpeltOut = query.format !== 'bitmap'
    const count = handoutLimit({ limit: query.limit ?? LISTED_PEERS_DEFAULT, chunkCount, isSpeltOut })
    const wanted = { count, chunkId: query.chunkId, accepts: this.#accepts(excluded, at), at }
    const texts = isSpeltOut ? registry.speltTexts : registry.bitmapTexts
    const write = (seat: Seat) => this.#write(swarm, seat, isSpeltOut)
    let list = ''
    for (const seat of registry.sampleSeats(swarm, wanted, random))
      list += list === '' ? texts.of(seat, write) : `,${texts.of(seat, write)}`
    return `{"songId":"${songId}","chunkCount":${chunkCount},"peers":[${list}]}`
  }

  #accepts(excluded: PeerId | undefined, at: Millis): (slot: PeerSlot) => boolean {
    const { registry, policy } = this.#deps
    const peers = registry.peerRegistry
    const excludedSlot = excluded === undefined ? undefined : peers.find(excluded)
    return slot => slot !== excludedSlot && !policy.isHidden({ peerId: peers.idOf(slot), lastSeenAt: peers.lastSeenAt(slot) }, at)
  }

  #write(swarm: Swarm, seat: Seat, isSpeltOut: boolean): string {
    const { peerRegistry: peers, seats } = this.#deps.registry
    const slot = seats.peerOf[seat] as number
    const head = `{"peerId":"${peers.idOf(slot)}","host":${JSON.stringify(peers.hostOf(slot))},"port":${peers.portOf(slot)}`
    if (isSpeltOut) return `${head},"chunks":[${heldChunks(swarm, seat).join(',')}]}`
    const bitmap = swarm.bitmapOf(seat)
    return `${head},"bitmap":"${Buffer.from(bitmap.buffer, bitmap.byteOffset, bitmap.byteLength).toString('base64')}"}`
  }
}

function heldChunks(swarm: Swarm, seat: Seat): ChunkId[] {
  const chunkIds: ChunkId[] = []
  for (let chunkId = 0; chunkId < swarm.chunkCount; chunkId++) if (swarm.holds(seat, chunkId)) chunkIds.push(chunkId)
  return chunkIds
}
