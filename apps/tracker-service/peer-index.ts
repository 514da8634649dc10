// Which row a peer's id stands for, in a table of many.
// Not the table. It is many small maps: one large map copies itself whole when it has grown or shrunk, which takes ten milliseconds at a
// hundred thousand ids, in the middle of a sweep or of somebody's call.
// Invariant: an id is in the one map that its characters name, so what is found does not depend on how many maps there are.

import type { PeerId } from '@evastream/core/ids'

/** A power of two; of a million ids each holds eight thousand. */
const SHARDS = 128
/** The last characters of an id are those that differ. */
const HASHED_LENGTH = 8
const HASH_FACTOR = 0x9e37_79b1

export class PeerIndex {
  readonly #shards = Array.from({ length: SHARDS }, () => new Map<PeerId, number>())
  #size = 0

  get size(): number {
    return this.#size
  }

  get(peerId: PeerId): number | undefined {
    return this.#shardOf(peerId).get(peerId)
  }

  set(peerId: PeerId, row: number): void {
    const shard = this.#shardOf(peerId)
    const before = shard.size
    shard.set(peerId, row)
    this.#size += shard.size - before
  }

  delete(peerId: PeerId): void {
    if (this.#shardOf(peerId).delete(peerId)) this.#size--
  }

  #shardOf(peerId: PeerId): Map<PeerId, number> {
    let hash = peerId.length
    for (let index = Math.max(0, peerId.length - HASHED_LENGTH); index < peerId.length; index++)
      hash = Math.imul(hash ^ peerId.charCodeAt(index), HASH_FACTOR)
    hash ^= hash >>> 15
    return this.#shards[hash & (SHARDS - 1)] as Map<PeerId, number>
  }
}
