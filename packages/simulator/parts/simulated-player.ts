// A listener at a peer: presses play, plays verified bytes at the music's own rate, reads ahead, waits where bytes are missing, jumps, leaves.
// Not the streaming route: what it does to the route's reader (positions told, bytes taken) is the same.
// Invariant: it moves only over verified bytes; the music has stalled from the moment at which it needs a byte that is not here.

import type { ChunkId, SongId } from '@evastream/core/ids'
import { BLOCK_SIZE_BYTES, SECOND_MS } from '@evastream/core/units'
import type { SchedulerEvent } from '@evastream/engine/events'
import type { Appointment } from '../event-queue.ts'
import type { Fact, WaitReason } from '../records/simulation-observer.ts'
import type { VirtualClock } from '../virtual-clock.ts'
import type { ListenPlan, SongPlan } from '../worlds/world-plan.ts'

/** Verified bytes from where was asked up to here. */
export interface ReadBytes {
  readonly endByte: number
  readonly isGood: boolean
}

export interface PlayerDeps {
  readonly clock: VirtualClock
  readonly song: SongPlan
  /** Makes the song known here, if it is not, and calls back. */
  open(opened: () => void): void
  /** Undefined when the byte is not here, or not verified. */
  read(atByte: number): ReadBytes | undefined
  feed(event: SchedulerEvent): void
  fact(fact: Fact): void
  /** The music came to its end, or the listener had enough. */
  ended(): void
}

export interface PlayerOptions {
  readonly plan: ListenPlan
  readonly readerId: string
  readonly how: 'pressed' | 'queued'
}

/** How far a player reads before what is heard, unless its plan says otherwise. */
const READ_AHEAD_MS = 2 * SECOND_MS

export class SimulatedPlayer {
  readonly #deps: PlayerDeps
  readonly #options: PlayerOptions
  readonly #readAheadBytes: number
  #state: 'before' | 'opening' | 'waiting' | 'playing' | 'over' = 'before'
  #waitsFor: WaitReason = 'start'
  #waitingSince = 0
  /** The player was given all bytes up to here. */
  #readTo = 0
  /** The music stood here at `heardAt`, and moves on while the state is `playing`. */
  #heardBytes = 0
  #heardAt = 0
  #toldBytes = 0
  #connectionCount = 0
  #jumpsAhead: readonly { readonly afterMs: number; readonly toBytes: number }[] = []
  #tick: Appointment | undefined

  constructor(deps: PlayerDeps, options: PlayerOptions) {
    this.#deps = deps
    this.#options = options
    this.#readAheadBytes = ((options.plan.readAheadMs ?? READ_AHEAD_MS) * deps.song.byteRateBytesPerSecond) / SECOND_MS
  }

  get songId(): SongId {
    return this.#deps.song.songId
  }

