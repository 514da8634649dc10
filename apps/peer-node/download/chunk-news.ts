// What became of chunks here, told to everybody whom it concerns: connected peers, the tracker, the Scheduler and the watchers.
// Not how each of them is told: their own files say that.
// Invariant: whoever is told that a chunk is held, or arriving, is also told when it is not any more.

import type { ChunkId, SongId } from '@evastream/core/ids'
import type { Manifest } from '@evastream/core/manifest'
import type { PeerEvent } from '@evastream/protocol/peer-http'
import type { SongStatus } from '../library/song-library.ts'
import type { NodeLog } from '../ports.ts'
import type { StoredChunk } from './chunk-downloads.ts'

export interface ChunkNewsDeps {
  readonly library: { statusOf(songId: SongId): SongStatus | undefined; chunkStored(songId: SongId): SongStatus | undefined }
  readonly coordinator: { chunkLost(songId: SongId, chunkId: ChunkId): void }
  readonly uploads: {
    announceHave(songId: SongId, chunkIds: readonly ChunkId[]): void
    announceArriving(songId: SongId, chunkIds: readonly ChunkId[]): void
    announceLack(songId: SongId, chunkIds: readonly ChunkId[]): void
  }
  readonly announcer: {
    acquired(songId: SongId, chunkIds: readonly ChunkId[]): void
    released(songId: SongId, chunkIds: readonly ChunkId[]): void
  }
  readonly events: { publish(event: PeerEvent): void }
  readonly log: NodeLog
}

export class ChunkNews {
  readonly #deps: ChunkNewsDeps

  constructor(deps: ChunkNewsDeps) {
    this.#deps = deps
  }

  songOpened({ id }: Manifest, heldChunkIds: readonly ChunkId[]): void {
    const { library, uploads, announcer, events } = this.#deps
    uploads.announceHave(id, heldChunkIds)
    announcer.acquired(id, heldChunkIds)
    const progress = library.statusOf(id)
    if (progress !== undefined) events.publish({ kind: 'song-opened', ...progress })
  }

  chunkStored({ songId, chunkId, split }: StoredChunk): void {
    const { library, uploads, announcer, events } = this.#deps
    uploads.announceHave(songId, [chunkId])
    announcer.acquired(songId, [chunkId])
    const progress = library.chunkStored(songId)
    if (progress !== undefined) events.publish({ kind: 'chunk-stored', ...progress, chunkId, ...split })
  }

  /** Its first block verified, or more of it: who is connected can have it before the chunk is stored. */
  chunkArriving(songId: SongId, chunkId: ChunkId): void {
    this.#deps.uploads.announceArriving(songId, [chunkId])
  }

  /** It will not be stored after all. */
  arrivalEnded(songId: SongId, chunkId: ChunkId): void {
    this.#deps.uploads.announceLack(songId, [chunkId])
  }

  /** They were held and were given up for others: everybody hears of it as of lost ones. */
  chunksEvicted(songId: SongId, chunkIds: readonly ChunkId[]): void {
    this.#gone(songId, chunkIds)
  }

  /** A chunk found rotten before its song was open was never told to anybody, save to the log. */
  chunkLost(songId: SongId, chunkId: ChunkId, reason: string): void {
    this.#deps.log.warn({ songId, chunkId }, `A stored chunk is given up: ${reason}.`)
    this.#gone(songId, [chunkId])
  }

  #gone(songId: SongId, chunkIds: readonly ChunkId[]): void {
    const { library, coordinator, uploads, announcer, events } = this.#deps
    const progress = library.statusOf(songId)
    if (progress === undefined) return
    for (const chunkId of chunkIds) coordinator.chunkLost(songId, chunkId)
    uploads.announceLack(songId, chunkIds)
    announcer.released(songId, chunkIds)
    for (const chunkId of chunkIds) events.publish({ kind: 'chunk-lost', ...progress, chunkId })
  }
}
