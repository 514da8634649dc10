// One song's swarm: who holds which of its chunks, as one bitmap a peer and one counter a chunk.
// Not who is alive or may be named: the registry removes the dead, the handout policy judges the living.
// Invariant: each counter is the number of bitmaps with that bit set, and every member holds at least one chunk.

import { Bitfield } from '@evastream/core/bitfield'
import type { ChunkId, PeerId } from '@evastream/core/ids'
import type { Random } from '@evastream/core/random'

export interface SwarmMember {
  readonly peerId: PeerId
  readonly chunks: Bitfield
}

export interface SampleWanted {
  readonly count: number
  /** Only holders of this chunk. */
  readonly chunkId?: ChunkId | undefined
  /** Who may be in the sample at all. */
  readonly accepts: (peerId: PeerId) => boolean
}

interface Seat extends SwarmMember {
  /** Where this member sits in the list, so that leaving costs O(1). */
  position: number
}

export class Swarm {
  readonly chunkCount: number
  readonly #seats: Seat[] = []
  readonly #seatOf = new Map<PeerId, Seat>()
  readonly #availability: Uint32Array
  #completeCount = 0

  constructor(chunkCount: number) {
    this.chunkCount = chunkCount
    this.#availability = new Uint32Array(chunkCount)
  }

  get peerCount(): number {
    return this.#seats.length
  }

  /** Members that hold every chunk. */
  get completeCount(): number {
    return this.#completeCount
  }

  /** A copy, so that whoever reads it may let them leave. */
  memberIds(): PeerId[] {
    return [...this.#seatOf.keys()]
  }

  has(peerId: PeerId): boolean {
    return this.#seatOf.has(peerId)
  }

  chunksHeldBy(peerId: PeerId): number {
    return this.#seatOf.get(peerId)?.chunks.count ?? 0
  }

  /** How many members hold each chunk, in order; a copy. */
  availability(): number[] {
    return [...this.#availability]
  }

  /** Chunks held already, and ids that are none of this song's, change nothing. */
  acquire(peerId: PeerId, chunkIds: readonly ChunkId[]): void {
    const seat = this.#seatOf.get(peerId) ?? { peerId, chunks: new Bitfield(this.chunkCount), position: this.#seats.length }
    const wasFull = seat.chunks.isFull
    for (const chunkId of chunkIds) if (seat.chunks.add(chunkId)) this.#count(chunkId, 1)
    if (seat.chunks.count === 0) return
    if (!this.#seatOf.has(peerId)) {
      this.#seatOf.set(peerId, seat)
      this.#seats.push(seat)
    }
    if (!wasFull && seat.chunks.isFull) this.#completeCount++
  }

  /** Who holds nothing any more has left. */
  release(peerId: PeerId, chunkIds: readonly ChunkId[]): void {
    const seat = this.#seatOf.get(peerId)
    if (seat === undefined) return
    const wasFull = seat.chunks.isFull
    for (const chunkId of chunkIds) if (seat.chunks.delete(chunkId)) this.#count(chunkId, -1)
    if (wasFull && !seat.chunks.isFull) this.#completeCount--
    if (seat.chunks.count === 0) this.#unseat(seat)
  }

  leave(peerId: PeerId): void {
    const seat = this.#seatOf.get(peerId)
    if (seat === undefined) return
    for (const chunkId of seat.chunks.members()) this.#count(chunkId, -1)
    if (seat.chunks.isFull) this.#completeCount--
    this.#unseat(seat)
  }

  /**
   * Different members, each as likely as any other. Costs O(count) when most are acceptable holders: the list is shuffled only
   * as far as it is read (its order means nothing), and reading stops when the sample, or the chunk's holders, are complete.
   */
  sample(wanted: SampleWanted, random: Random): SwarmMember[] {
    const { count, chunkId, accepts } = wanted
    let holdersLeft = chunkId === undefined ? this.#seats.length : (this.#availability[chunkId] ?? 0)
    const found: SwarmMember[] = []
    for (let next = 0; next < this.#seats.length && found.length < count && holdersLeft > 0; next++) {
      const seat = this.#swapSeats(next, next + random.below(this.#seats.length - next))
      if (chunkId !== undefined && !seat.chunks.has(chunkId)) continue
      holdersLeft--
      if (accepts(seat.peerId)) found.push(seat)
    }
    return found
  }

  #swapSeats(a: number, b: number): Seat {
    const [atA, atB] = [this.#seats[a] as Seat, this.#seats[b] as Seat]
    this.#seats[a] = atB
    this.#seats[b] = atA
    atB.position = a
    atA.position = b
    return atB
  }

  #unseat(seat: Seat): void {
    const last = this.#seats.length - 1
    this.#swapSeats(seat.position, last)
    this.#seats.pop()
    this.#seatOf.delete(seat.peerId)
  }

  #count(chunkId: ChunkId, change: 1 | -1): void {
    this.#availability[chunkId] = (this.#availability[chunkId] as number) + change
  }
}