  start(): void {
    const { clock } = this.#deps
    const { startsAfterMs, fromBytes, jumps, stopsAfterMs } = this.#options.plan
    this.#jumpsAhead = [{ afterMs: 0, toBytes: fromBytes }, ...jumps]
    clock.after(startsAfterMs, () => this.#press())
    for (const jump of jumps) clock.after(startsAfterMs + jump.afterMs, () => this.#jump(jump))
    if (stopsAfterMs !== undefined) clock.after(startsAfterMs + stopsAfterMs, () => this.stop())
  }

  /** The chunks from here on are wanted, or will be; undefined when nobody listens any more. */
  get wantedFromChunk(): ChunkId | undefined {
    if (this.#state === 'over') return undefined
    const positions = this.#jumpsAhead.map(({ toBytes }) => toBytes)
    if (this.#state !== 'before') positions.push(this.#toldBytes)
    const { fileSize, chunkSize } = this.#deps.song.shape
    // Who has read all is waited for until the last chunk is stored.
    return Math.floor(Math.min(...positions, fileSize - 1) / chunkSize)
  }

  /** More verified bytes of the song are here. */
  audioArrived(): void {
    if (this.#state === 'waiting' || this.#state === 'playing') this.#read()
  }

  stop(): void {
    if (this.#state === 'over') return
    const wasReading = this.#state === 'waiting' || this.#state === 'playing'
    this.end()
    if (wasReading) this.#tellStopped(this.#readerName(this.#connectionCount))
    this.#deps.ended()
  }

  /** The process is gone, or nobody listens any more. */
  end(): void {
    if (this.#state === 'over') return
    const { songId } = this
    const silentForMs = this.#state === 'waiting' || this.#state === 'opening' ? this.#now - this.#waitingSince : 0
    if (this.#state !== 'before') this.#deps.fact({ kind: 'play-ended', songId, readerId: this.#options.readerId, silentForMs })
    this.#state = 'over'
    this.#cancelTick()
  }

  get #now(): number {
    return this.#deps.clock.now()
  }

  #press(): void {
    if (this.#state === 'over') return
    const { how, plan, readerId } = this.#options
    this.#state = 'opening'
    this.#waitingSince = this.#now
    this.#toldBytes = plan.fromBytes
    this.#jumpsAhead = this.#jumpsAhead.slice(1)
    this.#deps.fact({ kind: 'pressed', songId: this.songId, readerId, how })
    this.#deps.open(() => {
      if (this.#state === 'opening') this.#moveTo(this.#toldBytes, 'start')
    })
  }

  #jump(jump: { readonly toBytes: number }): void {
    if (this.#state === 'over') return
    this.#jumpsAhead = this.#jumpsAhead.filter(other => other !== jump)
    if (this.#state === 'opening') this.#toldBytes = jump.toBytes
    else {
      // Who jumps while waiting for the first sound waits for the first sound still.
      const isStarting = this.#state === 'waiting' && this.#waitsFor === 'start'
      if (!isStarting) this.#waitingSince = this.#now
      this.#moveTo(jump.toBytes, isStarting ? 'start' : 'seek')
      this.#tellStopped(this.#readerName(this.#connectionCount - 1))
    }
  }

  /** A player that jumps closes its connection and opens another: for the Scheduler that is another reader. */
  #readerName(connection: number): string {
    const { readerId } = this.#options
    return connection === 1 ? readerId : `${readerId}.${connection}`
  }

  #tellStopped(readerId: string): void {
    this.#deps.feed({ kind: 'playback-stopped', at: this.#now, songId: this.songId, readerId })
  }

  #moveTo(positionBytes: number, why: WaitReason): void {
    this.#cancelTick()
    this.#connectionCount++
    this.#state = 'waiting'
    this.#waitsFor = why
    this.#readTo = positionBytes
    this.#heardBytes = positionBytes
    this.#tellPosition()
    this.#read()
    if (this.#state === 'waiting' && this.#readTo < this.#deps.song.shape.fileSize) this.#tellWait()
  }

  #tellPosition(): void {
    this.#toldBytes = this.#readTo
    const readerId = this.#readerName(this.#connectionCount)
    this.#deps.feed({ kind: 'playback-moved', at: this.#now, songId: this.songId, readerId, positionBytes: this.#readTo })
  }

  #tellWait(): void {
    const { songId } = this
    const chunkId = Math.floor(this.#readTo / this.#deps.song.shape.chunkSize)
    this.#deps.fact({ kind: 'stalled', songId, readerId: this.#options.readerId, chunkId, why: this.#waitsFor })
  }

  /** Takes what is here, as far as the player wants to be ahead. */
  #read(): void {
    const { shape } = this.#deps.song
    const before = this.#readTo
    const limit = Math.min(shape.fileSize, Math.max(this.#readTo + BLOCK_SIZE_BYTES, Math.floor(this.#heardNow + this.#readAheadBytes)))
    if (this.#state === 'playing' && this.#roomBytes < Math.min(shape.fileSize - before, BLOCK_SIZE_BYTES)) return
    while (this.#readTo < limit) {
      const got = this.#deps.read(this.#readTo)
      if (got === undefined) break
      const chunkId = Math.floor(this.#readTo / shape.chunkSize)
      this.#deps.fact({ kind: 'played', songId: this.songId, chunkId, isGood: got.isGood })
      this.#readTo = Math.min(got.endByte, limit)
    }
    if (this.#state === 'waiting' && (this.#readTo > before || this.#readTo >= shape.fileSize)) this.#sound()
    if (this.#readTo > before && this.#readTo !== this.#toldBytes) this.#tellPosition()
    this.#planTick()
  }

  /** The music goes on. */
  #sound(): void {
    const { songId } = this
    const { readerId } = this.#options
    const waitedMs = this.#now - this.#waitingSince
    const why = this.#waitsFor
    this.#state = 'playing'
    this.#heardAt = this.#now
    if (waitedMs > 0) this.#deps.fact({ kind: 'resumed', songId, readerId, why, waitedMs })
    if (why !== 'stall') this.#deps.fact({ kind: 'sounded', songId, readerId, why, waitedMs })
    this.#tellPosition()
  }

  /** Where the music is by now. */
  get #heardNow(): number {
    if (this.#state !== 'playing') return this.#heardBytes
    return this.#heardBytes + ((this.#now - this.#heardAt) * this.#deps.song.byteRateBytesPerSecond) / SECOND_MS
  }

  /** How much more the player would take; a byte more than it reckons, since times are rounded. */
  get #roomBytes(): number {
    return this.#heardNow + this.#readAheadBytes - this.#readTo + 1
  }

  /** When the music will be at this byte. */
  #heardTime(byte: number): number {
    return this.#heardAt + ((byte - this.#heardBytes) * SECOND_MS) / this.#deps.song.byteRateBytesPerSecond
  }

  /** The next moment that matters though nothing arrives: the music needs the next byte, or there is room for a block to read ahead. */
  #planTick(): void {
    if (this.#state !== 'playing' || this.#tick !== undefined) return
    const { fileSize } = this.#deps.song.shape
    const neededAt = this.#heardTime(this.#readTo)
    const roomAt = this.#heardTime(Math.min(fileSize, this.#readTo + BLOCK_SIZE_BYTES) - this.#readAheadBytes)
    const at = roomAt > this.#now && this.#readTo < fileSize ? Math.min(neededAt, roomAt) : neededAt
    this.#tick = this.#deps.clock.at(at, () => this.#ticked())
  }

  #ticked(): void {
    this.#tick = undefined
    if (this.#readTo < this.#deps.song.shape.fileSize) this.#read()
    if (this.#now >= this.#heardTime(this.#readTo)) this.#ranOut()
    else this.#planTick()
  }

  #ranOut(): void {
    this.#cancelTick()
    if (this.#readTo >= this.#deps.song.shape.fileSize) {
      this.stop()
      return
    }
    this.#state = 'waiting'
    this.#waitsFor = 'stall'
    this.#waitingSince = this.#now
    this.#heardBytes = this.#readTo
    this.#tellWait()
    this.#tellPosition()
  }

  #cancelTick(): void {
    if (this.#tick !== undefined) this.#tick.isCancelled = true
    this.#tick = undefined
  }
}
