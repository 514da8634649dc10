// The listeners at one peer: their players, what these read, and the queue of songs to come.
// Not a player (simulated-player.ts) and not the peer's hands (peer-process.ts).
// Invariant: nothing is read that is neither stored nor a verified block.

import type { ChunkId, SongId } from '@evastream/core/ids'
import { blockLengthBytes, chunkLengthBytes } from '@evastream/core/manifest'
import { BLOCK_SIZE_BYTES } from '@evastream/core/units'
import type { SchedulerEvent } from '@evastream/engine/events'
import type { Fact } from '../records/simulation-observer.ts'
import type { VirtualClock } from '../virtual-clock.ts'
import type { ListenPlan, SongPlan } from '../worlds/world-plan.ts'
import type { SimulatedDownloads } from './simulated-downloads.ts'
import { type ReadBytes, SimulatedPlayer } from './simulated-player.ts'

/** The peer as its listeners need it. */
export interface ListenersOwner {
  songOf(songId: SongId): SongPlan
  openSong(songId: SongId, opened: () => void): void
  /** Whether a stored chunk's bytes are right; undefined when it is not held. */
  load(songId: SongId, chunkId: ChunkId): boolean | undefined
}

export interface ListenersDeps {
  readonly clock: VirtualClock
  readonly owner: ListenersOwner
  readonly downloads: Pick<SimulatedDownloads, 'verifiedBlock'>
  feed(event: SchedulerEvent): void
  fact(fact: Fact): void
}

export class SimulatedListeners {
  readonly #deps: ListenersDeps
  readonly #players: SimulatedPlayer[] = []
  #isOver = false

  constructor(deps: ListenersDeps) {
    this.#deps = deps
  }

  start(listens: readonly ListenPlan[]): void {
    for (const listen of listens) this.#play(listen, 'pressed')
  }

  /** The process is gone. */
  end(): void {
    this.#isOver = true
    for (const player of this.#players) player.end()
  }

  /** The song is taken away from this peer. */
  stop(songId: SongId): void {
    for (const player of this.#players) if (player.songId === songId) player.stop()
  }

  audioArrived(songId: SongId): void {
    for (const player of this.#players) if (player.songId === songId) player.audioArrived()
  }

  /** From which chunk on a listener wants the song; undefined when nobody listens to it. */
  wantedFromChunk(songId: SongId): ChunkId | undefined {
    let first: ChunkId | undefined
    for (const player of this.#players) {
      const wanted = player.songId === songId ? player.wantedFromChunk : undefined
      if (wanted !== undefined && (first === undefined || wanted < first)) first = wanted
    }
    return first
  }

  #play(plan: ListenPlan, how: 'pressed' | 'queued'): void {
    const song = this.#deps.owner.songOf(plan.songId)
    const { clock, feed, fact } = this.#deps
    const player = new SimulatedPlayer(
      {
        clock,
        song,
        feed,
        fact,
        open: opened => this.#open(plan, opened),
        read: atByte => this.#read(song, atByte),
        ended: () => this.#playNext(plan),
      },
      { plan, readerId: `reader-${this.#players.length + 1}`, how },
    )
    this.#players.push(player)
    player.start()
  }

  #open({ songId, queue }: ListenPlan, opened: () => void): void {
    const { clock, owner, feed } = this.#deps
    owner.openSong(songId, opened)
    if (queue === undefined) return
    feed({ kind: 'queue-changed', at: clock.now(), songIds: queue })
    for (const nextId of queue) owner.openSong(nextId, () => undefined)
  }

  /** The next song of the queue begins where the one before it ended. */
  #playNext({ queue = [], readAheadMs, stopsAfterMs }: ListenPlan): void {
    const [songId, ...rest] = queue
    if (songId === undefined || this.#isOver) return
    const plan = { songId, startsAfterMs: 0, fromBytes: 0, jumps: [], queue: rest }
    this.#play(
      { ...plan, ...(readAheadMs !== undefined && { readAheadMs }), ...(stopsAfterMs !== undefined && { stopsAfterMs }) },
      'queued',
    )
  }

  #read(song: SongPlan, atByte: number): ReadBytes | undefined {
    const { shape, songId } = song
    const chunkId = Math.floor(atByte / shape.chunkSize)
    const chunkStart = chunkId * shape.chunkSize
    const isGood = this.#deps.owner.load(songId, chunkId)
    if (isGood !== undefined) return { endByte: chunkStart + chunkLengthBytes(shape, chunkId), isGood }
    const block = Math.floor((atByte - chunkStart) / BLOCK_SIZE_BYTES)
    const verified = this.#deps.downloads.verifiedBlock(songId, chunkId, block)
    if (verified === undefined) return undefined
    return { endByte: chunkStart + block * BLOCK_SIZE_BYTES + blockLengthBytes(shape, chunkId, block), isGood: verified.isGood }
  }
}
