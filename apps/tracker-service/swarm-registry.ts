// Everything the tracker remembers: the living peers (peerRegistry) and the swarm of each song (songChunkMap). Memory only.
// Not HTTP, not tokens' meaning, not a judge of who is handed out; time and chance come in with each call.
// Invariant: after any call at a time, no peer that has expired by then is known, and no chunk of one is counted.
// Expiry needs no scan: every sign of life moves a peer to the end of peerRegistry, so the silent ones gather at its front.
// Its bounds refuse newcomers and new songs; they never push out what lives.

import type { Bitfield } from '@evastream/core/bitfield'
import { EvaError } from '@evastream/core/errors'
import type { ChunkId, PeerId, SongId } from '@evastream/core/ids'
import type { Random } from '@evastream/core/random'
import type { Millis } from '@evastream/core/units'
import { Swarm } from './swarm.ts'

export interface PeerRecord {
  readonly peerId: PeerId
  /** Where others are told to find it. */
  readonly host: string
  readonly port: number
  /** Where its registration came from. */
  readonly observedHost: string
  /** SHA-256 of the token that speaks for the peer. */
  readonly tokenDigest: Uint8Array
  lastSeenAt: Millis
  /** As the peer measured it; undefined before it told. */
  uplinkBytesPerSecond: number | undefined
  readonly songIds: Set<SongId>
  /** The witnesses who said, since the last sign of life, that this peer is dead; the handout policy's. */
  readonly reports: Set<string>
}

export type Admission = Pick<PeerRecord, 'peerId' | 'host' | 'port' | 'observedHost' | 'tokenDigest'>

export interface PeersWanted {
  readonly count: number
  readonly chunkId?: ChunkId | undefined
  readonly accepts: (peer: PeerRecord) => boolean
  readonly at: Millis
}

/** A peer and what it holds of the song that was asked for; the bitmap is the registry's own, to be read at once. */
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
  /** Told of every peer that is removed or begins anew, in the middle of it. */
  readonly onRemoved?: (peerId: PeerId) => void
}

export interface SongPlace {
  readonly songId: SongId
  readonly chunkCount: number
}

export class SwarmRegistry {
  readonly #options: RegistryOptions
  /** In the order of their last sign of life. */
  readonly #peerRegistry = new Map<PeerId, PeerRecord>()
  readonly #songChunkMap = new Map<SongId, Swarm>()
  #holdingsBytes = 0

  constructor(options: RegistryOptions) {
    this.#options = options
  }

  peerCount(at: Millis): number {
    this.sweep(at)
    return this.#peerRegistry.size
  }

  songCount(at: Millis): number {
    this.sweep(at)
    return this.#songChunkMap.size
  }

