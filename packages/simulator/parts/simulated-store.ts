// The chunks of one peer: what the disk holds, whether its bytes are the right ones, and a disk that can fail.
// Not the chunk store of the peer node: no files, no record; only what the Scheduler and the checkers can notice of one.
// Invariant: a chunk is here only if `save` put it here; rot changes its bytes, never the list.

import type { ChunkId, SongId } from '@evastream/core/ids'

export type StoredBytes = 'good' | 'bad' | 'rotten'

export class SimulatedStore {
  isFailing = false
  readonly #songs = new Map<SongId, Map<ChunkId, StoredBytes>>()

  /** @returns whether the disk took it. */
  save(songId: SongId, chunkId: ChunkId, isGood: boolean): boolean {
    if (this.isFailing) return false
    const song = this.#songs.get(songId) ?? new Map<ChunkId, StoredBytes>()
    this.#songs.set(songId, song.set(chunkId, isGood ? 'good' : 'bad'))
    return true
  }

  has(songId: SongId, chunkId: ChunkId): boolean {
    return this.#songs.get(songId)?.has(chunkId) ?? false
  }

  bytesOf(songId: SongId, chunkId: ChunkId): StoredBytes | undefined {
    return this.#songs.get(songId)?.get(chunkId)
  }

  rot(songId: SongId, chunkId: ChunkId): void {
    if (this.has(songId, chunkId)) this.#songs.get(songId)?.set(chunkId, 'rotten')
  }

  drop(songId: SongId, chunkId: ChunkId): void {
    this.#songs.get(songId)?.delete(chunkId)
  }

  /** What a start does: every chunk is hashed before its first use, and what does not fit is dropped. */
  verifyAll(): void {
    for (const song of this.#songs.values()) for (const [chunkId, bytes] of song) if (bytes === 'rotten') song.delete(chunkId)
  }

  dropAll(): void {
    this.#songs.clear()
  }

  /** In ascending order, as a bitmap would list them. */
  heldChunks(songId: SongId): ChunkId[] {
    return [...(this.#songs.get(songId)?.keys() ?? [])].sort((a, b) => a - b)
  }

  heldCount(songId: SongId): number {
    return this.#songs.get(songId)?.size ?? 0
  }
}
