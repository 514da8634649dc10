// What is known of one song here: what is held, what is in progress, what is wanted, and which of its chunks are left alone.
// Not who else holds it (peer-table) and not a policy.
// Invariant: a held chunk is never in progress, and an unwanted one is neither started nor asked for.

import type { ArrivingChunk } from '@evastream/core/arriving-chunk'
import { Bitfield } from '@evastream/core/bitfield'
import type { ChunkId, PeerId, SongId } from '@evastream/core/ids'
import { blockCountOf, type SongShape } from '@evastream/core/manifest'
import { BLOCK_SIZE_BYTES, type Millis } from '@evastream/core/units'
import { ChunkProgress } from '../chunks/chunk-progress.ts'
import type { EngineConfig } from '../config.ts'
import type { Interest, SongAdded } from '../events.ts'
import { SongLeases } from '../leases/song-leases.ts'
import { PlaybackWindow } from '../playback/playback-window.ts'
import { doublingPauseMs, type Pause } from '../requests/backoff.ts'

/** When the tracker was last asked about a song and what came of it. */
export interface LookupTimes {
  askedAt: Millis
  /** When to see whether it is to be asked again. */
  dueAt: Millis
  /** When the last answer came. */
  settledAt: Millis
  isPending: boolean
  /** How many peers were known after the last answer, and after what time a crowd asks again: ever longer while nobody new is named. */
  knownCount: number
  crowdPauseMs: Millis
}

/** `first-chunk` is what is heard first when its turn comes. */
export type Ahead = 'nothing' | 'first-chunk' | 'whole'

const LONG_AGO = Number.NEGATIVE_INFINITY

export class SongState {
  readonly songId: SongId
  readonly shape: SongShape
  readonly held: Bitfield
  readonly window: PlaybackWindow
  readonly progress = new Map<ChunkId, ChunkProgress>()
  readonly leases = new SongLeases()
  readonly lookup: LookupTimes = {
    askedAt: LONG_AGO,
    dueAt: LONG_AGO,
    settledAt: LONG_AGO,
    isPending: false,
    knownCount: 0,
    crowdPauseMs: 0,
  }
  /** Its manifest contradicts itself: go on by whole chunks and blame nobody. */
  isInconsistent = false
  readonly #config: EngineConfig
  readonly #hasBlockHashes: boolean
  readonly #all: Bitfield
  readonly #marks = new Map<ChunkId, Map<PeerId, Pause>>()
  readonly #originPauses = new Map<ChunkId, Pause>()
  readonly #chunkPauses = new Map<ChunkId, Pause>()
  readonly #evicted = new Set<ChunkId>()
  #interest: Interest
  #wantedCount: number | undefined
  #ahead: Ahead = 'nothing'
  #aheadOriginFrom: Millis = 0

  constructor(added: SongAdded, config: EngineConfig) {
    this.songId = added.songId
    this.shape = added.shape
    this.held = Bitfield.of(added.shape.chunkCount, added.heldChunkIds)
    this.#all = Bitfield.full(added.shape.chunkCount)
    this.window = new PlaybackWindow({ ...config, shape: added.shape, byteRateBytesPerSecond: added.byteRateBytesPerSecond })
    this.#config = config
    this.#hasBlockHashes = added.hasBlockHashes
    this.#interest = added.interest
  }

  get interest(): Interest {
    return this.#interest
  }

  set interest(interest: Interest) {
    this.#interest = interest
    this.#wantedCount = undefined
  }

  /** How the bytes of the chunks to come are judged. */
  get verify(): 'blocks' | 'chunk' {
    return this.#hasBlockHashes && !this.isInconsistent ? 'blocks' : 'chunk'
  }

  get hasReaders(): boolean {
    return this.window.readerCount > 0
  }

  /** Chunks that are wanted and not held. */
  get wantedCount(): number {
    this.#wantedCount ??= this.#countWanted()
    return this.#wantedCount
  }

  isWanted(chunkId: ChunkId): boolean {
    if (this.held.has(chunkId) || chunkId >= this.shape.chunkCount) return false
    return chunkId >= this.#firstWanted || (chunkId >= 0 && chunkId < this.#aheadEnd)
  }

