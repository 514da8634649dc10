// The words two peers exchange: every frame, every limit and every code of docs/protocol.md, as types and tables.
// Not the bytes (peer-frame-writer, peer-frame-parser, peer-frame-reader) and not the conversation (apps/peer-node).
// Invariant: what stands here and what stands in docs/protocol.md agree; docs/protocol-vectors.json is checked against both.

import type { ArrivingChunk } from '@evastream/core/arriving-chunk'
import { EvaError } from '@evastream/core/errors'
import type { ChunkId, PeerId, SongId } from '@evastream/core/ids'
import { FILE_SIZE_MAX_BYTES } from '@evastream/core/manifest'
import { BLOCK_SIZE_BYTES, CHUNK_SIZE_MAX_BYTES, CHUNK_SIZE_MIN_BYTES } from '@evastream/core/units'

export const PROTOCOL_VERSION = 3

/** The first four bytes of a HELLO's and a HELLO_OK's payload: "EVAS". */
export const MAGIC = 0x45564153
export const HEADER_SIZE_BYTES = 16
/** The payload of a HELLO or HELLO_OK up to the peer id at its end. */
export const HELLO_FIXED_SIZE_BYTES = 12
/** Header and payload of a HELLO: all that is ever sent to an address that has not answered yet. */
export const HELLO_FRAME_MAX_BYTES = 128
/** Header and payload of every frame but BITFIELD and DATA. */
export const CONTROL_FRAME_MAX_BYTES = 256
/** A longer bitmap comes in several frames. */
export const BITFIELD_PAYLOAD_MAX_BYTES = 4096
/** What stands between a DATA frame's header and its audio: first block, block count. */
export const DATA_RUN_SIZE_BYTES = 4
/** The most audio one DATA frame carries: one chunk. */
export const DATA_AUDIO_MAX_BYTES = CHUNK_SIZE_MAX_BYTES
export const DATA_AUDIO_MIN_BYTES = BLOCK_SIZE_BYTES
export const BLOCKS_PER_CHUNK_MAX = CHUNK_SIZE_MAX_BYTES / BLOCK_SIZE_BYTES
export const CHUNK_ID_MAX = FILE_SIZE_MAX_BYTES / CHUNK_SIZE_MIN_BYTES - 1
export const HANDLE_MAX = 0xffff
export const REQUEST_ID_MAX = 0xffff_ffff
/** How many chunks one HAVE or UNHAVE names at most. */
export const HAVE_CHUNKS_MAX = (CONTROL_FRAME_MAX_BYTES - HEADER_SIZE_BYTES) / 4
/** The blocks of one chunk in an ARRIVING, a bit each. */
export const ARRIVING_BITS_MAX_BYTES = BLOCKS_PER_CHUNK_MAX / 8

/** The dialer downloads, the listener uploads. */
export type PeerRole = 'dialer' | 'listener'

/** In order of urgency; the wire carries the index. */
export const PRIORITY_CLASSES = ['play', 'prefetch', 'seed'] as const
export type WirePriority = (typeof PRIORITY_CLASSES)[number]

/** Why something was refused; the wire carries the number. */
export const REJECT_CODES = { version: 1, busy: 2, 'chunk-missing': 3, cancelled: 4 } as const
export type RejectCode = keyof typeof REJECT_CODES

export interface Hello {
  readonly kind: 'hello'
  /** The largest amount of audio this dialer takes in one DATA frame. */
  readonly dataBytesMax: number
  /** Who says to be dialling; a claim, good for a log line only. Left out when it would not fit. */
  readonly peerId?: PeerId
}

/** A HELLO of a version that is not ours: only its version can be read. */
export interface ForeignHello {
  readonly kind: 'foreign-hello'
  readonly version: number
}

export interface HelloOk {
  readonly kind: 'hello-ok'
  /** How many requests may be open on this connection at once; one more is rejected as busy. */
  readonly requestsMax: number
  readonly subscriptionsMax: number
  readonly peerId: PeerId
}

/** Names a song and gives it a handle for this connection; handles only ever grow. */
export interface Subscribe {
  readonly kind: 'subscribe'
  readonly handle: number
  readonly songId: SongId
}

export interface Unsubscribe {
  readonly kind: 'unsubscribe'
  readonly handle: number
}

/** The answer to SUBSCRIBE, in one frame or more: which chunks are held, from `firstChunk` on. Bits not sent are zero. */
export interface BitfieldPart {
  readonly kind: 'bitfield'
  readonly handle: number
  /** A multiple of 8. */
  readonly firstChunk: ChunkId
  readonly isLast: boolean
  /** Most significant bit first. */
  readonly bits: Uint8Array
}

/** These chunks are held; or are neither held nor on their way. */
export interface Have {
  readonly kind: 'have' | 'unhave'
  readonly handle: number
  readonly chunkIds: readonly ChunkId[]
}

/** These chunks are on their way: which of their blocks can be had now, in place of what was told of them before. */
export interface Arriving {
  readonly kind: 'arriving'
  readonly handle: number
  readonly chunks: readonly ArrivingChunk[]
}

export interface BlockRun {
  readonly firstBlock: number
  readonly blockCount: number
}

export interface Request extends BlockRun {
  readonly kind: 'request'
  readonly handle: number
  /** Chosen by the dialer; on one connection they only ever grow. */
  readonly requestId: number
  readonly chunkId: ChunkId
  readonly priority: WirePriority
}

/** What precedes the audio of a DATA frame. */
export interface DataHead extends BlockRun {
  readonly handle: number
  readonly requestId: number
  readonly chunkId: ChunkId
  readonly sizeBytes: number
}

/** How many blocks of a request have arrived, counted from its first. */
export interface Ack {
  readonly kind: 'ack'
  readonly requestId: number
  readonly blocksReceived: number
}

/** A refusal: of the connection (no handle, no request), of a subscription (handle), or of a request (requestId). */
export interface Reject {
  readonly kind: 'reject'
  readonly handle: number
  readonly requestId: number
  readonly code: RejectCode
  /** With `version`: the version the refuser speaks. Else 0. */
  readonly version: number
  readonly retryAfterMs: number
}

export interface Cancel {
  readonly kind: 'cancel'
  readonly requestId: number
}

/** PING, or its PONG with the same token. */
export interface Ping {
  readonly kind: 'ping' | 'pong'
  readonly token: number
}

export interface Bye {
  readonly kind: 'bye'
}

export type PeerFrame =
  | Hello
  | HelloOk
  | Subscribe
  | Unsubscribe
  | BitfieldPart
  | Have
  | Arriving
  | Request
  | Ack
  | Reject
  | Cancel
  | Ping
  | Bye

/** A stranger broke the rules; the reason is ours and never contains their bytes. */
export function protocolError(reason: string): EvaError {
  return new EvaError('EVA_PEER_PROTOCOL', { details: { reason } })
}
