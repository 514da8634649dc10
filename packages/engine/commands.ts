// What the Scheduler wants done: wishes, in the imperative. The coordinator (or the simulator) is its hands.
// Not promises: every command's outcome comes back as an event.
// Invariant: commands are plain JSON; a block of a chunk is in at most one open request, save for a hedge's.

import type { ErrorCode } from '@evastream/core/errors'
import type { ChunkId, PeerId, SongId } from '@evastream/core/ids'

export type Source = { readonly kind: 'peer'; readonly peerId: PeerId } | { readonly kind: 'origin' }

/** `play` is about to be heard, `prefetch` belongs to a song being played or to one that comes after it, `seed` to one nobody listens to. */
export type PriorityClass = 'play' | 'prefetch' | 'seed'

/** Ask a source for a run of blocks of one chunk. Answered by request-finished, request-failed or peer-lost (of its source). */
export interface RequestBlocks {
  readonly kind: 'request-blocks'
  readonly requestId: number
  readonly songId: SongId
  readonly chunkId: ChunkId
  readonly firstBlock: number
  readonly blockCount: number
  readonly source: Source
  /** Of the origin alone: by a lease, because nobody says whose it is, or without leave, to be in time. */
  readonly permit?: 'leased' | 'open' | 'override'
  readonly priority: PriorityClass
  /**
   * `blocks`: check each block against its own hash as it arrives, tell `blocks-verified`, keep it in the chunk's buffer.
   * `chunk`: the run is the whole chunk and is judged by `complete-chunk` alone (no block hashes, or they contradict the chunk's);
   * no `blocks-verified` is expected. A second such request for the same chunk (a hedge) needs a buffer of its own: the one that
   * finishes first is the chunk.
   */
  readonly verify: 'blocks' | 'chunk'
}

/** Stop a request; its remaining bytes are not wanted. No answer is expected and a late one is ignored. */
export interface CancelRequest {
  readonly kind: 'cancel-request'
  readonly requestId: number
  readonly reason: 'timed-out' | 'superseded' | 'unwanted'
}

/**
 * All blocks of a chunk are in its buffer: hash it, store it, announce it. Answered by chunk-stored, -rejected or -unstored.
 * After chunk-unstored the buffer stays, and the command comes again after a pause, or discard-chunk does.
 */
export interface CompleteChunk {
  readonly kind: 'complete-chunk'
  readonly songId: SongId
  readonly chunkId: ChunkId
}

/** Forget the buffer of a chunk in progress: it is not wanted any more, or must give way. Its requests were cancelled before. */
export interface DiscardChunk {
  readonly kind: 'discard-chunk'
  readonly songId: SongId
  readonly chunkId: ChunkId
}

/** Close the connection to a peer and refuse it for a time. Its open requests were cancelled before. */
export interface BanPeer {
  readonly kind: 'ban-peer'
  readonly peerId: PeerId
  readonly code: ErrorCode
  readonly durationMs: number
}

/** Ask the tracker who holds the song. Always answered: peer-listed events and then peers-found, or peers-unfound. */
export interface FindPeers {
  readonly kind: 'find-peers'
  readonly songId: SongId
}

/**
 * Ask the tracker which of these chunks (the most wanted first) are ours to fetch from the origin. Always answered: leases-answered, or
 * leases-unavailable.
 */
export interface RequestOriginLeases {
  readonly kind: 'request-origin-leases'
  readonly songId: SongId
  readonly chunkIds: readonly ChunkId[]
  /** How long (ms) the last of them would take if all were granted. */
  readonly expectedMs: number
}

/** Give leases back that will not be used. No answer is expected. */
export interface ReturnOriginLeases {
  readonly kind: 'return-origin-leases'
  readonly songId: SongId
  readonly leaseIds: readonly string[]
  readonly reason: 'unwanted' | 'origin-failed'
}

/** Tell the tracker that nobody answers where a peer should be, so that it is named to others no more. No answer is expected. */
export interface ReportPeer {
  readonly kind: 'report-peer'
  readonly peerId: PeerId
  readonly code: ErrorCode
}

/** Tell people something worth a log line. */
export interface ReportTrouble {
  readonly kind: 'report-trouble'
  readonly code: ErrorCode
  readonly songId: SongId
  readonly chunkId?: ChunkId
}

export type SchedulerCommand =
  | RequestBlocks
  | CancelRequest
  | CompleteChunk
  | DiscardChunk
  | BanPeer
  | FindPeers
  | RequestOriginLeases
  | ReturnOriginLeases
  | ReportPeer
  | ReportTrouble
