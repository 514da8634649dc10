// News of chunks for the connected peers, those on their way and those stored: the first at once, what follows close behind it together.
// Not how a peer is told (upload-session.ts), and not the tracker's news (chunk-announcer.ts).
// Invariant: what was noted is told within its time, of each chunk the last word only, and before anything else is told (`flush`).

import type { ChunkId, SongId } from '@evastream/core/ids'
import type { Millis } from '@evastream/core/units'
import type { Clock, Timers } from '@evastream/service-kit/system-clock'

export type ChunkNewsKind = 'have' | 'arriving'

/**
 * On a link that brings a chunk every few milliseconds a frame for each costs everybody more than its news are worth; a slow one brings
 * so few that each is told at once.
 */
const GATHER_MS = 20

/**
 * Further blocks of a chunk that was told before: to hear of each costs every neighbour a decision. A link of 2 Mbit/s brings one in that
 * time, so a slow one tells of each as it comes, and a fast one of several together.
 */
export const GATHER_BLOCKS_MS = 60

export interface GatheredNewsDeps {
  readonly clock: Clock
  readonly timers: Pick<Timers, 'after'>
  tellHeld(songId: SongId, chunkIds: readonly ChunkId[]): void
  /** For the first time or again. */
  tellArriving(songId: SongId, chunkIds: readonly ChunkId[]): void
}

export class GatheredNews {
  readonly #deps: GatheredNewsDeps
  readonly #untold = new Map<SongId, Map<ChunkId, ChunkNewsKind | 'blocks'>>()
  readonly #tellDue = () => this.#woken()
  #toldAt: Millis = Number.NEGATIVE_INFINITY
  #blocksToldAt: Millis = Number.NEGATIVE_INFINITY
  #wakesAt: Millis = Number.POSITIVE_INFINITY
  #cancelTimer: () => void = () => undefined

  constructor(deps: GatheredNewsDeps) {
    this.#deps = deps
  }

  note(kind: ChunkNewsKind, songId: SongId, chunkIds: readonly ChunkId[]): void {
    const untold = this.#untoldOf(songId)
    for (const chunkId of chunkIds) untold.set(chunkId, kind)
    this.#tellBy(this.#toldAt + GATHER_MS)
  }

  /** There are more blocks of a chunk that was noted as arriving. */
  noteBlocks(songId: SongId, chunkId: ChunkId): void {
    const untold = this.#untoldOf(songId)
    // It is told with all its blocks, whatever was noted of it first.
    if (untold.has(chunkId)) return
    untold.set(chunkId, 'blocks')
    this.#tellBy(this.#blocksToldAt + GATHER_BLOCKS_MS)
  }

  /** Tells what was noted now. */
  flush(): void {
    this.#tell({ withBlocks: true })
  }

  #untoldOf(songId: SongId): Map<ChunkId, ChunkNewsKind | 'blocks'> {
    const known = this.#untold.get(songId)
    if (known !== undefined) return known
    const untold = new Map<ChunkId, ChunkNewsKind | 'blocks'>()
    this.#untold.set(songId, untold)
    return untold
  }

  #tellBy(at: Millis): void {
    if (at >= this.#wakesAt) return
    const waitMs = at - this.#deps.clock.now()
    if (waitMs <= 0) this.#woken()
    else {
      this.#cancelTimer()
      this.#wakesAt = at
      this.#cancelTimer = this.#deps.timers.after(waitMs, this.#tellDue)
    }
  }

  #woken(): void {
    this.#tell({ withBlocks: this.#deps.clock.now() >= this.#blocksToldAt + GATHER_BLOCKS_MS })
  }

  #tell({ withBlocks }: { readonly withBlocks: boolean }): void {
    this.#cancelTimer()
    this.#wakesAt = Number.POSITIVE_INFINITY
    for (const [songId, untold] of this.#untold) this.#tellOf(songId, untold, withBlocks)
    if (this.#untold.size > 0) this.#tellBy(this.#blocksToldAt + GATHER_BLOCKS_MS)
  }

  #tellOf(songId: SongId, untold: Map<ChunkId, ChunkNewsKind | 'blocks'>, withBlocks: boolean): void {
    const now = this.#deps.clock.now()
    const held: ChunkId[] = []
    const arriving: ChunkId[] = []
    for (const [chunkId, kind] of untold) {
      if (kind === 'blocks' && !withBlocks) continue
      if (kind === 'blocks') this.#blocksToldAt = now
      else this.#toldAt = now
      untold.delete(chunkId)
      if (kind === 'have') held.push(chunkId)
      else arriving.push(chunkId)
    }
    if (untold.size === 0) this.#untold.delete(songId)
    if (held.length > 0) this.#deps.tellHeld(songId, held)
    if (arriving.length > 0) this.#deps.tellArriving(songId, arriving)
  }
}
