// One song's swarm: who holds which of its chunks, as one bitmap a member and one counter a chunk.
// Not who is alive or may be named: the registry removes the dead, the handout policy judges the living.
// Invariant: each counter is the number of bitmaps with that bit set; rows are dense, so that drawing a row draws a member.

import type { ChunkId } from '@evastream/core/ids'
import type { Random } from '@evastream/core/random'
import { grown, roomFor } from './number-column.ts'
import { RareHolders } from './rare-holders.ts'
import type { Seat, SeatTable } from './seat-table.ts'

export interface SampleWanted {
  readonly count: number
  /** Only holders of this chunk. */
  readonly chunkId?: ChunkId | undefined
  /** Who may be in the sample at all. */
  readonly accepts: (seat: Seat) => boolean
}

/** Draws beyond these are too many to look through for doubles one by one. */
const FEW_DRAWS = 64
/** So many draws for each one wanted, and the sample is what was found. */
const DRAWS_PER_WANTED = 256
const DRAWS_MIN = 4096

export class Swarm {
  readonly chunkCount: number
  /** Its number among the swarms; a seat knows its swarm by it. */
  readonly number: number
  readonly #seats: SeatTable
  readonly #strideBytes: number
  readonly #availability: Uint32Array
  readonly #rare = new RareHolders()
  readonly #drawn = new Uint32Array(FEW_DRAWS)
  #memberCount = 0
  #completeCount = 0
  #room = 0
  #rows = new Uint32Array(0)
  #heldCounts = new Uint32Array(0)
  #bitmaps = new Uint8Array(0)

  constructor(seats: SeatTable, { chunkCount, number }: { readonly chunkCount: number; readonly number: number }) {
    this.chunkCount = chunkCount
    this.number = number
    this.#seats = seats
    this.#strideBytes = Math.ceil(chunkCount / 8)
    this.#availability = new Uint32Array(chunkCount)
  }

  get peerCount(): number {
    return this.#memberCount
  }

  /** Members that hold every chunk. */
  get completeCount(): number {
    return this.#completeCount
  }

  /** Any of its members, as long as there are some. */
  get lastSeat(): Seat | undefined {
    return this.#memberCount === 0 ? undefined : this.#rows[this.#memberCount - 1]
  }

