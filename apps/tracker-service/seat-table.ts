// Who sits in which swarm: a seat for each peer of each song, as rows of numbers, chained by peer.
// Not what is held there: the swarm has the bitmaps.
// Invariant: a seat in use is in exactly one peer's chain, and its row is where its swarm keeps it.

import { grown, roomFor } from './number-column.ts'
import { NONE, type PeerSlot, type PeerTable } from './peer-table.ts'

export type Seat = number

export class SeatTable {
  readonly #peers: PeerTable
  /** The first of the free seats, chained by `#next`: a list of its own would have to grow in the middle of a sweep. */
  #free: Seat = NONE
  #count = 0
  #room = 0
  /** The seat's peer, the number of its swarm, and its row there. */
  peerOf = new Uint32Array(0)
  swarmOf = new Uint32Array(0)
  rowOf = new Uint32Array(0)
  #next = new Uint32Array(0)
  #previous = new Uint32Array(0)

  constructor(peers: PeerTable) {
    this.#peers = peers
  }

  /** The peer's seat in a swarm; looked for among all of its seats, the ones used last first. */
  find(slot: PeerSlot, swarm: number): Seat {
    for (let seat = this.#peers.firstSeats[slot] as number; seat !== NONE; seat = this.#next[seat] as number) {
      if (this.swarmOf[seat] !== swarm) continue
      if (seat !== this.#peers.firstSeats[slot]) {
        this.#unchain(seat)
        this.#chain(seat)
      }
      return seat
    }
    return NONE
  }

  add(slot: PeerSlot, swarm: number): Seat {
    const seat = this.#take()
    this.peerOf[seat] = slot
    this.swarmOf[seat] = swarm
    this.#chain(seat)
    this.#peers.seatCounts[slot] = (this.#peers.seatCounts[slot] as number) + 1
    return seat
  }

  remove(seat: Seat): void {
    const slot = this.peerOf[seat] as number
    this.#unchain(seat)
    this.swarmOf[seat] = NONE
    this.#peers.seatCounts[slot] = (this.#peers.seatCounts[slot] as number) - 1
    this.#next[seat] = this.#free
    this.#free = seat
  }

  #take(): Seat {
    const seat = this.#free
    if (seat === NONE) {
      this.#makeRoom(this.#count + 1)
      return this.#count++
    }
    this.#free = this.#next[seat] as number
    return seat
  }

  #chain(seat: Seat): void {
    const slot = this.peerOf[seat] as number
    const first = this.#peers.firstSeats[slot] as number
    this.#next[seat] = first
    this.#previous[seat] = NONE
    if (first !== NONE) this.#previous[first] = seat
    this.#peers.firstSeats[slot] = seat
  }

  #unchain(seat: Seat): void {
    const next = this.#next[seat] as number
    const previous = this.#previous[seat] as number
    if (previous === NONE) this.#peers.firstSeats[this.peerOf[seat] as number] = next
    else this.#next[previous] = next
    if (next !== NONE) this.#previous[next] = previous
  }

  #makeRoom(rows: number): void {
    const room = roomFor(rows, this.#room)
    if (room === this.#room) return
    this.#room = room
    this.peerOf = grown(this.peerOf, room)
    this.swarmOf = grown(this.swarmOf, room)
    this.rowOf = grown(this.rowOf, room)
    this.#next = grown(this.#next, room)
    this.#previous = grown(this.#previous, room)
  }
}
