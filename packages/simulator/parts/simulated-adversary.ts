// A peer that is not one of ours: it claims to hold everything and then misbehaves in one particular way.
// Not a fault of an honest peer (fault-plan.ts has those): an adversary runs no Scheduler and wants nothing.
// Invariant: what it sends is marked bad where it is bad, so the checkers know what nobody may store.

import type { ArrivingChunk } from '@evastream/core/arriving-chunk'
import type { ChunkId, PeerId, SongId } from '@evastream/core/ids'
import { blockCountOf, type SongShape } from '@evastream/core/manifest'
import type { Random } from '@evastream/core/random'
import type { VirtualClock } from '../virtual-clock.ts'
import type { SendingManner } from './block-flow.ts'
import type { PeerRequest, ServingEnd, SimulatedConnection } from './simulated-connection.ts'
import type { Host, LinkPlan, Parcel } from './simulated-network.ts'

export const MANNERS = [
  /** Is listed by the tracker and does not listen. */
  'is-not-there',
  /** Takes the connection and never says hello. */
  'mute',
  /** Lists everything and never answers a request. */
  'tarpit',
  /** Sends all of a run but its last byte. */
  'stalls-at-the-end',
  /** Sends a byte now and then, for ever. */
  'trickles',
  /** Sends other bytes than those asked for. */
  'sends-bad-bytes',
  /** Now and then sends a bad block. */
  'sends-some-bad-bytes',
  /** Lists chunks it does not hold, and some that do not exist. */
  'boasts',
  /** Says it is busy, whatever is asked. */
  'always-busy',
  /** Says it is busy for an hour. */
  'busy-for-long',
  /** Closes the connection when something is asked. */
  'hangs-up',
  /** Sends what the protocol does not allow, so that its connection is closed on it. */
  'breaks-the-protocol',
  /** Says of everything that it is receiving it, and hands on nothing. */
  'is-ever-receiving',
  /** The same, and hands on other bytes. */
  'relays-bad-bytes',
  /** The same, hands on what it is asked for, and now and then says that it gave a chunk up. */
  'receives-and-forgets',
  /** Takes chunks off its list and puts them back, all the time. */
  'wavers',
] as const

export type Manner = (typeof MANNERS)[number]

/** Who trickles does so over any line. */
export function linkOfAdversary(manner: Manner, link: LinkPlan): LinkPlan {
  return manner === 'trickles' ? { ...link, upBytesPerSecond: TRICKLE_BYTES_PER_SECOND } : link
}

export interface AdversaryDeps {
  readonly clock: VirtualClock
  readonly random: Random
  readonly host: Host
  sent(request: PeerRequest, parcel: Parcel): void
}

export interface AdversaryOptions {
  readonly peerId: PeerId
  readonly manner: Manner
  readonly songs: readonly { readonly songId: SongId; readonly shape: SongShape }[]
}

/** Those who never say that they hold anything. */
export const RECEIVERS: ReadonlySet<Manner> = new Set(['is-ever-receiving', 'relays-bad-bytes', 'receives-and-forgets'])
const WAVER_EVERY_MS = 700
const TRICKLE_BYTES_PER_SECOND = 1
const SOME_BAD_RATIO = 0.2

export class SimulatedAdversary implements ServingEnd {
  isListening: boolean
  readonly host: Host
  readonly peerId: PeerId
  readonly manner: Manner
  readonly #deps: AdversaryDeps
  readonly #options: AdversaryOptions

  constructor(deps: AdversaryDeps, options: AdversaryOptions) {
    this.host = deps.host
    this.peerId = options.peerId
    this.manner = options.manner
    this.isListening = options.manner !== 'is-not-there'
    this.#deps = deps
    this.#options = options
  }

  get saysHello(): boolean {
    return this.manner !== 'mute'
  }

  subscribed(connection: SimulatedConnection, songId: SongId): void {
    const song = this.#options.songs.find(candidate => candidate.songId === songId)
    if (song === undefined) return
    const all = Array.from({ length: song.shape.chunkCount }, (_, chunkId) => chunkId)
    const isReceiving = RECEIVERS.has(this.manner)
    connection.tellList(songId, isReceiving ? [] : all)
    if (isReceiving)
      connection.tellArriving(
        songId,
        all.map(chunkId => claimOf(song.shape, chunkId)),
      )
    if (this.manner === 'wavers' || this.manner === 'receives-and-forgets') this.#waver(connection, song)
  }

  asked(connection: SimulatedConnection, request: PeerRequest): void {
    if (!this.isListening) return
    if (this.manner === 'boasts') connection.reject(request.requestId, 'EVA_PEER_CHUNK_MISSING')
    else if (this.manner === 'always-busy') connection.reject(request.requestId, 'EVA_PEER_BUSY', 100)
    else if (this.manner === 'busy-for-long') connection.reject(request.requestId, 'EVA_PEER_BUSY', 3_600_000)
    else if (this.manner === 'hangs-up') connection.reset()
    else if (this.manner === 'breaks-the-protocol') connection.reset('EVA_PEER_PROTOCOL')
    else if (this.manner !== 'tarpit' && this.manner !== 'is-ever-receiving')
      connection.send(request, this.#sending(), parcel => this.#deps.sent(request, parcel))
  }

  cancelled(): void {}

  acknowledged(): void {}

  ended(): void {}

  #sending(): SendingManner {
    const isBad = this.manner === 'sends-bad-bytes' || this.manner === 'relays-bad-bytes'
    const isSometimesBad = this.manner === 'sends-some-bad-bytes'
    const isGood = () => !isBad && !(isSometimesBad && this.#deps.random.ratio() < SOME_BAD_RATIO)
    if (this.manner === 'stalls-at-the-end') return { isGood, stopBeforeEndBytes: 1 }
    if (this.manner === 'trickles') return { isGood, parcelBytesMax: 1 }
    return { isGood }
  }

  #waver(connection: SimulatedConnection, song: { readonly songId: SongId; readonly shape: SongShape }): void {
    this.#deps.clock.after(WAVER_EVERY_MS, () => {
      if (!this.isListening || !connection.isOpen) return
      const chunkId = this.#deps.random.below(song.shape.chunkCount)
      connection.tellLacks(song.songId, chunkId)
      this.#deps.clock.after(WAVER_EVERY_MS / 2, () => {
        if (this.manner === 'wavers') connection.tellHas(song.songId, chunkId)
        else connection.tellArriving(song.songId, [claimOf(song.shape, chunkId)])
      })
      this.#waver(connection, song)
    })
  }
}

/** It says to have every other block of the chunk. */
function claimOf(shape: SongShape, chunkId: ChunkId): ArrivingChunk {
  const all = Array.from({ length: blockCountOf(shape, chunkId) }, (_, block) => block)
  return { chunkId, blocks: all.filter(block => block % 2 === 0) }
}
