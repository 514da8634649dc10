// The living peers as rows of numbers: who, where, since when silent. A row (its slot) is reused after its peer has gone.
// Not the swarms, and no judgement of who expired: the registry has the times.
// Invariant: the rows in use form one list in the order of their last sign of life, the longest silent first.

import type { PeerId } from '@evastream/core/ids'
import type { Millis } from '@evastream/core/units'
import { grown, roomFor } from './number-column.ts'
import { PeerIndex } from './peer-index.ts'

export type PeerSlot = number

export interface Admission {
  readonly peerId: PeerId
  /** Where others are told to find it. */
  readonly host: string
  readonly port: number
  /** Where its registration came from. */
  readonly observedHost: string
  /** SHA-256 of the token that speaks for the peer. */
  readonly tokenDigest: Uint8Array
}

/** No slot, no seat: the end of a list. */
export const NONE = 0xffff_ffff
export const DIGEST_BYTES = 32
/** originBytes, peerBytes, sentBytes and overrides, as the peer told them last. */
export const TOTALS = 4

export class PeerTable {
  readonly #slotOf = new PeerIndex()
  /** The first of the free slots, chained by `#newer`. */
  #free: PeerSlot = NONE
  readonly #ids: (PeerId | undefined)[] = []
  readonly #hosts: string[] = []
  /** Only of those that claimed another host. */
  readonly #observedHosts = new Map<PeerSlot, string>()
  #room = 0
  #oldest: PeerSlot = NONE
  #newest: PeerSlot = NONE
  #ports = new Uint16Array(0)
  #digests = new Uint8Array(0)
  #lastSeen = new Float64Array(0)
  #older = new Uint32Array(0)
  #newer = new Uint32Array(0)
  #lives = new Uint32Array(0)
  #uplinks = new Float32Array(0)
  #totals = new Float64Array(0)
  /** The first of its seats, and how many it has; the registry's. */
  firstSeats = new Uint32Array(0)
  seatCounts = new Uint32Array(0)

  get size(): number {
    return this.#slotOf.size
  }

  /** The longest silent; NONE when there is nobody. */
  get oldest(): PeerSlot {
    return this.#oldest
  }

  find(peerId: PeerId): PeerSlot {
    return this.#slotOf.get(peerId) ?? NONE
  }

  add(admission: Admission, at: Millis): PeerSlot {
    const slot = this.#take()
    const { peerId, host, port, observedHost, tokenDigest } = admission
    this.#slotOf.set(peerId, slot)
    this.#ids[slot] = peerId
    this.#hosts[slot] = host
    if (observedHost !== host) this.#observedHosts.set(slot, observedHost)
    this.#ports[slot] = port
    this.#digests.set(tokenDigest, slot * DIGEST_BYTES)
    this.#lives[slot] = (this.#lives[slot] as number) + 1
    this.#uplinks[slot] = 0
    this.#totals.fill(0, slot * TOTALS, (slot + 1) * TOTALS)
    this.firstSeats[slot] = NONE
    this.seatCounts[slot] = 0
    this.#append(slot, at)
    return slot
  }

  remove(slot: PeerSlot): void {
    const peerId = this.#ids[slot]
    if (peerId === undefined) return
    this.#slotOf.delete(peerId)
    this.#ids[slot] = undefined
    this.#hosts[slot] = ''
    this.#observedHosts.delete(slot)
    this.#unlink(slot)
    this.#newer[slot] = this.#free
    this.#free = slot
  }

  touch(slot: PeerSlot, at: Millis): void {
    if (slot !== this.#newest) {
      this.#unlink(slot)
      this.#append(slot, at)
    }
    this.#lastSeen[slot] = at
  }

  idOf(slot: PeerSlot): PeerId {
    return this.#ids[slot] as PeerId
  }

  hostOf(slot: PeerSlot): string {
    return this.#hosts[slot] as string
  }

  portOf(slot: PeerSlot): number {
    return this.#ports[slot] as number
  }

  observedHostOf(slot: PeerSlot): string {
    return this.#observedHosts.get(slot) ?? this.hostOf(slot)
  }

  lastSeenAt(slot: PeerSlot): Millis {
    return this.#lastSeen[slot] as number
  }

  /** Differs between two peers that had the same slot. */
  lifeOf(slot: PeerSlot): number {
    return this.#lives[slot] as number
  }

  /** A view, to be read at once. */
  digestOf(slot: PeerSlot): Uint8Array {
    return this.#digests.subarray(slot * DIGEST_BYTES, (slot + 1) * DIGEST_BYTES)
  }

  /** Whether `digest`, each character a byte of it, is the slot's; takes the same time whatever it is. */
  hasDigest(slot: PeerSlot, digest: string): boolean {
    let difference = digest.length ^ DIGEST_BYTES
    const first = slot * DIGEST_BYTES
    for (let index = 0; index < DIGEST_BYTES; index++) difference |= digest.charCodeAt(index) ^ (this.#digests[first + index] as number)
    return difference === 0
  }

  /** Undefined when it was not measured. */
  uplinkOf(slot: PeerSlot): number | undefined {
    const uplink = this.#uplinks[slot] as number
    return uplink === 0 ? undefined : uplink
  }

  setUplink(slot: PeerSlot, bytesPerSecond: number): void {
    this.#uplinks[slot] = bytesPerSecond
  }

  totalOf(slot: PeerSlot, index: number): number {
    return this.#totals[slot * TOTALS + index] as number
  }

  setTotal(slot: PeerSlot, index: number, total: number): void {
    this.#totals[slot * TOTALS + index] = total
  }

  #take(): PeerSlot {
    const slot = this.#free
    if (slot === NONE) {
      this.#makeRoom(this.#ids.length + 1)
      return this.#ids.length
    }
    this.#free = this.#newer[slot] as number
    return slot
  }

  #append(slot: PeerSlot, at: Millis): void {
    this.#lastSeen[slot] = at
    this.#older[slot] = this.#newest
    this.#newer[slot] = NONE
    if (this.#newest === NONE) this.#oldest = slot
    else this.#newer[this.#newest] = slot
    this.#newest = slot
  }

  #unlink(slot: PeerSlot): void {
    const older = this.#older[slot] as number
    const newer = this.#newer[slot] as number
    if (older === NONE) this.#oldest = newer
    else this.#newer[older] = newer
    if (newer === NONE) this.#newest = older
    else this.#older[newer] = older
  }

  #makeRoom(rows: number): void {
    const room = roomFor(rows, this.#room)
    if (room === this.#room) return
    this.#room = room
    this.#ports = grown(this.#ports, room)
    this.#digests = grown(this.#digests, room * DIGEST_BYTES)
    this.#lastSeen = grown(this.#lastSeen, room)
    this.#older = grown(this.#older, room)
    this.#newer = grown(this.#newer, room)
    this.#lives = grown(this.#lives, room)
    this.#uplinks = grown(this.#uplinks, room)
    this.#totals = grown(this.#totals, room * TOTALS)
    this.firstSeats = grown(this.firstSeats, room)
    this.seatCounts = grown(this.seatCounts, room)
  }
}