  trackedSongs(at: Millis): SongId[] {
    this.sweep(at)
    return [...this.#songChunkMap.keys()]
  }

  peer(peerId: PeerId, at: Millis): PeerRecord | undefined {
    this.sweep(at)
    return this.#peerRegistry.get(peerId)
  }

  /** For reading; undefined for a song of which nobody holds a chunk. */
  swarm(songId: SongId, at: Millis): Swarm | undefined {
    this.sweep(at)
    return this.#songChunkMap.get(songId)
  }

  /** A registration begins with nothing held: the peer announces what it has. @throws EvaError `EVA_LIMIT_REACHED` */
  admit(admission: Admission, at: Millis): PeerRecord {
    this.sweep(at)
    const { peerId } = admission
    if (!this.#peerRegistry.has(peerId) && this.#peerRegistry.size >= this.#options.peersMax)
      throw this.#limitReached(this.#options.peersMax, 'peers')
    this.remove(peerId)
    const record = { ...admission, lastSeenAt: at, uplinkBytesPerSecond: undefined, songIds: new Set<SongId>(), reports: new Set<string>() }
    this.#peerRegistry.set(peerId, record)
    return record
  }

  /** A sign of life. */
  touch(peer: PeerRecord, at: Millis): void {
    if (this.#peerRegistry.get(peer.peerId) !== peer) return
    peer.lastSeenAt = at
    this.#peerRegistry.delete(peer.peerId)
    this.#peerRegistry.set(peer.peerId, peer)
  }

  /** Removes a peer with all its chunks. */
  remove(peerId: PeerId): void {
    const peer = this.#peerRegistry.get(peerId)
    if (peer === undefined) return
    for (const songId of peer.songIds) this.#depart(peer, songId)
    this.#peerRegistry.delete(peerId)
    this.#options.onRemoved?.(peerId)
  }

  /** Removes every peer that has expired by `at`, with all its chunks; @returns how many. */
  sweep(at: Millis): number {
    let removedCount = 0
    for (const peer of this.#peerRegistry.values()) {
      if (at - peer.lastSeenAt < this.#options.expiresAfterMs) break
      this.remove(peer.peerId)
      removedCount++
    }
    return removedCount
  }

  /** @throws EvaError `EVA_CHUNK_OUT_OF_RANGE` (and then nothing has changed) or `EVA_LIMIT_REACHED`. @returns chunks now held of the song. */
  acquire(peer: PeerRecord, song: SongPlace, chunkIds: readonly ChunkId[]): number {
    const { songId } = song
    const swarm = this.#songChunkMap.get(songId) ?? new Swarm(song.chunkCount)
    checkChunkIds({ songId, chunkCount: swarm.chunkCount }, chunkIds)
    if (chunkIds.length === 0) return swarm.chunksHeldBy(peer.peerId)
    if (!swarm.has(peer.peerId)) this.#makeRoom(peer, swarm)
    swarm.acquire(peer.peerId, chunkIds)
    this.#songChunkMap.set(songId, swarm)
    peer.songIds.add(songId)
    return swarm.chunksHeldBy(peer.peerId)
  }

  /** @throws EvaError `EVA_CHUNK_OUT_OF_RANGE`. @returns chunks still held of the song; none for an unknown song. */
  release(peer: PeerRecord, songId: SongId, chunkIds: readonly ChunkId[]): number {
    const swarm = this.#songChunkMap.get(songId)
    if (swarm === undefined) return 0
    checkChunkIds({ songId, chunkCount: swarm.chunkCount }, chunkIds)
    if (!swarm.has(peer.peerId)) return 0
    swarm.release(peer.peerId, chunkIds)
    if (!swarm.has(peer.peerId)) this.#departed(peer, songId)
    return swarm.chunksHeldBy(peer.peerId)
  }

  /** The song is gone or another: whoever holds it holds nothing of it any more. */
  forgetSong(songId: SongId): void {
    for (const peerId of this.#songChunkMap.get(songId)?.memberIds() ?? []) {
      const peer = this.#peerRegistry.get(peerId)
      if (peer !== undefined) this.#depart(peer, songId)
    }
  }

  /** Different peers, each as likely as any other. */
  sample(songId: SongId, wanted: PeersWanted, random: Random): HoldingPeer[] {
    const accepts = (peerId: PeerId) => {
      const peer = this.#peerRegistry.get(peerId)
      return peer !== undefined && wanted.accepts(peer)
    }
    const sample = this.swarm(songId, wanted.at)?.sample({ count: wanted.count, chunkId: wanted.chunkId, accepts }, random) ?? []
    return sample.flatMap(({ peerId, chunks }) => {
      const peer = this.#peerRegistry.get(peerId)
      return peer === undefined ? [] : [{ peer, chunks }]
    })
  }

  #depart(peer: PeerRecord, songId: SongId): void {
    this.#songChunkMap.get(songId)?.leave(peer.peerId)
    this.#departed(peer, songId)
  }

  /** Keeps the books after a peer has left a swarm; the last to leave takes the swarm along. */
  #departed(peer: PeerRecord, songId: SongId): void {
    peer.songIds.delete(songId)
    const swarm = this.#songChunkMap.get(songId)
    if (swarm === undefined) return
    this.#holdingsBytes -= bitmapBytes(swarm)
    if (swarm.peerCount > 0) return
    this.#holdingsBytes -= counterBytes(swarm)
    this.#songChunkMap.delete(songId)
  }

  #makeRoom(peer: PeerRecord, swarm: Swarm): void {
    const { songsPerPeerMax, holdingsMaxBytes } = this.#options
    if (peer.songIds.size >= songsPerPeerMax) throw this.#limitReached(songsPerPeerMax, 'songs a peer')
    const neededBytes = bitmapBytes(swarm) + (swarm.peerCount === 0 ? counterBytes(swarm) : 0)
    if (this.#holdingsBytes + neededBytes > holdingsMaxBytes) throw this.#limitReached(holdingsMaxBytes, 'bytes of holdings')
    this.#holdingsBytes += neededBytes
  }

  #limitReached(limit: number, what: string): EvaError {
    return new EvaError('EVA_LIMIT_REACHED', { details: { limit, what, retryAfterMs: this.#options.expiresAfterMs } })
  }
}

function checkChunkIds(song: SongPlace, chunkIds: readonly ChunkId[]): void {
  const strange = chunkIds.find(chunkId => !(chunkId >= 0 && chunkId < song.chunkCount))
  if (strange === undefined) return
  const details = { songId: song.songId, chunkCount: song.chunkCount, chunkId: strange }
  throw new EvaError('EVA_CHUNK_OUT_OF_RANGE', { details })
}

// A member also costs its seat and its places in two maps: about as much as this many bytes.
const MEMBER_BYTES = 200

function bitmapBytes(swarm: Swarm): number {
  return Math.ceil(swarm.chunkCount / 8) + MEMBER_BYTES
}

function counterBytes(swarm: Swarm): number {
  return swarm.chunkCount * Uint32Array.BYTES_PER_ELEMENT
}
