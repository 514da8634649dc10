// What the world tells the Scheduler: facts, in the past tense, each with the time at which it was noticed.
// Not requests or callbacks: an event never asks for anything; commands.ts is the answer.
// Invariant: events are plain JSON, so a trace of them replays a run.

import type { ArrivingChunk } from '@evastream/core/arriving-chunk'
import type { ErrorCode } from '@evastream/core/errors'
import type { ChunkId, PeerId, SongId } from '@evastream/core/ids'
import type { SongShape } from '@evastream/core/manifest'
import type { Millis } from '@evastream/core/units'

/** Why a song's bytes are wanted. `seed`: fetch all of it, nobody is listening. `idle`: keep and share what is here, fetch nothing. */
export type Interest = 'seed' | 'idle'

interface Happened {
  readonly at: Millis
}

/** A song became known: its manifest is here and its stored chunks are listed. */
export interface SongAdded extends Happened {
  readonly kind: 'song-added'
  readonly songId: SongId
  readonly shape: SongShape
  /** Bytes of audio per second of music: turns positions into deadlines. */
  readonly byteRateBytesPerSecond: number
  /** Without block hashes a chunk is asked for as a whole, from one source. */
  readonly hasBlockHashes: boolean
  readonly heldChunkIds: readonly ChunkId[]
  readonly interest: Interest
}

export interface InterestChanged extends Happened {
  readonly kind: 'interest-changed'
  readonly songId: SongId
  readonly interest: Interest
}

export interface SongRemoved extends Happened {
  readonly kind: 'song-removed'
  readonly songId: SongId
}

/** A reader (one player connection) reads at this position of the song; deadlines run from here. */
export interface PlaybackMoved extends Happened {
  readonly kind: 'playback-moved'
  readonly songId: SongId
  readonly readerId: string
  readonly positionBytes: number
  /** Nobody waits to hear it: somebody is going to look there. It is urgent, but no first sound. */
  readonly isReadAhead?: boolean
}

/** The songs to come after the one being played, in their order; replaces what was known. They need not be known yet. */
export interface QueueChanged extends Happened {
  readonly kind: 'queue-changed'
  readonly songIds: readonly SongId[]
}

/** The tracker gives this node leases from now on, or no more: it was registered there, or has taken itself off. */
export interface LeasingChanged extends Happened {
  readonly kind: 'leasing-changed'
  readonly hasLeases: boolean
}

export interface PlaybackStopped extends Happened {
  readonly kind: 'playback-stopped'
  readonly songId: SongId
  readonly readerId: string
}

/** Somebody (the tracker, or the peer itself by BITFIELD) told all that a peer holds of a song; replaces what was known. */
export interface PeerListed extends Happened {
  readonly kind: 'peer-listed'
  readonly songId: SongId
  readonly peerId: PeerId
  readonly chunkIds: readonly ChunkId[]
  /** `tracker` facts never take away what the peer itself said on an open connection. */
  readonly told: 'tracker' | 'peer'
}

/** The answer to `find-peers`, after its peer-listed events: whoever holds the song is known now. */
export interface PeersFound extends Happened {
  readonly kind: 'peers-found'
  readonly songId: SongId
}

/** The answer to `find-peers` when the tracker could not be asked: there is nobody to wait for. */
export interface PeersUnfound extends Happened {
  readonly kind: 'peers-unfound'
  readonly songId: SongId
  readonly code: ErrorCode
}

/** The answer to `request-origin-leases`: each chunk that was asked for is ours, or to be waited for (the first one in part both). */
export interface LeasesAnswered extends Happened {
  readonly kind: 'leases-answered'
  readonly songId: SongId
  readonly granted: readonly GrantedLease[]
  readonly waiting: readonly AwaitedLease[]
  /** How many copies of a chunk the origin may send; one where the tracker does not say. */
  readonly originCopies?: number | undefined
}

export interface GrantedLease {
  readonly chunkId: ChunkId
  readonly leaseId: string
  readonly expiresInMs: number
  /** It is for so many first blocks only. */
  readonly firstBlocks?: number | undefined
}

