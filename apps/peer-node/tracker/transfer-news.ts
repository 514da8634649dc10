// What an announcement to the tracker tells besides the chunks: where the last ones came from, and this node's totals so far.
// Not the announcing (chunk-announcer.ts), and nothing is decided by it: people look at it.
// Invariant: a source is told of a chunk that is announced, until a call with it succeeds, and what nobody announces is forgotten in its turn.

import type { ChunkId, SongId } from '@evastream/core/ids'
import { type ChunkSourceTold, TOLD_SOURCES_MAX } from '@evastream/protocol/tracker-http'
import type { VerifiedChunk } from '../download/chunk-downloads.ts'
import type { TransferLedger, TransferTotals } from '../playback/transfer-ledger.ts'

const NOTED_MAX = 512

type ToldTransfers = Pick<TransferTotals, 'originBytes' | 'peerBytes' | 'sentBytes'> & { readonly sources: ChunkSourceTold[] }

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

  /** Makes a call that announces these chunks, with what to tell of them. If it fails, that is told with the next one that announces them. */
  async telling<T>(songId: SongId, chunkIds: readonly ChunkId[], call: (news: ToldTransfers) => Promise<T>): Promise<T> {
    const told = chunkIds.flatMap(chunkId => {
      const key = keyOf(songId, chunkId)
      const source = this.#sources.get(key)
      return source === undefined ? [] : [{ key, source }]
    })
    const { originBytes, peerBytes, sentBytes } = this.#ledger.totals()
    const sources = told.slice(-TOLD_SOURCES_MAX).map(({ source }) => source)
    const answer = await call({ originBytes, peerBytes, sentBytes, sources })
    // Lost and fetched again meanwhile: that is news.
    for (const { key, source } of told) if (this.#sources.get(key) === source) this.#sources.delete(key)
    return answer
  }
}

function keyOf(songId: SongId, chunkId: ChunkId): string {
  return `${chunkId}:${songId}`
}
