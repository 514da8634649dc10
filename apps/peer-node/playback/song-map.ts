// Where each chunk of a song came from, for the page: from the origin, from a peer, from before this process, on its way, or missing.
// Not the books (transfer-ledger.ts): a chunk that is fetched again counts anew here, and nothing is decided from a map.
// Invariant: what the map shows as here is held now.

import type { ChunkId, PeerId, SongId } from '@evastream/core/ids'
import type { Manifest } from '@evastream/core/manifest'
import type { SongMap } from '@evastream/protocol/page-http'
import { LRUCache } from 'lru-cache'
import type { VerifiedChunk } from '../download/chunk-downloads.ts'

export interface SongMapsDeps {
  readonly library: { manifestOf(songId: SongId): Manifest | undefined }
  readonly store: { heldChunks(songId: SongId): readonly ChunkId[] }
  readonly coordinator: { chunksInFlight(songId: SongId): readonly ChunkId[] }
}

interface Arrived {
  readonly originBytes: number
  readonly peerBytes: number
  readonly peerIds: readonly PeerId[]
}

const SONGS_MAX = 256

export class SongMaps {
  readonly #deps: SongMapsDeps
  /** Of the songs that something came of or that were looked at last: a gateway runs for months, and nobody looks at most of what it fetched. */
  readonly #arrived = new LRUCache<SongId, Map<ChunkId, Arrived>>({ max: SONGS_MAX })

  constructor(deps: SongMapsDeps) {
    this.#deps = deps
  }

  chunkVerified({ songId, chunkId, split, peerIds }: VerifiedChunk): void {
    const arrived = this.#arrived.get(songId) ?? new Map<ChunkId, Arrived>()
    this.#arrived.set(songId, arrived.set(chunkId, { ...split, peerIds }))
  }

  /** Undefined for a song that is not open here. */
  mapOf(songId: SongId): SongMap | undefined {
    const { library, store, coordinator } = this.#deps
    const manifest = library.manifestOf(songId)
    if (manifest === undefined) return undefined
    const arrived = this.#arrived.get(songId)
    const chunks = Array.from({ length: manifest.chunkCount }, () => '.')
    for (const chunkId of coordinator.chunksInFlight(songId)) chunks[chunkId] = 'f'
    for (const chunkId of store.heldChunks(songId)) chunks[chunkId] = markOf(arrived?.get(chunkId))
    return { songId, chunkCount: manifest.chunkCount, chunks: chunks.join(''), sources: sumOf([...(arrived?.values() ?? [])]) }
  }
}

function markOf(arrived: Arrived | undefined): 'o' | 'p' | 's' {
  if (arrived === undefined) return 's'
  return arrived.peerBytes > arrived.originBytes ? 'p' : 'o'
}

function sumOf(all: readonly Arrived[]): SongMap['sources'] {
  return {
    originBytes: all.reduce((sum, { originBytes }) => sum + originBytes, 0),
    peerBytes: all.reduce((sum, { peerBytes }) => sum + peerBytes, 0),
    peerCount: new Set(all.flatMap(({ peerIds }) => peerIds)).size,
  }
}
