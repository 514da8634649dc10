// The answer to `GET /peers`, as bytes: a random sample of a song's holders, each written once and used in many answers; and where those
// are few, of the peers that ask for leases of it, who are about to hold some.
// Not who may be named (the handout policy) and not the drawing (the swarm).
// Invariant: what it gives is JSON that fits PeersReply, and names nobody who has expired or is believed dead.

import { type ChunkId, type PeerId, parsePeerId, parseSongId, type SongId } from '@evastream/core/ids'
import type { Random } from '@evastream/core/random'
import type { Millis } from '@evastream/core/units'
import type { LeaseBook } from '@evastream/engine/lease-book'
import { LISTED_PEERS_DEFAULT, type PeersQuery } from '@evastream/protocol/tracker-http'
import { type HandoutPolicy, handoutLimit } from './handout-policy.ts'
import { NONE, type PeerSlot } from './peer-table.ts'
import { CROWD_MIN, type ReadySample, readySample, uses } from './ready-sample.ts'
import type { Seat } from './seat-table.ts'
import type { Swarm } from './swarm.ts'
import type { SwarmRegistry } from './swarm-registry.ts'

/** Some of those who asked are known otherwise, or gone. */
const ASKERS_LOOKED_AT_TIMES = 4

export interface PeerListingDeps {
  readonly registry: SwarmRegistry
  readonly policy: HandoutPolicy
  readonly leases: Pick<LeaseBook, 'askersOf'>
  readonly random: Random
}

interface Ready {
  readonly count: number
  readonly sample: ReadySample
}

interface Drawing {
  readonly songId: SongId
  readonly swarm: Swarm
  readonly count: number
  readonly chunkId: ChunkId | undefined
  readonly isSpeltOut: boolean
  readonly excluded: PeerSlot
  readonly at: Millis
}

export class PeerListing {
  readonly #deps: PeerListingDeps
  readonly #readySpelt = new WeakMap<Swarm, Ready>()
  readonly #readyBitmaps = new WeakMap<Swarm, Ready>()

  constructor(deps: PeerListingDeps) {
    this.#deps = deps
  }

  bytes(query: PeersQuery, at: Millis): Buffer {
    const { registry, policy } = this.#deps
    const songId = parseSongId(query.songId)
    const excluded = query.exclude === undefined ? undefined : parsePeerId(query.exclude)
    const swarm = registry.swarm(songId, at)
    const isOfAll = query.chunkId === undefined
    if (swarm === undefined) {
      const count = isOfAll ? (query.limit ?? LISTED_PEERS_DEFAULT) : 0
      const askers = this.#askers(songId, { count, known: new Set(excluded === undefined ? [] : [excluded]), at })
      return Buffer.from(`{"songId":"${songId}","peers":[${askers.join(',')}]}`)
    }
    const { chunkCount } = swarm
    const isSpeltOut = query.format !== 'bitmap'
    const count = handoutLimit({ limit: query.limit ?? LISTED_PEERS_DEFAULT, chunkCount, isSpeltOut })
    const slot = excluded === undefined ? NONE : registry.peerRegistry.find(excluded)
    const drawn = { songId, swarm, count, chunkId: query.chunkId, isSpeltOut, excluded: slot, at }
    if (query.chunkId !== undefined || swarm.peerCount < CROWD_MIN) return this.#draw(drawn).body
    const version = registry.departureCount + policy.version
    const ready = (isSpeltOut ? this.#readySpelt : this.#readyBitmaps).get(swarm)
    if (ready?.count === count && uses(ready.sample, { slot, at, version })) return ready.sample.body
    const { body, slots } = this.#draw(drawn)
    const sample = readySample(body, slots, { at, version })
    ;(isSpeltOut ? this.#readySpelt : this.#readyBitmaps).set(swarm, { count, sample })
    return body
  }

  #draw({ songId, swarm, count, chunkId, isSpeltOut, excluded, at }: Drawing): { readonly body: Buffer; readonly slots: PeerSlot[] } {
    const { registry, random } = this.#deps
    const texts = isSpeltOut ? registry.speltTexts : registry.bitmapTexts
    const write = (seat: Seat) => this.#write(swarm, seat, isSpeltOut)
    const seats = registry.sampleSeats(swarm, { count, chunkId, accepts: this.#accepts(excluded, at), at }, random)
    const slots = seats.map(seat => registry.seats.peerOf[seat] as number)
    const list = seats.map(seat => texts.of(seat, write))
    if (chunkId === undefined && seats.length < count) {
      const known = new Set([...slots, excluded].filter(slot => slot !== NONE).map(slot => registry.peerRegistry.idOf(slot)))
      list.push(...this.#askers(songId, { count: count - seats.length, known, at }))
    }
    return { body: Buffer.from(`{"songId":"${songId}","chunkCount":${swarm.chunkCount},"peers":[${list.join(',')}]}`), slots }
  }

  /** Those who asked for leases lately, drawn at random without looking at all of them. */
  #askers(songId: SongId, wanted: { readonly count: number; readonly known: ReadonlySet<PeerId>; readonly at: Millis }): string[] {
    const { registry, leases, policy, random } = this.#deps
    const { count, known, at } = wanted
    const askers = leases.askersOf(songId, at)
    const texts: string[] = []
    const start = askers.length === 0 ? 0 : random.below(askers.length)
    for (let step = 0; step < Math.min(askers.length, ASKERS_LOOKED_AT_TIMES * count) && texts.length < count; step++) {
      const peerId = askers[(start + step) % askers.length]
      const peer = peerId === undefined || known.has(peerId) ? undefined : registry.peer(peerId, at)
      if (peer === undefined || policy.isHidden(peer, at)) continue
      texts.push(`{"peerId":"${peer.peerId}","host":${JSON.stringify(peer.host)},"port":${peer.port},"chunks":[]}`)
    }
    return texts
  }

  #accepts(excluded: PeerSlot, at: Millis): (slot: PeerSlot) => boolean {
    const { registry, policy } = this.#deps
    const peers = registry.peerRegistry
    return slot => slot !== excluded && !policy.isHidden({ peerId: peers.idOf(slot), lastSeenAt: peers.lastSeenAt(slot) }, at)
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
