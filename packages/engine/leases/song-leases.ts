// What the tracker said of one song's chunks at the origin: which we may fetch, and which we are to take from somebody else.
// Not the asking (lease-desk) and not what follows from it (origin-permits).
// Invariant: a chunk is granted to us or waited for, never both; save the first chunk, of which only the first blocks may be granted.

import type { ChunkId, PeerId } from '@evastream/core/ids'
import { type Millis, SECOND_MS } from '@evastream/core/units'

/** Ours to fetch from the origin, whole or its first blocks, until it expires. */
export interface LeaseGrant {
  readonly chunkId: ChunkId
  readonly leaseId: string
  readonly expiresAt: Millis
  /** Undefined: the whole chunk. */
  readonly firstBlocks: number | undefined
}

/** Not ours to fetch: somebody else has it, or is about to. */
export interface LeaseWait {
  /** Who that is; undefined when the tracker knows of nobody, or of nobody who may be dialled. */
  readonly holder: PeerId | undefined
  /** Somebody brings it from the origin just now. */
  readonly isLeased: boolean
  /** Since when it is waited for, however often it was asked for. */
  readonly since: Millis
  readonly askAgainAt: Millis
  /** It was waited for in vain: from then on it may be asked of the origin. */
  isInVain: boolean
}

/** What the tracker said of a lease is true for about so long after it wants to be asked again (ms). */
const FRESH_MS = SECOND_MS
const LONG_AGO = Number.NEGATIVE_INFINITY

export class SongLeases {
  readonly grants = new Map<ChunkId, LeaseGrant>()
  readonly waits = new Map<ChunkId, LeaseWait>()
  /** Nobody else has these, but we may have no more just now. There may be hundreds: nobody walks them. */
  readonly refused = new Set<ChunkId>()
  /** So many copies of a chunk the origin may send. */
  originCopies = 1
  /** When the tracker was last asked, and whether its answer is still to come. */
  askedAt: Millis = LONG_AGO
  isPending = false
  /** Before this nothing more is asked. */
  askAgainAt: Millis = LONG_AGO
  /** Since when the tracker could not be asked; undefined when it can be. */
  awaySince: Millis | undefined
  /** When somebody last told of a chunk that is new to him: while others get on, nobody but the first in turn asks the origin. */
  newsAt: Millis = LONG_AGO
  /** Since when no answer spoke of anybody else, and nobody else is known; undefined: others are there, or nobody has been asked. */
  aloneSince: Millis | undefined
  /** Since when anything of it is wanted of the origin; undefined: not yet. */
  #soughtAt: Millis | undefined

  /** Without leases: until when those who get on, or have just been met, are left to bring what they lack themselves. */
  yieldsUntil(now: Millis, yieldMs: number): Millis {
    this.#soughtAt ??= now
    return Math.max(this.#soughtAt, this.newsAt) + yieldMs
  }

  /** Others have, or bring, what we want as well. */
  get isInCrowd(): boolean {
    return this.waits.size > 0
  }

  /**
   * Some chunk of it was on its way from the origin to somebody else a moment ago: each peer that gets one hands it on. Of whose first blocks are
   * ours to bring, somebody else brings the rest.
   */
  isBeingBrought(now: Millis): boolean {
    for (const { firstBlocks, expiresAt } of this.grants.values()) if (firstBlocks !== undefined && now < expiresAt) return true
    for (const { isLeased, askAgainAt } of this.waits.values()) if (isLeased && now < askAgainAt + FRESH_MS) return true
    return false
  }

  /** As if the tracker had never been asked. */
  forget(): void {
    this.grants.clear()
    this.waits.clear()
    this.refused.clear()
    this.isPending = false
    this.askedAt = LONG_AGO
    this.askAgainAt = LONG_AGO
    this.awaySince = undefined
    this.aloneSince = undefined
  }
}