  /** Its first members, `count` at the most: while nobody leaves, the same ones each time. */
  firstSeats(count: number): Seat[] {
    return [...this.#rows.subarray(0, Math.min(count, this.#memberCount))]
  }

  /** How many members hold each chunk, in order; a copy. */
  availability(): number[] {
    return [...this.#availability]
  }

  holderCount(chunkId: ChunkId): number {
    return this.#availability[chunkId] ?? 0
  }

  heldCount(seat: Seat): number {
    return this.#heldCounts[this.#seats.rowOf[seat] as number] as number
  }

  isComplete(seat: Seat): boolean {
    return this.heldCount(seat) === this.chunkCount
  }

  holds(seat: Seat, chunkId: ChunkId): boolean {
    const row = this.#seats.rowOf[seat] as number
    return ((this.#bitmaps[row * this.#strideBytes + (chunkId >> 3)] as number) & (0x80 >> (chunkId & 7))) !== 0
  }

  /** A view, most significant bit first, to be read at once. */
  bitmapOf(seat: Seat): Uint8Array {
    const first = (this.#seats.rowOf[seat] as number) * this.#strideBytes
    return this.#bitmaps.subarray(first, first + this.#strideBytes)
  }

  /** A new member, who holds nothing yet. */
  join(seat: Seat): void {
    const row = this.#memberCount++
    this.#makeRoom(this.#memberCount)
    this.#rows[row] = seat
    this.#heldCounts[row] = 0
    this.#bitmaps.fill(0, row * this.#strideBytes, (row + 1) * this.#strideBytes)
    this.#seats.rowOf[seat] = row
  }

  /** Chunks held already change nothing. */
  acquire(seat: Seat, chunkIds: readonly ChunkId[]): void {
    const wasComplete = this.isComplete(seat)
    for (const chunkId of chunkIds) if (!this.holds(seat, chunkId)) this.#add(seat, chunkId)
    if (!wasComplete && this.isComplete(seat)) this.#completeCount++
  }

  release(seat: Seat, chunkIds: readonly ChunkId[]): void {
    const wasComplete = this.isComplete(seat)
    for (const chunkId of chunkIds) if (this.holds(seat, chunkId)) this.#drop(seat, chunkId)
    if (wasComplete && !this.isComplete(seat)) this.#completeCount--
  }

  /** With all its chunks; the last row moves into the gap. */
  leave(seat: Seat): void {
    const row = this.#seats.rowOf[seat] as number
    if (this.isComplete(seat)) this.#completeCount--
    for (const chunkId of this.#rare.listed()) if (this.holds(seat, chunkId)) this.#rare.removed(chunkId, seat)
    this.#countOut(row)
    const stride = this.#strideBytes
    const last = --this.#memberCount
    if (row === last) return
    const moved = this.#rows[last] as number
    this.#rows[row] = moved
    this.#heldCounts[row] = this.#heldCounts[last] as number
    this.#bitmaps.copyWithin(row * stride, last * stride, (last + 1) * stride)
    this.#seats.rowOf[moved] = row
  }

  /** Different members, each as likely as any other, at the cost of about as many draws; of a rare chunk, of its holders. */
  sample(wanted: SampleWanted, random: Random): Seat[] {
    const { chunkId } = wanted
    if (chunkId === undefined) return this.#draw(this.#rows, { ...wanted, among: this.#memberCount }, random)
    const holderCount = this.holderCount(chunkId)
    if (holderCount === 0) return []
    const counts = { holderCount, memberCount: this.#memberCount }
    const list = this.#rare.of(chunkId, counts, () => this.#holdersOf(chunkId))
    if (list !== undefined) return this.#draw(list, { ...wanted, chunkId: undefined, among: list.length }, random)
    return this.#draw(this.#rows, { ...wanted, among: this.#memberCount }, random)
  }

  #holdersOf(chunkId: ChunkId): Seat[] {
    const holders: Seat[] = []
    for (let row = 0; row < this.#memberCount; row++) {
      const seat = this.#rows[row] as number
      if (this.holds(seat, chunkId)) holders.push(seat)
    }
    return holders
  }

  #draw(from: ArrayLike<Seat>, wanted: SampleWanted & { readonly among: number }, random: Random): Seat[] {
    const { count, chunkId, accepts, among } = wanted
    const found: Seat[] = []
    const take = (index: number): boolean => {
      const seat = from[index] as Seat
      if ((chunkId === undefined || this.holds(seat, chunkId)) && accepts(seat)) found.push(seat)
      return found.length === count
    }
    if (among > 2 * FEW_DRAWS) {
      for (let draws = 0; draws < FEW_DRAWS; ) {
        const index = random.below(among)
        if (isAmong(this.#drawn, draws, index)) continue
        this.#drawn[draws++] = index
        if (take(index)) return found
      }
    }
    // Either few are there, or few of them will do: on through the others in random order, without repeating those drawn.
    const drawn = among > 2 * FEW_DRAWS ? new Set(this.#drawn) : undefined
    const moved = new Map<number, number>()
    const drawsMax = Math.min(among, Math.max(DRAWS_MIN, count * DRAWS_PER_WANTED))
    for (let next = 0; next < drawsMax; next++) {
      const at = next + random.below(among - next)
      const index = moved.get(at) ?? at
      moved.set(at, moved.get(next) ?? next)
      if (drawn?.has(index) === true) continue
      if (take(index)) return found
    }
    return found
  }

  #add(seat: Seat, chunkId: ChunkId): void {
    const row = this.#seats.rowOf[seat] as number
    const byte = row * this.#strideBytes + (chunkId >> 3)
    this.#bitmaps[byte] = (this.#bitmaps[byte] as number) | (0x80 >> (chunkId & 7))
    this.#heldCounts[row] = (this.#heldCounts[row] as number) + 1
    this.#availability[chunkId] = (this.#availability[chunkId] as number) + 1
    this.#rare.added(chunkId, seat, this.#memberCount)
  }

  #drop(seat: Seat, chunkId: ChunkId): void {
    const row = this.#seats.rowOf[seat] as number
    const byte = row * this.#strideBytes + (chunkId >> 3)
    this.#bitmaps[byte] = (this.#bitmaps[byte] as number) & ~(0x80 >> (chunkId & 7))
    this.#heldCounts[row] = (this.#heldCounts[row] as number) - 1
    this.#availability[chunkId] = (this.#availability[chunkId] as number) - 1
    this.#rare.removed(chunkId, seat)
  }

  /** A row that is about to go: its chunks have one holder less. A sweep spends most of its time here. */
  #countOut(row: number): void {
    const availability = this.#availability
    const bitmaps = this.#bitmaps
    const first = row * this.#strideBytes
    for (let byte = 0; byte < this.#strideBytes; byte++) {
      let bits = bitmaps[first + byte] as number
      while (bits !== 0) {
        const bit = Math.clz32(bits) - 24
        bits &= ~(0x80 >> bit)
        const chunkId = byte * 8 + bit
        availability[chunkId] = (availability[chunkId] as number) - 1
      }
    }
  }

  #makeRoom(rows: number): void {
    const room = roomFor(rows, this.#room)
    if (room === this.#room) return
    this.#room = room
    this.#rows = grown(this.#rows, room)
    this.#heldCounts = grown(this.#heldCounts, room)
    this.#bitmaps = grown(this.#bitmaps, room * this.#strideBytes)
  }
}

function isAmong(values: Uint32Array, count: number, value: number): boolean {
  for (let index = 0; index < count; index++) if (values[index] === value) return true
  return false
}
