// A listener at a peer: plays a song at its own rate, waits where bytes are missing, jumps, and leaves.
// Not the streaming route: a real player reads ahead, and the route tells positions; deadlines follow the music either way.
// Invariant: it moves only over chunks the store loaded.

import type { ChunkId, SongId } from '@evastream/core/ids'
import { chunkLengthBytes } from '@evastream/core/manifest'
import type { SchedulerEvent } from '@evastream/engine/events'
import type { Appointment } from './event-queue.ts'
import type { Fact } from './simulation-observer.ts'
import type { VirtualClock } from './virtual-clock.ts'
import type { ListenPlan, SongPlan } from './world-plan.ts'

export interface PlayerDeps {
  readonly clock: VirtualClock
  readonly song: SongPlan
  /** Whether the chunk could be loaded, and whether its bytes are right; undefined when it is not held. */
  load(chunkId: ChunkId): boolean | undefined
  feed(event: SchedulerEvent): void
  fact(fact: Fact): void
}

const STEP_SECONDS = 2

export class SimulatedPlayer {
  readonly #deps: PlayerDeps
  readonly #plan: ListenPlan
  readonly #readerId: string
  #positionBytes = 0
  #waitingSince = 0
  #jumpsAhead: readonly { readonly afterMs: number; readonly toBytes: number }[] = []
  #state: 'before' | 'playing' | 'waiting' | 'over' = 'before'
  #step: Appointment | undefined

  constructor(deps: PlayerDeps, options: { readonly plan: ListenPlan; readonly readerId: string }) {
    this.#deps = deps
    this.#plan = options.plan
    this.#readerId = options.readerId
  }

  get songId(): SongId {
    return this.#plan.songId
  }

  start(): void {
    const { clock } = this.#deps
    const { startsAfterMs, fromBytes, jumps, stopsAfterMs } = this.#plan
    this.#jumpsAhead = [{ afterMs: 0, toBytes: fromBytes }, ...jumps]
    for (const jump of this.#jumpsAhead)
      clock.after(startsAfterMs + jump.afterMs, () => {
        this.#jumpsAhead = this.#jumpsAhead.filter(other => other !== jump)
        this.#moveTo(jump.toBytes)
      })
    if (stopsAfterMs !== undefined) clock.after(startsAfterMs + stopsAfterMs, () => this.stop())
  }

  /** The chunks from here on are wanted, or will be; undefined when nobody listens any more. */
  get wantedFromChunk(): ChunkId | undefined {
    if (this.#state === 'over') return undefined
    const positions = this.#jumpsAhead.map(({ toBytes }) => toBytes)
    if (this.#state !== 'before') positions.push(this.#positionBytes)
    return Math.floor(Math.min(...positions) / this.#deps.song.shape.chunkSize)
  }

  chunkStored(chunkId: ChunkId): void {
    if (this.#state === 'waiting' && chunkId === this.#chunkId) this.#play()
  }

  stop(): void {
    if (this.#state === 'over') return
    const wasListening = this.#state !== 'before'
    this.#state = 'over'
    this.#cancelStep()
    if (!wasListening) return
    const { songId } = this.#deps.song
    this.#deps.feed({ kind: 'playback-stopped', at: this.#deps.clock.now(), songId, readerId: this.#readerId })
  }

  /** The process is gone. */
  end(): void {
    this.#state = 'over'
    this.#cancelStep()
  }

  get #chunkId(): ChunkId {
    return Math.floor(this.#positionBytes / this.#deps.song.shape.chunkSize)
  }

  #moveTo(positionBytes: number): void {
    if (this.#state === 'over') return
    this.#cancelStep()
    this.#positionBytes = positionBytes
    this.#tellPosition()
    this.#play()
  }

  #tellPosition(): void {
    const { songId } = this.#deps.song
    const at = this.#deps.clock.now()
    this.#deps.feed({ kind: 'playback-moved', at, songId, readerId: this.#readerId, positionBytes: this.#positionBytes })
  }

  #play(): void {
    const { shape, songId, byteRateBytesPerSecond } = this.#deps.song
    if (this.#positionBytes >= shape.fileSize) {
      this.stop()
      return
    }
    const chunkId = this.#chunkId
    const isGood = this.#deps.load(chunkId)
    if (isGood === undefined) {
      this.#state = 'waiting'
      this.#waitingSince = this.#deps.clock.now()
      this.#deps.fact({ kind: 'stalled', songId, chunkId })
      return
    }
    if (this.#state === 'waiting') {
      const waitedMs = this.#deps.clock.now() - this.#waitingSince
      this.#deps.fact({ kind: 'resumed', songId, waitedMs })
    }
    this.#state = 'playing'
    this.#deps.fact({ kind: 'played', songId, chunkId, isGood })
    const chunkEndBytes = chunkId * shape.chunkSize + chunkLengthBytes(shape, chunkId)
    const stepBytes = Math.min(chunkEndBytes - this.#positionBytes, Math.max(1, Math.floor(byteRateBytesPerSecond * STEP_SECONDS)))
    this.#step = this.#deps.clock.after((stepBytes / byteRateBytesPerSecond) * 1000, () => {
      this.#positionBytes += stepBytes
      if (this.#positionBytes < shape.fileSize) this.#tellPosition()
      this.#play()
    })
  }

  #cancelStep(): void {
    if (this.#step !== undefined) this.#step.isCancelled = true
  }
}
