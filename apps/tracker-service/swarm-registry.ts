// Everything the tracker remembers: the living peers (peerRegistry) and the swarm of each song (songChunkMap). Memory only.
// Not HTTP, not tokens' meaning, not a judge of who is handed out; time and chance come in with each call.
// Invariant: no answer names a peer that has expired by then. Expiry needs no scan: the silent gather at one end of a list. Each call
// removes a few of them and the sweep the rest, so after a mass death counts are right some calls later.
// Its bounds refuse newcomers and new songs; they never push out what lives.

import { Bitfield } from '@evastream/core/bitfield'
import { EvaError } from '@evastream/core/errors'
import type { ChunkId, PeerId, SongId } from '@evastream/core/ids'
import type { Random } from '@evastream/core/random'
import type { Millis } from '@evastream/core/units'
import { type Admission, NONE, type PeerSlot, PeerTable } from './peer-table.ts'
import { type Seat, SeatTable } from './seat-table.ts'
import { SeatTexts } from './seat-texts.ts'
import { Swarm } from './swarm.ts'

/** A peer as it was when it was looked up. */
export interface PeerRecord {
  readonly peerId: PeerId
  /** Where others are told to find it. */
  readonly host: string
  readonly port: number
  /** Where its registration came from. */
  readonly observedHost: string
  readonly lastSeenAt: Millis
  /** As the peer measured it; undefined before it told. */
  readonly uplinkBytesPerSecond: number | undefined
  readonly slot: PeerSlot
  /** Tells it from a later peer in the same slot. */
  readonly life: number
}

export interface PeersWanted {
  readonly count: number
  readonly chunkId?: ChunkId | undefined
  readonly accepts: (slot: PeerSlot) => boolean
  readonly at: Millis
}

/** A peer and what it holds of the song that was asked for. */
export interface HoldingPeer {
  readonly peer: PeerRecord
  readonly chunks: Bitfield
}

export interface RegistryOptions {
  /** A peer that gave no sign of life for so long is gone. */
  readonly expiresAfterMs: number
  readonly peersMax: number
  readonly songsPerPeerMax: number
  /** All bitmaps and counters together. */
  readonly holdingsMaxBytes: number
  /** Told of every peer that is about to be removed or to begin anew. */
  readonly onRemoved?: (peerId: PeerId, slot: PeerSlot) => void
  readonly onAdmitted?: (peerId: PeerId, slot: PeerSlot) => void
}

export interface SongPlace {
  readonly songId: SongId
  readonly chunkCount: number
}

/** What each call sweeps at the most: some microseconds' worth. */
const SWEPT_PER_CALL = 64
/** Leaving a swarm costs by the size of the song. */
const CHUNKS_PER_EFFORT = 256

export class SwarmRegistry {
  readonly #options: RegistryOptions
  readonly peerRegistry: PeerTable = new PeerTable()
  readonly #seats: SeatTable
  readonly #songChunkMap = new Map<SongId, Swarm>()
  readonly #swarms: (Swarm | undefined)[] = []
  readonly #freeNumbers: number[] = []
  /** Of songs that were forgotten, with members still to be told. */
  readonly #forgotten: Swarm[] = []
  /** Members as `GET /peers` writes them, in its two forms. */
  readonly speltTexts: SeatTexts = new SeatTexts()
  readonly bitmapTexts: SeatTexts = new SeatTexts()
  readonly #songIds = new Map<number, SongId>()
  #holdingsBytes = 0
  #departureCount = 0

  constructor(options: RegistryOptions) {
    this.#options = options
    this.#seats = new SeatTable(this.peerRegistry)
  }

  /** Of the song that the seat is in; the table's own, to be read. */
  get seats(): SeatTable {
    return this.#seats
  }

  /** Grows whenever a peer or one of its songs goes. */
  get departureCount(): number {
    return this.#departureCount
  }

  peerCount(at: Millis): number {
    this.sweepSome(at)
    return this.peerRegistry.size
  }

