// Who holds which chunks of which song, as they or the tracker told, to whom which are on their way, and how many copies of each are known.
// Not how good they are (peer-health), nor who may wait for whom (relay-order).
// Invariant: `copies[chunk]` is the number of peers in the table that hold the chunk, `arrivals[chunk]` of those that are receiving it, and
// none does both; a peer removed leaves no trace in either.

import type { ArrivingChunk } from '@evastream/core/arriving-chunk'
import { Bitfield } from '@evastream/core/bitfield'
import type { ChunkId, PeerId, SongId } from '@evastream/core/ids'
import type { Millis } from '@evastream/core/units'

/** What a peer has said of a chunk that it is receiving. */
export interface Arriving {
  /** When it first said so. */
  readonly since: Millis
  /** Those it has by now, in ascending order. */
  readonly blocks: readonly number[]
}

/** What one peer holds of one song. */
export interface Holding {
  readonly peerId: PeerId
  readonly chunks: Bitfield
  /** What it is receiving: it hands on what it has of it. */
  readonly arriving: Map<ChunkId, Arriving>
  /** It told so itself on an open connection: then the tracker can only add to it. */
  isToldByPeer: boolean
}

interface Swarm {
  readonly chunkCount: number
  readonly holdings: Map<PeerId, Holding>
  readonly copies: Uint16Array
  readonly arrivals: Uint16Array
}

const NOBODY: ReadonlyMap<PeerId, Holding> = new Map()
const NO_COPIES = new Uint16Array()

export class PeerTable {
  readonly #neighboursMax: number
  readonly #swarms = new Map<SongId, Swarm>()

  constructor(options: { readonly neighboursPerSongMax: number }) {
    this.#neighboursMax = options.neighboursPerSongMax
  }

  /** Of songs that were not added nothing is noted. Adding a song of the same size again keeps what is known. */
  addSong(songId: SongId, chunkCount: number): void {
    if (this.#swarms.get(songId)?.chunkCount === chunkCount) return
    this.#swarms.set(songId, {
      chunkCount,
      holdings: new Map(),
      copies: new Uint16Array(chunkCount),
      arrivals: new Uint16Array(chunkCount),
    })
  }

  removeSong(songId: SongId): void {
    this.#swarms.delete(songId)
  }

  /** Everybody known to hold something of the song. */
  holdingsOf(songId: SongId): ReadonlyMap<PeerId, Holding> {
    return this.#swarms.get(songId)?.holdings ?? NOBODY
  }

  /** How many known peers hold each chunk of a song: a view that stays true. */
  copiesOf(songId: SongId): Readonly<ArrayLike<number>> {
    return this.#swarms.get(songId)?.copies ?? NO_COPIES
  }

  /** How many copies there are or soon will be: a chunk on its way to somebody is half a copy. */
  copiesToComeOf(songId: SongId, chunkId: ChunkId): number {
    const swarm = this.#swarms.get(songId)
    return swarm === undefined ? 0 : (swarm.copies[chunkId] ?? 0) + (swarm.arrivals[chunkId] ?? 0) / 2
  }

  /** A full list: replaces what was known, save that the tracker cannot take away what the peer said itself. */
  listed(songId: SongId, peerId: PeerId, list: { readonly chunkIds: readonly ChunkId[]; readonly told: 'tracker' | 'peer' }): void {
    const holding = this.#open(songId, peerId)
    if (holding === undefined) return
    const isByPeer = list.told === 'peer'
    if (isByPeer) this.#dropArriving(songId, holding, [...holding.arriving.keys()])
    if (isByPeer || !holding.isToldByPeer) {
      const listed = new Set(list.chunkIds)
      this.#drop(
        songId,
        holding,
        [...holding.chunks.members()].filter(chunkId => !listed.has(chunkId)),
      )
    }
    this.#add(songId, holding, list.chunkIds)
    if (isByPeer) holding.isToldByPeer = true
  }

  has(songId: SongId, peerId: PeerId, chunkIds: readonly ChunkId[]): void {
    const holding = this.#open(songId, peerId)
    if (holding !== undefined) this.#add(songId, holding, chunkIds)
  }

  /** It is receiving these, and holds them no more if it did. */
  arriving(songId: SongId, peerId: PeerId, news: { readonly chunks: readonly ArrivingChunk[]; readonly at: Millis }): void {
    const holding = this.#open(songId, peerId)
    const arrivals = this.#swarms.get(songId)?.arrivals
    if (holding === undefined || arrivals === undefined) return
    for (const { chunkId, blocks } of news.chunks) {
      if (chunkId >= arrivals.length) continue
      if (holding.chunks.has(chunkId)) this.#drop(songId, holding, [chunkId])
      const known = holding.arriving.get(chunkId)
      holding.arriving.set(chunkId, { since: known?.since ?? news.at, blocks })
      if (known === undefined) arrivals[chunkId] = (arrivals[chunkId] ?? 0) + 1
    }
  }

  lacks(songId: SongId, peerId: PeerId, chunkIds: readonly ChunkId[]): void {
    const holding = this.#swarms.get(songId)?.holdings.get(peerId)
    if (holding === undefined) return
    this.#drop(songId, holding, chunkIds)
    this.#dropArriving(songId, holding, chunkIds)
  }

  /** It was asked for blocks of a chunk that it is receiving, and failed: it is not asked again before it tells of it anew. */
  arrivalFailed(songId: SongId, peerId: PeerId, chunkId: ChunkId): void {
    const holding = this.#swarms.get(songId)?.holdings.get(peerId)
    if (holding !== undefined) this.#dropArriving(songId, holding, [chunkId])
  }

  /** The peer is gone, with all it held. */
  remove(peerId: PeerId): void {
    for (const [songId, { holdings }] of this.#swarms) {
      const holding = holdings.get(peerId)
      if (holding === undefined) continue
      this.#drop(songId, holding, [...holding.chunks.members()])
      this.#dropArriving(songId, holding, [...holding.arriving.keys()])
      holdings.delete(peerId)
    }
  }

  /** The peer's holding, made if there is room for another neighbour. */
  #open(songId: SongId, peerId: PeerId): Holding | undefined {
    const swarm = this.#swarms.get(songId)
    if (swarm === undefined) return undefined
    const known = swarm.holdings.get(peerId)
    if (known !== undefined || swarm.holdings.size >= this.#neighboursMax) return known
    const holding: Holding = { peerId, chunks: new Bitfield(swarm.chunkCount), arriving: new Map(), isToldByPeer: false }
    swarm.holdings.set(peerId, holding)
    return holding
  }

  #add(songId: SongId, holding: Holding, chunkIds: readonly ChunkId[]): void {
    const copies = this.#swarms.get(songId)?.copies
    this.#dropArriving(songId, holding, chunkIds)
    for (const chunkId of chunkIds) if (holding.chunks.add(chunkId) && copies !== undefined) copies[chunkId] = (copies[chunkId] ?? 0) + 1
  }

  #dropArriving(songId: SongId, holding: Holding, chunkIds: readonly ChunkId[]): void {
    const arrivals = this.#swarms.get(songId)?.arrivals
    for (const chunkId of chunkIds)
      if (holding.arriving.delete(chunkId) && arrivals !== undefined) arrivals[chunkId] = (arrivals[chunkId] ?? 0) - 1
  }

  #drop(songId: SongId, holding: Holding, chunkIds: readonly ChunkId[]): void {
    const copies = this.#swarms.get(songId)?.copies
    for (const chunkId of chunkIds) if (holding.chunks.delete(chunkId) && copies !== undefined) copies[chunkId] = (copies[chunkId] ?? 0) - 1
  }
}