export interface AwaitedLease {
  readonly chunkId: ChunkId
  /** `held` and `leased`: the holder has it, or is about to. `uplink` and `limit` (or another word): we may have no more just now. */
  readonly reason: string
  /** Whom to take it from, who has been introduced; absent when nobody may be. */
  readonly holder?: PeerId | undefined
  readonly retryAfterMs: number
}

/** The answer to `request-origin-leases` when the tracker could not be asked: nobody says whose turn it is. */
export interface LeasesUnavailable extends Happened {
  readonly kind: 'leases-unavailable'
  readonly songId: SongId
  readonly code: ErrorCode
}

/** HAVE. */
export interface PeerHas extends Happened {
  readonly kind: 'peer-has'
  readonly songId: SongId
  readonly peerId: PeerId
  readonly chunkIds: readonly ChunkId[]
}

/** ARRIVING: it is receiving these chunks, and hands on each block that verified; what it said of them before is replaced. */
export interface PeerArriving extends Happened {
  readonly kind: 'peer-arriving'
  readonly songId: SongId
  readonly peerId: PeerId
  readonly chunks: readonly ArrivingChunk[]
}

/** UNHAVE. */
export interface PeerLacks extends Happened {
  readonly kind: 'peer-lacks'
  readonly songId: SongId
  readonly peerId: PeerId
  readonly chunkIds: readonly ChunkId[]
}

/** The connection to a peer ended or could not be made. Its open requests fail by this one event. */
export interface PeerLost extends Happened {
  readonly kind: 'peer-lost'
  readonly peerId: PeerId
  readonly code: ErrorCode
}

/** Some more bytes of a request came in (how many since the last such event), verified or not: it is alive. */
export interface BytesArrived extends Happened {
  readonly kind: 'bytes-arrived'
  readonly requestId: number
  readonly sizeBytes: number
}

/** Some blocks of a request (the first one's index in the chunk, and how many) matched their hashes and are in the chunk's buffer. */
export interface BlocksVerified extends Happened {
  readonly kind: 'blocks-verified'
  readonly requestId: number
  readonly firstBlock: number
  readonly blockCount: number
}

/** All bytes of a request are here (and, if it was asked with `verify: 'blocks'`, each block matched). */
export interface RequestFinished extends Happened {
  readonly kind: 'request-finished'
  readonly requestId: number
}

export interface RequestFailed extends Happened {
  readonly kind: 'request-failed'
  readonly requestId: number
  readonly code: ErrorCode
  /** What REJECT or Retry-After asked for. */
  readonly retryAfterMs?: number
}

/** The answer to `complete-chunk`: the chunk's own hash fits and it is stored. */
export interface ChunkStored extends Happened {
  readonly kind: 'chunk-stored'
  readonly songId: SongId
  readonly chunkId: ChunkId
}

/** The answer to `complete-chunk`: the chunk's own hash does not fit; its bytes are thrown away. */
export interface ChunkRejected extends Happened {
  readonly kind: 'chunk-rejected'
  readonly songId: SongId
  readonly chunkId: ChunkId
}

/** The answer to `complete-chunk`: the hash fits and the disk failed. The buffer stays for another try. */
export interface ChunkUnstored extends Happened {
  readonly kind: 'chunk-unstored'
  readonly songId: SongId
  readonly chunkId: ChunkId
  readonly code: ErrorCode
}

/** A chunk that was held is gone: rotten on disk, or evicted. */
export interface ChunkLost extends Happened {
  readonly kind: 'chunk-lost'
  readonly songId: SongId
  readonly chunkId: ChunkId
}

/** The deadline that `nextWakeAt` named has come. */
export interface Woke extends Happened {
  readonly kind: 'woke'
}

export type SchedulerEvent =
  | SongAdded
  | InterestChanged
  | SongRemoved
  | PlaybackMoved
  | PlaybackStopped
  | QueueChanged
  | LeasingChanged
  | PeerListed
  | PeersFound
  | PeersUnfound
  | LeasesAnswered
  | LeasesUnavailable
  | PeerHas
  | PeerArriving
  | PeerLacks
  | PeerLost
  | BytesArrived
  | BlocksVerified
  | RequestFinished
  | RequestFailed
  | ChunkStored
  | ChunkRejected
  | ChunkUnstored
  | ChunkLost
  | Woke