  songCount(at: Millis): number {
    this.sweepSome(at)
    return this.#songChunkMap.size
  }

  trackedSongs(at: Millis): SongId[] {
    this.sweepSome(at)
    return [...this.#songChunkMap.keys()]
  }

  /** The first `count` songs, with their swarms: those tracked the longest. */
  *firstSwarms(count: number): Generator<readonly [SongId, Swarm]> {
    let rest = count
    for (const entry of this.#songChunkMap) {
      if (rest-- <= 0) return
      yield entry
    }
  }

  /** NONE for an unknown or expired peer. */
  slotOf(peerId: PeerId, at: Millis): PeerSlot {
    this.sweepSome(at)
    const slot = this.peerRegistry.find(peerId)
    return slot === NONE || this.isExpired(slot, at) ? NONE : slot
  }

  peer(peerId: PeerId, at: Millis): PeerRecord | undefined {
    const slot = this.slotOf(peerId, at)
    return slot === NONE ? undefined : this.#record(slot)
  }

  isExpired(slot: PeerSlot, at: Millis): boolean {
    return at - this.peerRegistry.lastSeenAt(slot) >= this.#options.expiresAfterMs
  }

  /** For reading; undefined for a song of which nobody holds a chunk. */
  swarm(songId: SongId, at: Millis): Swarm | undefined {
    this.sweepSome(at)
    return this.#songChunkMap.get(songId)
  }

  isMember(swarm: Swarm, peerId: PeerId): boolean {
    const slot = this.peerRegistry.find(peerId)
    return slot !== NONE && this.#seats.find(slot, swarm.number) !== NONE
  }

  /** A registration begins with nothing held: the peer announces what it has. @throws EvaError `EVA_LIMIT_REACHED` */
  admit(admission: Admission, at: Millis): PeerRecord {
    this.sweepSome(at)
    const { peersMax } = this.#options
    const isNew = this.peerRegistry.find(admission.peerId) === NONE
    if (isNew && this.peerRegistry.size >= peersMax) throw this.#limitReached(peersMax, 'peers')
    this.remove(admission.peerId)
    const slot = this.peerRegistry.add(admission, at)
    this.#options.onAdmitted?.(admission.peerId, slot)
    return this.#record(slot)
  }

  /** A sign of life. */
  touch(peer: PeerRecord, at: Millis): void {
    if (this.#isCurrent(peer)) this.peerRegistry.touch(peer.slot, at)
  }

  /** Removes a peer with all its chunks. */
  remove(peerId: PeerId): void {
    const slot = this.peerRegistry.find(peerId)
    if (slot === NONE) return
    while (this.peerRegistry.firstSeats[slot] !== NONE) this.#leave(this.peerRegistry.firstSeats[slot] as number)
    this.#removeSeatless(slot)
  }

  /** Removes every peer that has expired by `at`, with all its chunks; @returns how many. */
  sweep(at: Millis): number {
    const before = this.peerRegistry.size
    while (!this.sweepSome(at));
    return before - this.peerRegistry.size
  }

  /** The same, a bit at a time. @returns whether nothing is left to sweep. */
  sweepSome(at: Millis, effortMax = SWEPT_PER_CALL): boolean {
    for (let effort = 0; effort < effortMax; ) {
      const spent = this.#sweepOne(at)
      if (spent === 0) return true
      effort += spent
    }
    return false
  }

  /** @throws EvaError `EVA_CHUNK_OUT_OF_RANGE` (and then nothing has changed) or `EVA_LIMIT_REACHED`. @returns chunks now held of the song. */
  acquire(peer: PeerRecord, song: SongPlace, chunkIds: readonly ChunkId[]): number {
    const known = this.#songChunkMap.get(song.songId)
    checkChunkIds({ songId: song.songId, chunkCount: known?.chunkCount ?? song.chunkCount }, chunkIds)
    const seat = known === undefined ? NONE : this.#seats.find(peer.slot, known.number)
    if (chunkIds.length === 0 || !this.#isCurrent(peer)) return known === undefined || seat === NONE ? 0 : known.heldCount(seat)
    if (known !== undefined && seat !== NONE) {
      known.acquire(seat, chunkIds)
      this.#changed(seat)
      return known.heldCount(seat)
    }
    this.#makeRoom(peer.slot, known ?? song)
    const swarm = known ?? this.#found(song)
    const newSeat = this.#seats.add(peer.slot, swarm.number)
    swarm.join(newSeat)
    swarm.acquire(newSeat, chunkIds)
    return swarm.heldCount(newSeat)
  }

  /** @throws EvaError `EVA_CHUNK_OUT_OF_RANGE`. @returns chunks still held of the song; none for an unknown song. */
  release(peer: PeerRecord, songId: SongId, chunkIds: readonly ChunkId[]): number {
    const swarm = this.#songChunkMap.get(songId)
    if (swarm === undefined) return 0
    checkChunkIds({ songId, chunkCount: swarm.chunkCount }, chunkIds)
    const seat = this.#seats.find(peer.slot, swarm.number)
    if (seat === NONE) return 0
    swarm.release(seat, chunkIds)
    this.#changed(seat)
    const heldCount = swarm.heldCount(seat)
    if (heldCount === 0) this.#leave(seat)
    return heldCount
  }

  /** The song is gone or another: whoever holds it holds nothing of it any more. */
  forgetSong(songId: SongId): void {
    const swarm = this.#songChunkMap.get(songId)
    if (swarm === undefined) return
    this.#songChunkMap.delete(songId)
    this.#songIds.delete(swarm.number)
    this.#forgotten.push(swarm)
    for (let effort = 0; effort < SWEPT_PER_CALL && this.#forgotten.includes(swarm); effort++) this.#sweepForgotten(swarm)
  }

  /** Different peers, each as likely as any other. */
  sample(songId: SongId, wanted: PeersWanted, random: Random): HoldingPeer[] {
    const swarm = this.swarm(songId, wanted.at)
    if (swarm === undefined) return []
    return this.sampleSeats(swarm, wanted, random).map(seat => ({
      peer: this.#record(this.#seats.peerOf[seat] as number),
      chunks: Bitfield.fromBytes(swarm.bitmapOf(seat), swarm.chunkCount),
    }))
  }

  /** The same as seats, for whoever reads the tables itself. */
  sampleSeats(swarm: Swarm, { count, chunkId, accepts, at }: PeersWanted, random: Random): Seat[] {
    const { peerOf } = this.#seats
    const acceptsSeat = (seat: Seat) => {
      const slot = peerOf[seat] as number
      return !this.isExpired(slot, at) && accepts(slot)
    }
    return swarm.sample({ count, chunkId, accepts: acceptsSeat }, random)
  }

  #record(slot: PeerSlot): PeerRecord {
    const peers = this.peerRegistry
    return {
      peerId: peers.idOf(slot),
      host: peers.hostOf(slot),
      port: peers.portOf(slot),
      observedHost: peers.observedHostOf(slot),
      lastSeenAt: peers.lastSeenAt(slot),
      uplinkBytesPerSecond: peers.uplinkOf(slot),
      slot,
      life: peers.lifeOf(slot),
    }
  }

  #isCurrent({ peerId, slot, life }: PeerRecord): boolean {
    return this.peerRegistry.find(peerId) === slot && this.peerRegistry.lifeOf(slot) === life
  }

  /** @returns what it cost; 0 when there was nothing to do. */
  #sweepOne(at: Millis): number {
    const forgotten = this.#forgotten[0]
    if (forgotten !== undefined) return this.#sweepForgotten(forgotten)
    const slot = this.peerRegistry.oldest
    if (slot === NONE || !this.isExpired(slot, at)) return 0
    const seat = this.peerRegistry.firstSeats[slot] as number
    if (seat !== NONE) return this.#leave(seat)
    this.#removeSeatless(slot)
    return 1
  }

  #sweepForgotten(swarm: Swarm): number {
    const seat = swarm.lastSeat
    return seat === undefined ? 1 : this.#leave(seat)
  }

