// What the peer node's coordinator needs of the world, as small interfaces owned by their user.
// Not their implementations: main.ts joins the two, and TypeScript checks that the shapes fit.
// Invariant: whatever waits takes an AbortSignal, and whatever fails throws an EvaError.

import type { ArrivingChunk } from '@evastream/core/arriving-chunk'
import type { ErrorCode } from '@evastream/core/errors'
import type { ChunkId, PeerId, SongId } from '@evastream/core/ids'
import type { Manifest, SongShape } from '@evastream/core/manifest'
import type { Millis } from '@evastream/core/units'
import type { PriorityClass } from '@evastream/engine/commands'

/** One run of blocks of one chunk, to be written into `target` (exactly as long as the run). */
export interface BlockRequest {
  readonly songId: SongId
  readonly shape: SongShape
  readonly chunkId: ChunkId
  readonly firstBlock: number
  readonly blockCount: number
  readonly priority: PriorityClass
  readonly target: Uint8Array
}

/**
 * Where chunks come from: a peer's connection, or the origin. A source knows nothing of hashes.
 * Resolves once `target` is full; `onBytes` tells, in order, how many bytes of it are filled so far. Once the promise has
 * settled, however it did, `target` is never written to again.
 */
export interface ChunkSource {
  fetchBlocks(request: BlockRequest, onBytes: (filledBytes: number) => void, signal: AbortSignal): Promise<void>
}

/** The chunks on the own disk. A loaded chunk has been verified against its hash since the process started. */
export interface ChunkStorePort {
  openSong(manifest: Manifest): Promise<void>
  saveChunk(songId: SongId, chunkId: ChunkId, bytes: Uint8Array): Promise<void>
  /** As `saveChunk`, of bytes that have been compared with the chunk's hash and have not changed since. */
  saveVerified(songId: SongId, chunkId: ChunkId, bytes: Uint8Array): Promise<void>
  hasChunk(songId: SongId, chunkId: ChunkId): boolean
  /** @throws EvaError `EVA_CHUNK_NOT_FOUND` or `EVA_STORED_CHUNK_ROTTEN` (the chunk is then no longer held). */
  loadChunk(songId: SongId, chunkId: ChunkId, allocate?: (lengthBytes: number) => Uint8Array): Promise<Uint8Array>
  heldChunks(songId: SongId): ChunkId[]
}

/** Verified bytes of a song's stored chunks. */
export interface RangeReader {
  readRange(songId: SongId, offsetBytes: number, lengthBytes: number): Promise<Uint8Array>
}

export interface ListedPeer {
  readonly peerId: PeerId
  readonly host: string
  readonly port: number
  readonly chunks: readonly ChunkId[]
}

export interface OriginLeaseAnswer {
  readonly granted: readonly {
    readonly chunkId: ChunkId
    readonly leaseId: string
    readonly expiresInMs: number
    readonly firstBlocks?: number | undefined
  }[]
  readonly waiting: readonly {
    readonly chunkId: ChunkId
    readonly reason: string
    readonly holder?: Omit<ListedPeer, 'chunks'> | undefined
    readonly retryAfterMs: number
  }[]
  /** As `leases-answered`. */
  readonly originCopies?: number | undefined
}

export interface TrackerPort {
  getPeers(songId: SongId, signal: AbortSignal): Promise<readonly ListedPeer[]>
  notifyChunkAcquired(songId: SongId, chunkIds: readonly ChunkId[], signal: AbortSignal): Promise<void>
  notifyChunkReleased(songId: SongId, chunkIds: readonly ChunkId[], signal: AbortSignal): Promise<void>
  requestOriginLeases(
    songId: SongId,
    wanted: { readonly chunkIds: readonly ChunkId[]; readonly expectedMs: number },
    signal: AbortSignal,
  ): Promise<OriginLeaseAnswer>
  returnOriginLeases(
    songId: SongId,
    returned: { readonly leaseIds: readonly string[]; readonly reason: string },
    signal: AbortSignal,
  ): Promise<void>
  reportPeer(peerId: PeerId, reason: string, signal: AbortSignal): Promise<void>
}

export interface MetadataPort {
  /** Both at once, for a song of which nothing is known. */
  getSong(songId: SongId, signal: AbortSignal): Promise<{ readonly manifest: Manifest; readonly blockHashes: Uint8Array | undefined }>
  getManifest(songId: SongId, signal: AbortSignal): Promise<Manifest>
  /** 32 bytes a block, in order; undefined for a song published without. */
  getBlockHashes(manifest: Manifest, signal: AbortSignal): Promise<Uint8Array | undefined>
}

export interface Clock {
  /** Monotonic. */
  now(): Millis
}

/** Where a line for people goes; a pino logger is one. */
export interface NodeLog {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** One timer: setting it again replaces the earlier deadline. */
export interface WakeTimer {
  wakeAt(at: Millis | undefined): void
}

/** What the network of peers tells the coordinator, as it happens. */
export interface PeerNetworkListener {
  /** The peer itself told all it holds of a song (BITFIELD). */
  peerListed(peerId: PeerId, songId: SongId, chunkIds: readonly ChunkId[]): void
  peerHas(peerId: PeerId, songId: SongId, chunkIds: readonly ChunkId[]): void
  peerLacks(peerId: PeerId, songId: SongId, chunkIds: readonly ChunkId[]): void
  /**
   * The peer is receiving these chunks, has these blocks of them, and hands on each further one that verifies; later it has the
   * chunks, or lacks them (ARRIVING). Replaces what was told of the same chunks.
   */
  peerArriving(peerId: PeerId, songId: SongId, chunks: readonly ArrivingChunk[]): void
  /** The connection ended or could not be made; fetches open on it reject as well. */
  peerLost(peerId: PeerId, code: ErrorCode): void
}

/** Every peer this node may download from: addresses known, connections kept, bans kept. */
export interface PeerNetworkPort {
  /**
   * Learn a peer's address (from the tracker) and dial it if there is room; a forbidden address is refused with a log line.
   * @returns whether the peer was taken: not for a forbidden address, a banned peer or this node itself.
   */
  introduce(peer: ListedPeer): boolean
  /** Subscribe to a song on every connection, present and to come. */
  follow(songId: SongId, shape: SongShape): void
  unfollow(songId: SongId): void
  /** A source for the peer; dials when it is known but not connected. Undefined for an unknown or banned one. */
  sourceOf(peerId: PeerId): ChunkSource | undefined
  ban(peerId: PeerId, durationMs: number): void
  close(): Promise<void>
}
