// What a running world tells those who watch it: every step of every Scheduler, and the facts only a simulation knows.
// Not the judging (checkers) nor the writing down (trace.ts); both implement this.
// Invariant: observers change nothing; with or without them a seed gives the same history.

import type { ErrorCode } from '@evastream/core/errors'
import type { ChunkId, PeerId, SongId } from '@evastream/core/ids'
import type { Millis } from '@evastream/core/units'
import type { SchedulerCommand } from '@evastream/engine/commands'
import type { SchedulerEvent } from '@evastream/engine/events'
import type { SchedulerSnapshot } from '@evastream/engine/snapshot'

export type WasteReason = 'late' | 'cut-short' | 'duplicate' | 'bad' | 'thrown-away'

/** Why nothing is heard: play was pressed, the listener jumped, or the music ran out of bytes. */
export type WaitReason = 'start' | 'seek' | 'stall'

export interface LeaseTold {
  readonly songId: SongId
  readonly chunkId: ChunkId
  readonly leaseId: string
  readonly expiresInMs: Millis
  /** Undefined: the whole chunk. */
  readonly firstBlocks: number | undefined
  readonly holderCount: number
  readonly originCopies: number
}

/** Something true of the world, whatever the Schedulers believe. */
export type Fact =
  | { readonly kind: 'received'; readonly from: 'peer' | 'origin'; readonly sizeBytes: number }
  | { readonly kind: 'wasted'; readonly sizeBytes: number; readonly reason: WasteReason }
  | { readonly kind: 'stored'; readonly songId: SongId; readonly chunkId: ChunkId; readonly sizeBytes: number; readonly isGood: boolean }
  | { readonly kind: 'served'; readonly songId: SongId; readonly chunkId: ChunkId; readonly sizeBytes: number; readonly isGood: boolean }
  /** A block matched its own hash and is in the buffer of its chunk. */
  | { readonly kind: 'verified'; readonly songId: SongId; readonly chunkId: ChunkId; readonly block: number }
  /** A block of a chunk that is not stored yet is being sent to another peer. */
  | { readonly kind: 'relayed'; readonly songId: SongId; readonly chunkId: ChunkId; readonly block: number }
  | { readonly kind: 'uploading'; readonly activeCount: number; readonly slotsMax: number }
  | { readonly kind: 'played'; readonly songId: SongId; readonly chunkId: ChunkId; readonly isGood: boolean }
  /** A play began: by the listener, or because the song before it in the queue came to its end. */
  | { readonly kind: 'pressed'; readonly songId: SongId; readonly readerId: string; readonly how: 'pressed' | 'queued' }
  /** The first sound after play or a jump, though there was no wait at all. */
  | { readonly kind: 'sounded'; readonly songId: SongId; readonly readerId: string; readonly why: WaitReason; readonly waitedMs: number }
  | { readonly kind: 'stalled'; readonly songId: SongId; readonly readerId: string; readonly chunkId: ChunkId; readonly why: WaitReason }
  /** The music goes on after a wait. */
  | { readonly kind: 'resumed'; readonly songId: SongId; readonly readerId: string; readonly why: WaitReason; readonly waitedMs: number }
  /** `silentForMs`: how long the listener had been waiting when it ended. */
  | { readonly kind: 'play-ended'; readonly songId: SongId; readonly readerId: string; readonly silentForMs: number }
  /** The tracker's word, and what it was told: who may fetch a chunk from the origin, while so many others hold it. */
  | (LeaseTold & { readonly kind: 'lease-granted'; readonly at: Millis })
  /** Leases of the peer are over: what it gave back, what it announced, or, when neither is named, all of them. */
  | {
      readonly kind: 'leases-over'
      readonly songId?: SongId
      readonly chunkIds?: readonly ChunkId[]
      readonly leaseIds?: readonly string[]
    }
  /** The tracker remembers nothing. */
  | { readonly kind: 'tracker-forgot' }
  | { readonly kind: 'trouble'; readonly code: ErrorCode; readonly songId: SongId; readonly chunkId?: ChunkId }

export interface StartedProcess {
  /** What its Scheduler's random was made from. */
  readonly schedulerSeed: number
  /** The Scheduler's own account of itself; undefined when it gives none. */
  snapshot(): SchedulerSnapshot | undefined
}

export interface SimulationObserver {
  /** A peer's process began. */
  started(at: Millis, peerId: PeerId, process: StartedProcess): void
  handled(peerId: PeerId, event: SchedulerEvent, commands: readonly SchedulerCommand[]): void
  /** The process is gone, and its Scheduler with it. */
  ended(at: Millis, peerId: PeerId): void
  fact(at: Millis, peerId: PeerId, fact: Fact): void
  fault(at: Millis, sentence: string): void
}