  #removeSeatless(slot: PeerSlot): void {
    this.#options.onRemoved?.(this.peerRegistry.idOf(slot), slot)
    this.peerRegistry.remove(slot)
  }

  /** The last to leave takes the swarm along. @returns what it cost. */
  #leave(seat: Seat): number {
    const swarm = this.#swarms[this.#seats.swarmOf[seat] as number]
    if (swarm === undefined) return 1
    this.#departureCount++
    swarm.leave(seat)
    this.#changed(seat)
    this.#seats.remove(seat)
    this.#holdingsBytes -= bitmapBytes(swarm)
    if (swarm.peerCount === 0) this.#disband(swarm)
    return 1 + Math.floor(swarm.chunkCount / CHUNKS_PER_EFFORT)
  }

  #changed(seat: Seat): void {
    this.speltTexts.changed(seat)
    this.bitmapTexts.changed(seat)
  }

  #found(song: SongPlace): Swarm {
    const number = this.#freeNumbers.pop() ?? this.#swarms.length
    const swarm = new Swarm(this.#seats, { chunkCount: song.chunkCount, number })
    this.#swarms[number] = swarm
    this.#songIds.set(number, song.songId)
    this.#songChunkMap.set(song.songId, swarm)
    return swarm
  }

  #disband(swarm: Swarm): void {
    this.#holdingsBytes -= counterBytes(swarm)
    this.#swarms[swarm.number] = undefined
    this.#freeNumbers.push(swarm.number)
    const songId = this.#songIds.get(swarm.number)
    if (songId !== undefined) this.#songChunkMap.delete(songId)
    this.#songIds.delete(swarm.number)
    const forgotten = this.#forgotten.indexOf(swarm)
    if (forgotten >= 0) this.#forgotten.splice(forgotten, 1)
  }

  #makeRoom(slot: PeerSlot, song: { readonly chunkCount: number; readonly peerCount?: number }): void {
    const { songsPerPeerMax, holdingsMaxBytes } = this.#options
    if ((this.peerRegistry.seatCounts[slot] as number) >= songsPerPeerMax) throw this.#limitReached(songsPerPeerMax, 'songs a peer')
    const neededBytes = bitmapBytes(song) + (song.peerCount === undefined ? counterBytes(song) : 0)
    if (this.#holdingsBytes + neededBytes > holdingsMaxBytes) throw this.#limitReached(holdingsMaxBytes, 'bytes of holdings')
    this.#holdingsBytes += neededBytes
  }

  #limitReached(limit: number, what: string): EvaError {
    return new EvaError('EVA_LIMIT_REACHED', { details: { limit, what, retryAfterMs: this.#options.expiresAfterMs } })
  }
}

function checkChunkIds(song: SongPlace, chunkIds: readonly ChunkId[]): void {
  const strange = chunkIds.find(chunkId => !(Number.isInteger(chunkId) && chunkId >= 0 && chunkId < song.chunkCount))
  if (strange === undefined) return
  const details = { songId: song.songId, chunkCount: song.chunkCount, chunkId: strange }
  throw new EvaError('EVA_CHUNK_OUT_OF_RANGE', { details })
}

// A member also costs its seat, and a swarm its books: about as much as this many bytes.
const MEMBER_BYTES = 40
const SWARM_BYTES = 600

function bitmapBytes(song: { readonly chunkCount: number }): number {
  return Math.ceil(song.chunkCount / 8) + MEMBER_BYTES
}

function counterBytes(song: { readonly chunkCount: number }): number {
  return song.chunkCount * Uint32Array.BYTES_PER_ELEMENT + SWARM_BYTES
}
