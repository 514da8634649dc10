// Who holds which chunks of which song, as they or the tracker told, and how many copies of each chunk are known.
// Not how good they are (peer-health). A chunk on its way to somebody else is not known of, so copies are plain counts.
// Invariant: `copies[chunk]` is the number of peers in the table that hold the chunk; a peer removed leaves no trace in it.

import { Bitfield } from '@evastream/core/bitfield'
import type { ChunkId, PeerId, SongId } from '@evastream/core/ids'

/** What one peer holds of one song. */
export interface Holding {
  readonly peerId: PeerId
  readonly chunks: Bitfield
  /** It told so itself on an open connection: then the tracker can only add to it. */
  isToldByPeer: boolean
}

interface Swarm {
  readonly chunkCount: number
  readonly holdings: Map<PeerId, Holding>
  readonly copies: Uint16Array
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
    this.#swarms.set(songId, { chunkCount, holdings: new Map(), copies: new Uint16Array(chunkCount) })
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

  /** A full list: replaces what was known, save that the tracker cannot take away what the peer said itself. */
  listed(songId: SongId, peerId: PeerId, list: { readonly chunkIds: readonly ChunkId[]; readonly told: 'tracker' | 'peer' }): void {
    const holding = this.#open(songId, peerId)
    if (holding === undefined) return
    const isByPeer = list.told === 'peer'
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

  lacks(songId: SongId, peerId: PeerId, chunkIds: readonly ChunkId[]): void {
    const holding = this.#swarms.get(songId)?.holdings.get(peerId)
    if (holding !== undefined) this.#drop(songId, holding, chunkIds)
  }

  /** The peer is gone, with all it held. */
  remove(peerId: PeerId): void {
    for (const [songId, { holdings }] of this.#swarms) {
      const holding = holdings.get(peerId)
      if (holding === undefined) continue
      this.#drop(songId, holding, [...holding.chunks.members()])
      holdings.delete(peerId)
    }
  }

  /** The peer's holding, made if there is room for another neighbour. */
  #open(songId: SongId, peerId: PeerId): Holding | undefined {
    const swarm = this.#swarms.get(songId)
    if (swarm === undefined) return undefined
    const known = swarm.holdings.get(peerId)
    if (known !== undefined || swarm.holdings.size >= this.#neighboursMax) return known
    const holding: Holding = { peerId, chunks: new Bitfield(swarm.chunkCount), isToldByPeer: false }
    swarm.holdings.set(peerId, holding)
    return holding
  }

  #add(songId: SongId, holding: Holding, chunkIds: readonly ChunkId[]): void {
    const copies = this.#swarms.get(songId)?.copies
    for (const chunkId of chunkIds) if (holding.chunks.add(chunkId) && copies !== undefined) copies[chunkId] = (copies[chunkId] ?? 0) + 1
  }

  #drop(songId: SongId, holding: Holding, chunkIds: readonly ChunkId[]): void {
    const copies = this.#swarms.get(songId)?.copies
    for (const chunkId of chunkIds) if (holding.chunks.delete(chunkId) && copies !== undefined) copies[chunkId] = (copies[chunkId] ?? 0) - 1
  }
}