  /** Whether a peer that now has these blocks has one more to begin, or to go on, with; `known`: those it was known to have. */
  lacksBlockOf({ chunkId, blocks }: ArrivingChunk, known: readonly number[] | undefined): boolean {
    if (!this.isWanted(chunkId)) return false
    const chunk = this.progress.get(chunkId)
    if (chunk === undefined) return known === undefined || (blocks[0] === 0 && known[0] !== 0)
    return chunk.phase === 'fetching' && blocks.some(block => chunk.isFree(block) && known?.includes(block) !== true)
  }

  /** How much of it is wanted because its turn to be played comes soon. */
  get ahead(): Ahead {
    return this.#ahead
  }

  /** `originFrom`: from when on the origin may be asked for more of it than the first chunk. */
  wantAhead(ahead: Ahead, originFrom: Millis): void {
    this.#aheadOriginFrom = originFrom
    if (ahead === this.#ahead) return
    this.#ahead = ahead
    this.#wantedCount = undefined
  }

  /** @returns whether a reader that is heard began anew: it is new, or it sought. */
  readerMoved(readerId: string, positionBytes: number, at: Millis, isHeard = true): boolean {
    this.#wantedCount = undefined
    return this.window.moved(readerId, positionBytes, { at, isHeard, isHere: (fromByte, sizeBytes) => this.hasBytes(fromByte, sizeBytes) })
  }

  /** Something more of it is here. */
  audioCame(at: Millis): void {
    if (this.hasReaders) this.window.audioCame(at, (fromByte, sizeBytes) => this.hasBytes(fromByte, sizeBytes))
  }

  readerStopped(readerId: string): boolean {
    this.#wantedCount = undefined
    return this.window.stopped(readerId)
  }

  /** Whether every block of these bytes is here, as far as the song goes. */
  hasBytes(fromByte: number, sizeBytes: number): boolean {
    const { chunkSize, fileSize } = this.shape
    const end = Math.min(fileSize, fromByte + sizeBytes)
    for (let byte = fromByte; byte < end; ) {
      const chunkId = Math.floor(byte / chunkSize)
      const block = Math.floor((byte - chunkId * chunkSize) / BLOCK_SIZE_BYTES)
      const isChunkHeld = this.held.has(chunkId)
      if (!isChunkHeld && this.progress.get(chunkId)?.isHere(block) !== true) return false
      const nextChunk = (chunkId + 1) * chunkSize
      byte = isChunkHeld ? nextChunk : Math.min(nextChunk, chunkId * chunkSize + (block + 1) * BLOCK_SIZE_BYTES)
    }
    return true
  }

  /** Begins to put a chunk together. */
  startChunk(chunkId: ChunkId, at: Millis): ChunkProgress {
    const progress = new ChunkProgress({ chunkId, blockCount: blockCountOf(this.shape, chunkId), verify: this.verify }, at)
    this.progress.set(chunkId, progress)
    return progress
  }

  /** A chunk is stored: whatever was held against anybody for its sake is forgotten. */
  chunkHeld(chunkId: ChunkId): void {
    // Counted on, not anew: a song of many chunks is not walked for each of them.
    if (this.#wantedCount !== undefined && this.isWanted(chunkId)) this.#wantedCount--
    this.held.add(chunkId)
    this.progress.delete(chunkId)
    this.leases.refused.delete(chunkId)
    this.#marks.delete(chunkId)
    this.#originPauses.delete(chunkId)
    this.#chunkPauses.delete(chunkId)
    this.#evicted.delete(chunkId)
  }

  chunkLost(chunkId: ChunkId): void {
    this.held.delete(chunkId)
    this.#wantedCount = undefined
  }

  /** A peer failed a chunk: it is not asked for that chunk again for a time. */
  markPeer(chunkId: ChunkId, peerId: PeerId, at: Millis): void {
    const marks = this.#marks.get(chunkId) ?? new Map<PeerId, Pause>()
    const known = marks.get(peerId)
    // Requests that were open together fail together: that is one failure, not two.
    const failures = known === undefined ? 1 : known.failures + (known.until > at ? 0 : 1)
    marks.set(peerId, { failures, until: at + doublingPauseMs(failures, this.#config.chunkMarkBaseMs, this.#config.chunkMarkMaxMs) })
    this.#marks.set(chunkId, marks)
  }

  /** The peer said itself, anew, that it holds these chunks. */
  forgetMarks(peerId: PeerId, chunkIds: readonly ChunkId[]): void {
    if (this.#marks.size > 0) for (const chunkId of chunkIds) this.#marks.get(chunkId)?.delete(peerId)
  }

  /** Until when a peer is not asked for a chunk; 0 if it may be. */
  markOf(chunkId: ChunkId, peerId: PeerId): Millis {
    return this.#marks.get(chunkId)?.get(peerId)?.until ?? 0
  }

  pauseAtOrigin(chunkId: ChunkId, at: Millis): void {
    this.#pause(this.#originPauses, chunkId, at)
  }

  /** Until when the origin is not asked for a chunk. */
  originPauseOf(chunkId: ChunkId): Millis {
    const pausedUntil = this.#originPauses.get(chunkId)?.until ?? 0
    return chunkId > 0 && chunkId < this.#firstWanted ? Math.max(pausedUntil, this.#aheadOriginFrom) : pausedUntil
  }

  /** Nobody is asked for this chunk for a while: what failed was here, or nobody knows where. */
  pauseChunk(chunkId: ChunkId, at: Millis): void {
    this.#pause(this.#chunkPauses, chunkId, at)
  }

  /** As `pauseChunk`, but for long: whoever sends it, there is little hope. */
  pauseHopelessChunk(chunkId: ChunkId, at: Millis): void {
    const failures = (this.#chunkPauses.get(chunkId)?.failures ?? 0) + 1
    this.#chunkPauses.set(chunkId, {
      failures,
      until: at + doublingPauseMs(failures, this.#config.chunkMarkBaseMs, this.#config.chunkMarkMaxMs),
    })
  }

  chunkPauseOf(chunkId: ChunkId): Millis {
    return this.#chunkPauses.get(chunkId)?.until ?? 0
  }

  /** What was here of a chunk was thrown away for the sake of one more urgent: begun again, it is spared while it gets on. */
  chunkEvicted(chunkId: ChunkId): void {
    this.#evicted.add(chunkId)
  }

  wasEvicted(chunkId: ChunkId): boolean {
    return this.#evicted.has(chunkId)
  }

  /** Wanted chunks that are neither held nor in progress, of all or of some, in ascending order. */
  unstarted(among = this.#all): ChunkId[] {
    const [firstWanted, aheadEnd] = [this.#firstWanted, this.#aheadEnd]
    return among.without(this.held).filter(chunkId => (chunkId >= firstWanted || chunkId < aheadEnd) && !this.progress.has(chunkId))
  }

  /** Nothing of what is wanted is left to ask for: all of it is here or on its way. */
  get isAllAsked(): boolean {
    if (this.wantedCount > this.progress.size) return false
    let askedCount = 0
    for (const chunk of this.progress.values()) {
      if (!this.isWanted(chunk.chunkId)) continue
      if (chunk.phase === 'fetching' && chunk.freeRun() !== undefined) return false
      askedCount++
    }
    return askedCount === this.wantedCount
  }

  /** The disk refuses this song's chunks just now. */
  get hasUnstored(): boolean {
    for (const { phase } of this.progress.values()) if (phase === 'unstored') return true
    return false
  }

  get #aheadEnd(): ChunkId {
    if (this.#ahead === 'nothing') return 0
    return this.#ahead === 'whole' ? this.shape.chunkCount : 1
  }

  get #firstWanted(): ChunkId {
    return this.#interest === 'seed' ? 0 : (this.window.firstChunk ?? this.shape.chunkCount)
  }

  #countWanted(): number {
    let count = 0
    const firstWanted = this.#firstWanted
    for (let chunkId = 0; chunkId < Math.min(firstWanted, this.#aheadEnd); chunkId++) if (!this.held.has(chunkId)) count++
    for (let chunkId = firstWanted; chunkId < this.shape.chunkCount; chunkId++) if (!this.held.has(chunkId)) count++
    return count
  }

  #pause(pauses: Map<ChunkId, Pause>, chunkId: ChunkId, at: Millis): void {
    const failures = (pauses.get(chunkId)?.failures ?? 0) + 1
    const { originBackoffBaseMs, originBackoffMaxMs } = this.#config
    pauses.set(chunkId, { failures, until: at + doublingPauseMs(failures, originBackoffBaseMs, originBackoffMaxMs) })
  }
}
