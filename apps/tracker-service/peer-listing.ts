// The answer to `GET /peers`, as JSON: a random sample of a song's holders, each written once and used in many answers; and where those
// are few, of the peers that ask for leases of it, who are about to hold some.
// Not who may be named (the handout policy) and not the drawing (the swarm).
// Invariant: what it gives is JSON that fits PeersReply, and names nobody who has expired or is believed dead.

import { type ChunkId, type PeerId, parsePeerId, parseSongId, type SongId } from '@evastream/core/ids'
import type { Random } from '@evastream/core/random'
import type { Millis } from '@evastream/core/units'
import type { LeaseBook } from '@evastream/engine/leases/lease-book'
import { LISTED_PEERS_DEFAULT, type PeersQuery } from '@evastream/protocol/tracker-http'
import { type HandoutPolicy, handoutLimit } from './handout-policy.ts'
import { NONE, type PeerSlot } from './peer-table.ts'
import { CROWD_MIN, ReadySamples, type Sample, STOCK } from './ready-sample.ts'
import type { Seat } from './seat-table.ts'
import { flat } from './seat-texts.ts'
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

interface HoldersWanted {
  readonly count: number
  readonly chunkId: ChunkId | undefined
  readonly excluded: PeerId | undefined
  readonly at: Millis
}

interface AskersWanted {
  readonly count: number
  readonly known: ReadonlySet<PeerId>
  readonly excluded: PeerId | undefined
  readonly at: Millis
}

export class PeerListing {
  readonly #deps: PeerListingDeps
  readonly #readySpelt = new ReadySamples()
  readonly #readyBitmaps = new ReadySamples()

  constructor(deps: PeerListingDeps) {
    this.#deps = deps
  }

  json(query: PeersQuery, at: Millis): string {
    const { registry, policy } = this.#deps
    registry.sweepSome(at)
    if (query.chunkId !== undefined) return this.#draw(query, at).body
    const { songId, exclude, limit } = query
    const question = { exclude, limit, at, version: registry.departureCount + policy.version }
    const samples = query.format === 'bitmap' ? this.#readyBitmaps : this.#readySpelt
    const body = samples.take(songId, question)
    if (body !== undefined) return body
    const sample = this.#draw(query, at)
    if (sample.isOfCrowd) samples.keep(songId, [sample, ...Array.from({ length: STOCK - 1 }, () => this.#draw(query, at))], question)
    return sample.body
  }

  #draw(query: PeersQuery, at: Millis): Sample & { readonly isOfCrowd: boolean } {
    const { registry } = this.#deps
    const songId = parseSongId(query.songId)
    const excluded = query.exclude === undefined ? undefined : parsePeerId(query.exclude)
    const swarm = registry.swarm(songId, at)
    const limit = query.limit ?? LISTED_PEERS_DEFAULT
    if (swarm === undefined) {
      const askers = query.chunkId === undefined ? this.#askers(songId, { count: limit, known: new Set(), excluded, at }) : []
      return { body: `{"songId":"${songId}","peers":[${askers.join(',')}]}`, peerIds: [], isOfCrowd: false }
    }
    const isSpeltOut = query.format !== 'bitmap'
    const count = handoutLimit({ limit, chunkCount: swarm.chunkCount, isSpeltOut })
    const { seats, peerIds } = this.#holders(swarm, { count, chunkId: query.chunkId, excluded, at })
    const texts = isSpeltOut ? registry.speltTexts : registry.bitmapTexts
    const write = (seat: Seat) => this.#write(swarm, seat, isSpeltOut)
    const list = seats.map(seat => texts.of(seat, write))
    if (query.chunkId === undefined && seats.length < count)
      list.push(...this.#askers(songId, { count: count - seats.length, known: new Set(peerIds), excluded, at }))
    const body = flat(`{"songId":"${songId}","chunkCount":${swarm.chunkCount},"peers":[${list.join(',')}]}`)
    return { body, peerIds, isOfCrowd: swarm.peerCount >= CROWD_MIN }
  }

  #holders(swarm: Swarm, { count, chunkId, excluded, at }: HoldersWanted): { readonly seats: Seat[]; readonly peerIds: PeerId[] } {
    const { registry, policy, random } = this.#deps
    const peers = registry.peerRegistry
    const excludedSlot = excluded === undefined ? NONE : peers.find(excluded)
    const isNameable = (slot: PeerSlot): boolean =>
      slot !== excludedSlot && !policy.isHidden({ peerId: peers.idOf(slot), lastSeenAt: peers.lastSeenAt(slot) }, at)
    const seats = registry.sampleSeats(swarm, { count, chunkId, accepts: isNameable, at }, random)
    return { seats, peerIds: seats.map(seat => peers.idOf(registry.seats.peerOf[seat] as number)) }
  }

  /** Those who asked for leases lately, drawn at random without looking at all of them. */
  #askers(songId: SongId, { count, known, excluded, at }: AskersWanted): string[] {
    const { registry, leases, policy, random } = this.#deps
    const askers = leases.askersOf(songId, at)
    const texts: string[] = []
    const start = askers.length === 0 ? 0 : random.below(askers.length)
    for (let step = 0; step < Math.min(askers.length, ASKERS_LOOKED_AT_TIMES * count) && texts.length < count; step++) {
      const peerId = askers[(start + step) % askers.length]
      const peer = peerId === undefined || peerId === excluded || known.has(peerId) ? undefined : registry.peer(peerId, at)
      if (peer === undefined || policy.isHidden(peer, at)) continue
      texts.push(`{"peerId":"${peer.peerId}","host":${JSON.stringify(peer.host)},"port":${peer.port},"chunks":[]}`)
    }
    return texts
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
