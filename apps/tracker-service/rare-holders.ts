// Lists of who holds the rare chunks of a large swarm, so that a sample of holders need not draw through all of it for them.
// Not of the common ones: drawing members at random finds those within a few dozen draws each. A list is made when it is asked for.
// Invariant: a chunk that has a list has every holder in it, once; there are LISTS_MAX lists at the most.

import type { ChunkId } from '@evastream/core/ids'
import type { Seat } from './seat-table.ts'

/** A chunk that one of so many members holds is common: that many draws find a holder. */
const COMMON_SHARE = 32
/** Smaller swarms are drawn through to the end in a few microseconds. */
const MEMBERS_MIN = 1024
const LISTS_MAX = 64
const NO_CHUNKS: readonly ChunkId[] = []

export interface ChunkCounts {
  readonly holderCount: number
  readonly memberCount: number
}

export class RareHolders {
  /** The one made longest ago first. */
  readonly #lists = new Map<ChunkId, Seat[]>()

  /** Everybody who holds the chunk; `find` looks for them when they are not listed yet. Undefined when drawing is quick enough. */
  of(chunkId: ChunkId, { holderCount, memberCount }: ChunkCounts, find: () => Seat[]): readonly Seat[] | undefined {
    const list = this.#lists.get(chunkId)
    if (list !== undefined) return list
    if (memberCount < MEMBERS_MIN || holderCount > memberCount / COMMON_SHARE) return undefined
    const found = find()
    this.#lists.set(chunkId, found)
    const [oldest] = this.#lists.keys()
    if (this.#lists.size > LISTS_MAX && oldest !== undefined) this.#lists.delete(oldest)
    return found
  }

  /** The chunks that have a list. */
  listed(): readonly ChunkId[] {
    return this.#lists.size === 0 ? NO_CHUNKS : [...this.#lists.keys()]
  }

  added(chunkId: ChunkId, seat: Seat, memberCount: number): void {
    const list = this.#lists.get(chunkId)
    if (list === undefined) return
    list.push(seat)
    if (list.length > (2 * Math.max(MEMBERS_MIN, memberCount)) / COMMON_SHARE) this.#lists.delete(chunkId)
  }

  removed(chunkId: ChunkId, seat: Seat): void {
    const list = this.#lists.get(chunkId)
    const index = list?.indexOf(seat) ?? -1
    if (list === undefined || index < 0) return
    const last = list.pop()
    if (last !== undefined && index < list.length) list[index] = last
  }
}
