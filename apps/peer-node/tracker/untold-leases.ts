// Which chunks were leased to this node and not told to the tracker as held since: a lease ends when its chunk is told.
// Not the leases themselves, nor how long they last (the Scheduler's): one that ended otherwise costs a call told early, no more.
// Invariant: a chunk is here from the grant until it is told.

import type { ChunkId, SongId } from '@evastream/core/ids'

const NONE: ReadonlySet<ChunkId> = new Set()

export class UntoldLeases {
  readonly #leased = new Map<SongId, Set<ChunkId>>()

  of(songId: SongId): ReadonlySet<ChunkId> {
    return this.#leased.get(songId) ?? NONE
  }

  granted(songId: SongId, granted: readonly { readonly chunkId: ChunkId }[]): void {
    if (granted.length === 0) return
    const ofSong = this.#leased.get(songId) ?? new Set()
    this.#leased.set(songId, ofSong)
    for (const { chunkId } of granted) ofSong.add(chunkId)
  }

  told(songId: SongId, chunkIds: readonly ChunkId[]): void {
    const ofSong = this.#leased.get(songId)
    for (const chunkId of chunkIds) ofSong?.delete(chunkId)
    if (ofSong?.size === 0) this.#leased.delete(songId)
  }
}
