// What an announcement to the tracker tells besides the chunks: where the last ones came from, and this node's totals so far.
// Not the announcing (chunk-announcer.ts), and nothing is decided by it: people look at it.
// Invariant: a source is told once, of a chunk that is announced, and what nobody announces is forgotten in its turn.

import type { ChunkId, SongId } from '@evastream/core/ids'
import { type ChunkSourceTold, TOLD_SOURCES_MAX } from '@evastream/protocol/tracker-http'
import type { VerifiedChunk } from '../download/chunk-downloads.ts'
import type { TransferLedger, TransferTotals } from '../playback/transfer-ledger.ts'

const NOTED_MAX = 512

export class TransferNews {
  readonly #ledger: Pick<TransferLedger, 'totals'>
  readonly #sources = new Map<string, ChunkSourceTold>()

  constructor(deps: { readonly ledger: Pick<TransferLedger, 'totals'> }) {
    this.#ledger = deps.ledger
  }

  note({ songId, chunkId, split, peerIds }: VerifiedChunk): void {
    const [peerId] = peerIds
    const isFromPeer = peerId !== undefined && split.peerBytes >= split.originBytes
    const key = keyOf(songId, chunkId)
    this.#sources.delete(key)
    this.#sources.set(key, isFromPeer ? { chunkId, peerId } : { chunkId })
    if (this.#sources.size <= NOTED_MAX) return
    const [oldest] = this.#sources.keys()
    if (oldest !== undefined) this.#sources.delete(oldest)
  }

  /** What to tell with the announcement of these chunks. */
  take(
    songId: SongId,
    chunkIds: readonly ChunkId[],
  ): Pick<TransferTotals, 'originBytes' | 'peerBytes' | 'sentBytes'> & { readonly sources: ChunkSourceTold[] } {
    const sources = chunkIds.flatMap(chunkId => {
      const key = keyOf(songId, chunkId)
      const source = this.#sources.get(key)
      this.#sources.delete(key)
      return source === undefined ? [] : [source]
    })
    const { originBytes, peerBytes, sentBytes } = this.#ledger.totals()
    return { originBytes, peerBytes, sentBytes, sources: sources.slice(-TOLD_SOURCES_MAX) }
  }
}

function keyOf(songId: SongId, chunkId: ChunkId): string {
  return `${chunkId}:${songId}`
}
