// Whether a node with much to send takes on one more request: blocks it has sent to somebody already can be had from that one too.
// Not the order of service (upload-slots) and not the limits of one connection.
// Why: in a crowd all ask whoever has a chunk first. What waits in its queue is the same blocks again and again, while those it has
// served lie idle; and a slow uplink that alone has a chunk must send each of its blocks once before it sends any twice.
// Invariant: what is about to be heard, and blocks that nobody else was sent, are never refused; a node that owes little refuses nothing.

import type { ChunkId, SongId } from '@evastream/core/ids'
import { BLOCK_SIZE_BYTES, type Millis, SECOND_MS } from '@evastream/core/units'
import type { PriorityClass } from '../commands.ts'

export interface UploadWish {
  readonly songId: SongId
  readonly chunkId: ChunkId
  readonly firstBlock: number
  readonly blockCount: number
  readonly priority: PriorityClass
}

/** What the node owes to all its receivers together. */
export interface UploadDebt {
  readonly owedBytes: number
  /** What its uplink has proven to carry; undefined while that is not known. */
  readonly rateBytesPerSecond: number | undefined
}

/** More waiting than this hides what others could send; less leaves the uplink idle for a round trip. */
const BACKLOG_MAX_MS = 400
/** So little proves no crowd, however slow the uplink seems. */
const OWED_MIN_BYTES = 8 * BLOCK_SIZE_BYTES
/** An uplink that is not known yet, it may be a slow one: about the same at 5 Mbit/s. */
const RATE_ASSUMED_BYTES_PER_SECOND = 625_000
/** Chunks of which it is remembered what was sent: the last ones asked for. */
const CHUNKS_REMEMBERED = 256
/** Whoever is refused comes back when most of the debt is paid, or soon where nobody knows how long that takes. */
const RETRY_RATIO = 0.7
const RETRY_UNKNOWN_MS = 100
const RETRY_MIN_MS = 20
const RETRY_MAX_MS = SECOND_MS

export class UploadAdmission {
  /** The blocks promised of each chunk; the one asked for longest ago first. */
  readonly #promised = new Map<string, Set<number>>()

  /** @returns after how long (ms) to come back, or undefined when the request is taken on. */
  refusalMs(wish: UploadWish, debt: UploadDebt): Millis | undefined {
    const promised = this.#promisedOf(wish)
    const lastBlock = wish.firstBlock + wish.blockCount - 1
    let isNew = false
    for (let block = wish.firstBlock; block <= lastBlock && !isNew; block++) isNew = !promised.has(block)
    if (!isNew && wish.priority !== 'play' && isBusy(debt)) return retryMs(debt)
    if (isNew) for (let block = wish.firstBlock; block <= lastBlock; block++) promised.add(block)
    return undefined
  }

  #promisedOf({ songId, chunkId }: UploadWish): Set<number> {
    const key = `${songId}/${chunkId}`
    const promised = this.#promised.get(key) ?? new Set()
    this.#promised.delete(key)
    this.#promised.set(key, promised)
    const [oldest] = this.#promised.keys()
    if (this.#promised.size > CHUNKS_REMEMBERED && oldest !== undefined) this.#promised.delete(oldest)
    return promised
  }
}

function isBusy({ owedBytes, rateBytesPerSecond = RATE_ASSUMED_BYTES_PER_SECOND }: UploadDebt): boolean {
  return owedBytes > OWED_MIN_BYTES && owedBytes * SECOND_MS > BACKLOG_MAX_MS * rateBytesPerSecond
}

function retryMs({ owedBytes, rateBytesPerSecond }: UploadDebt): Millis {
  if (rateBytesPerSecond === undefined) return RETRY_UNKNOWN_MS
  return Math.min(RETRY_MAX_MS, Math.max(RETRY_MIN_MS, (RETRY_RATIO * owedBytes * SECOND_MS) / rateBytesPerSecond))
}
