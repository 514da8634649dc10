// How many requests and chunks there may be at once, and what is given up for what matters more.
// Not what is asked for next, nor of whom (download-planner).
// Invariant: never more requests or chunks than the config allows; while somebody listens a share of both is kept for what is urgent, and
// for what a crowd waits for.

import { BLOCK_SIZE_BYTES, type Millis } from '@evastream/core/units'
import type { PriorityClass } from '../commands.ts'
import type { EngineState } from '../engine-state.ts'
import type { UrgentChunk } from '../playback/playback-window.ts'
import type { SongState } from '../songs/song-state.ts'
import type { FreeNeighbours } from '../sources/free-neighbours.ts'
import { deadWeight } from './dead-weight.ts'
import type { RelayMoves } from './relay-moves.ts'
import type { RequestDesk } from './request-desk.ts'
import { spareChunk } from './spare-chunk.ts'

export interface DownloadPlacesDeps {
  readonly state: EngineState
  readonly desk: RequestDesk
  readonly neighbours: FreeNeighbours
  readonly moves: RelayMoves
  /** What is not possible now may be then. */
  readonly noteWake: (at: Millis) => void
}

/** What a place is wanted for. */
export interface Need {
  readonly priority: PriorityClass
  readonly urgent?: UrgentChunk
  /** Leased to us, and a crowd waits for it. */
  readonly isBrought?: boolean
}

export class DownloadPlaces {
  readonly #deps: DownloadPlacesDeps
  #isListenedTo = false
  #chunkCount = 0
  #waitingCount = 0
  #isShortOfRoom = false

  constructor(deps: DownloadPlacesDeps) {
    this.#deps = deps
  }

  /** Since it was last counted another chunk could have been begun, had there not been as many in progress as there may be. */
  get isShortOfRoom(): boolean {
    return this.#isShortOfRoom
  }

  /** Counts what there is; to be called before each plan. */
  count(songs: readonly SongState[], isListenedTo: boolean): void {
    this.#isListenedTo = isListenedTo
    this.#isShortOfRoom = false
    this.#chunkCount = songs.reduce((sum, song) => sum + song.progress.size, 0)
    this.#waitingCount = this.#countWaiting()
  }

  chunkBegun(): void {
    this.#chunkCount++
  }

  chunkDropped(): void {
    this.#chunkCount--
  }

  /** Whether another request could be made without ending one, whatever was counted before. */
  hasAnyNow(): boolean {
    const { requests, config } = this.#deps.state
    return requests.size - this.#countWaiting() < config.downloadsInFlightMax
  }

  hasFor(need: Need): boolean {
    const { requests, config } = this.#deps.state
    // Who waits for a block that its source has not got yet takes nothing of our link.
    const comingCount = requests.size - this.#waitingCount
    return comingCount < this.#boundFor(need, config.downloadsInFlightMax) && this.#hasAllowance(need.priority)
  }

  /** As `hasFor`; what is urgent need not wait for places held by requests of which nothing comes. */
  makeFor(need: Need): boolean {
    if (this.hasFor(need)) return true
    const { state, desk, neighbours } = this.#deps
    if (need.priority !== 'play' || state.requests.size < state.config.downloadsInFlightMax) return false
    const idle = deadWeight(state)
    if (idle !== undefined) desk.cancel(idle, 'unwanted')
    neighbours.forget()
    return idle !== undefined && this.hasFor(need)
  }

  /** Room for one more chunk, if need be at the cost of one that can be spared. @returns whether there is room. */
  makeRoomFor(need: Need): boolean {
    if (this.#hasRoomFor(need)) return true
    const { state, desk, neighbours, noteWake } = this.#deps
    const { spare, wakeAt } = spareChunk(state, need.priority)
    noteWake(wakeAt)
    this.#isShortOfRoom ||= spare === undefined
    if (spare === undefined) return false
    const { song, chunk } = spare
    if (chunk.blocksHere > 0) song.chunkEvicted(chunk.chunkId)
    desk.discard(song, chunk)
    neighbours.forget()
    this.#chunkCount--
    return this.#hasRoomFor(need)
  }

  /** A batch shrinks to what the download limit leaves; a whole chunk cannot. */
  withinLimit(blockCount: number, verify: 'blocks' | 'chunk'): number {
    const { limit, now } = this.#deps.state
    return verify === 'chunk' ? blockCount : Math.min(blockCount, Math.max(1, Math.floor(limit.spareBytes(now) / BLOCK_SIZE_BYTES)))
  }

  #countWaiting(): number {
    const { moves, state } = this.#deps
    return Math.min(state.config.waitingRequestsMax, moves.quietRelayCount())
  }

  /** Whether the download limit leaves enough: for what is urgent a block, for the rest what makes a batch worth asking for. */
  #hasAllowance(priority: PriorityClass): boolean {
    const { limit, now, config } = this.#deps.state
    const batchBytes = Math.min(limit.bucketBytes / 2, config.batchBlocksMax * BLOCK_SIZE_BYTES)
    const leastBytes = priority === 'play' ? BLOCK_SIZE_BYTES : Math.max(BLOCK_SIZE_BYTES, batchBytes)
    if (limit.spareBytes(now) >= leastBytes) return true
    this.#deps.noteWake(limit.readyAt(leastBytes, now))
    return false
  }

  #hasRoomFor(need: Need): boolean {
    return this.#chunkCount < this.#boundFor(need, this.#deps.state.config.chunksInProgressMax)
  }

  #boundFor({ priority, isBrought = false }: Need, bound: number): number {
    if (priority === 'play' || isBrought || !this.#isListenedTo) return bound
    return Math.max(1, Math.floor(bound * (1 - this.#deps.state.config.urgentReserveRatio)))
  }
}
