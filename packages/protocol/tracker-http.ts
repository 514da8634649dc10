// The tracker's HTTP calls as schemas: what the tracker accepts and answers, and what its client sends and believes.
// Not rules: which ids live, which hosts may be claimed and who is handed out is the tracker's business.
// Invariant: requests refuse unknown fields and coerce nothing; replies ignore unknown fields, so either end may be the older one.

import { ID_PATTERN } from '@evastream/core/ids'
import { FILE_SIZE_MAX_BYTES } from '@evastream/core/manifest'
import { CHUNK_SIZE_MIN_BYTES } from '@evastream/core/units'
import type { Static } from 'typebox'
import { Type } from './json-schema.ts'

/** No song has more chunks than the largest file in the smallest chunks makes. */
export const CHUNK_COUNT_MAX = FILE_SIZE_MAX_BYTES / CHUNK_SIZE_MIN_BYTES

/** The most chunk ids in one announcement; a client with more sends several. */
export const ANNOUNCED_CHUNKS_MAX = 10_000

/** The most peers one `GET /peers` hands out, and how many it does when nobody says. */
export const LISTED_PEERS_MAX = 200
export const LISTED_PEERS_DEFAULT = 30

/** The most chunks one call asks leases of. */
export const LEASED_CHUNKS_MAX = 64

const strict = { additionalProperties: false }

const Id = Type.String({ pattern: ID_PATTERN })
const ChunkNumber = Type.Integer({ minimum: 0, maximum: CHUNK_COUNT_MAX - 1 })
const ChunkCount = Type.Integer({ minimum: 1, maximum: CHUNK_COUNT_MAX })
const ByteCount = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })
const Port = Type.Integer({ minimum: 1, maximum: 65_535 })
const Duration = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, description: 'milliseconds' })
const Opaque = Type.String({ minLength: 1, maxLength: 256 })

/** The totals a peer tells when it registers, with each heartbeat and with what it acquired, counted since that peer started. */
export const PeerTraffic = {
  originBytes: Type.Optional(ByteCount),
  peerBytes: Type.Optional(ByteCount),
  sentBytes: Type.Optional(ByteCount),
}

/** `POST /register` */
export const RegisterRequest = Type.Object(
  {
    peerId: Id,
    port: Port,
    host: Type.Optional(Type.String({ minLength: 1, maxLength: 64, description: 'A claim; counts only where the tracker allows it.' })),
    ...PeerTraffic,
  },
  strict,
)
export type RegisterRequest = Static<typeof RegisterRequest>

export const Registration = Type.Object({
  peerId: Id,
  token: Opaque,
  bootId: Opaque,
  heartbeatIntervalMs: Duration,
  expiresAfterMs: Duration,
  observedHost: Type.String({ minLength: 1, maxLength: 64 }),
})
/** The answer to `POST /register`: the token speaks for the peer from here on, the bootId names this life of the tracker. */
export type Registration = Static<typeof Registration>

/** `POST /heartbeat` */
export const HeartbeatRequest = Type.Object(
  {
    peerId: Id,
    uplinkBytesPerSecond: Type.Optional(ByteCount),
    ...PeerTraffic,
    overrides: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: Number.MAX_SAFE_INTEGER,
        description: 'Chunks asked of the origin without a lease, to be in time.',
      }),
    ),
  },
  strict,
)
export type HeartbeatRequest = Static<typeof HeartbeatRequest>

export const HeartbeatReply = Type.Object({ bootId: Opaque })
export type HeartbeatReply = Static<typeof HeartbeatReply>

/** `POST /deregister` */
export const DeregisterRequest = Type.Object({ peerId: Id }, strict)
export type DeregisterRequest = Static<typeof DeregisterRequest>

export const DeregisterReply = Type.Object({ peerId: Id })

/** The most sources one announcement names: of the chunks that came last. */
export const TOLD_SOURCES_MAX = 64

/** Where a chunk came from, for those who look at the swarm; most of it, when it came from several. Without `peerId`: from the origin. */
export const ChunkSourceTold = Type.Object({ chunkId: ChunkNumber, peerId: Type.Optional(Id) }, strict)
export type ChunkSourceTold = Static<typeof ChunkSourceTold>

/** `POST /chunk-acquired`; exactly one of `chunkId` and `chunkIds`, which the tracker checks. */
export const ChunkAcquiredRequest = Type.Object(
  {
    peerId: Id,
    songId: Id,
    chunkId: Type.Optional(ChunkNumber),
    chunkIds: Type.Optional(Type.Array(ChunkNumber, { minItems: 1, maxItems: ANNOUNCED_CHUNKS_MAX })),
    sources: Type.Optional(Type.Array(ChunkSourceTold, { maxItems: TOLD_SOURCES_MAX })),
    ...PeerTraffic,
  },
  strict,
)
export type ChunkAcquiredRequest = Static<typeof ChunkAcquiredRequest>

/** `POST /chunk-released` */
export const ChunkReleasedRequest = Type.Object(
  { peerId: Id, songId: Id, chunkIds: Type.Array(ChunkNumber, { minItems: 1, maxItems: ANNOUNCED_CHUNKS_MAX }) },
  strict,
)
export type ChunkReleasedRequest = Static<typeof ChunkReleasedRequest>

export const ChunksReply = Type.Object({ songId: Id, chunksHeld: Type.Integer({ minimum: 0, maximum: CHUNK_COUNT_MAX }) })
/** The answer to both announcements: how many chunks of the song the tracker now lists for the peer. */
export type ChunksReply = Static<typeof ChunksReply>

const LeasedChunks = { minItems: 1, maxItems: LEASED_CHUNKS_MAX }

/** The most chunks that a call for leases announces on the way; more have calls of their own. */
export const ACQUIRED_ALONG_MAX = 64

/** `POST /origin-lease`; exactly one of `chunkId` and `chunkIds`, which the tracker checks. `acquired` counts before the leases are judged. */
export const OriginLeaseRequest = Type.Object(
  {
    peerId: Id,
    songId: Id,
    chunkId: Type.Optional(ChunkNumber),
    chunkIds: Type.Optional(Type.Array(ChunkNumber, LeasedChunks)),
    expectedMs: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 60_000,
        description: 'How long the origin is expected to take for a chunk; a lease lives twice that.',
      }),
    ),
    uplinkBytesPerSecond: Type.Optional(ByteCount),
    backlogMs: Type.Optional(
      Type.Number({ minimum: 0, maximum: 3_600_000, description: "How long the peer's uplink is busy with what it owes." }),
    ),
    acquired: Type.Optional(
      Type.Object(
        {
          chunkIds: Type.Array(ChunkNumber, { minItems: 1, maxItems: ACQUIRED_ALONG_MAX }),
          sources: Type.Optional(Type.Array(ChunkSourceTold, { maxItems: TOLD_SOURCES_MAX })),
          ...PeerTraffic,
        },
        {
          ...strict,
          description: 'Chunks of the song that the peer has by now: an announcement as in `POST /chunk-acquired`, without a call.',
        },
      ),
    ),
  },
  strict,
)
export type OriginLeaseRequest = Static<typeof OriginLeaseRequest>

export const LeaseHolder = Type.Object({ peerId: Id, host: Type.String({ minLength: 1, maxLength: 64 }), port: Port })

export const OriginLeaseReply = Type.Object({
  songId: Id,
  granted: Type.Array(
    Type.Object({
      chunkId: ChunkNumber,
      leaseId: Opaque,
      expiresInMs: Type.Number({ minimum: 0 }),
      firstBlocks: Type.Optional(Type.Integer({ minimum: 1, description: 'The lease is for so many first blocks only.' })),
    }),
    { maxItems: LEASED_CHUNKS_MAX },
  ),
  waiting: Type.Array(
    Type.Object({
      chunkId: ChunkNumber,
      reason: Type.String({ minLength: 1, maxLength: 32, description: 'held, leased, uplink or limit' }),
      holder: Type.Optional(LeaseHolder),
      retryAfterMs: Type.Number({ minimum: 0 }),
    }),
    { maxItems: LEASED_CHUNKS_MAX },
  ),
  originCopies: Type.Optional(
    Type.Integer({ minimum: 1, description: 'How many copies of a chunk the origin may send; 1 when not said.' }),
  ),
})
/** Which chunks the peer may fetch from the origin, and for the others whom to take them from, or when to ask again. */
export type OriginLeaseReply = Static<typeof OriginLeaseReply>

/** `POST /origin-lease-returned` */
export const OriginLeaseReturn = Type.Object(
  {
    peerId: Id,
    songId: Id,
    leaseIds: Type.Array(Type.String({ pattern: '^[A-Za-z0-9_-]{1,64}$' }), LeasedChunks),
    reason: Type.Optional(Type.String({ minLength: 1, maxLength: 64, pattern: '^[A-Za-z0-9_. -]+$' })),
  },
  strict,
)
export type OriginLeaseReturn = Static<typeof OriginLeaseReturn>

/** How many of them were the peer's and alive. */
export const OriginLeaseReturned = Type.Object({ songId: Id, returned: Type.Integer({ minimum: 0, maximum: LEASED_CHUNKS_MAX }) })
export type OriginLeaseReturned = Static<typeof OriginLeaseReturned>

/** `POST /peer-report` */
export const PeerReportRequest = Type.Object(
  { peerId: Id, reportedPeerId: Id, reason: Type.String({ minLength: 1, maxLength: 64, pattern: '^[A-Za-z0-9_. -]+$' }) },
  strict,
)
export type PeerReportRequest = Static<typeof PeerReportRequest>

export const PeerReportReply = Type.Object({ reportedPeerId: Id })

/** `GET /peers` */
export const PeersQuery = Type.Object(
  {
    songId: Id,
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: LISTED_PEERS_MAX, default: LISTED_PEERS_DEFAULT })),
    chunkId: Type.Optional(ChunkNumber),
    exclude: Type.Optional(Type.String({ pattern: ID_PATTERN, description: 'A peer to leave out: the asking one.' })),
    format: Type.Optional(Type.Union([Type.Literal('chunks'), Type.Literal('bitmap')], { default: 'chunks' })),
  },
  strict,
)
export type PeersQuery = Static<typeof PeersQuery>

export const ListedPeerReply = Type.Object({
  peerId: Id,
  host: Type.String({ minLength: 1, maxLength: 64 }),
  port: Port,
  chunks: Type.Optional(Type.Array(ChunkNumber, { maxItems: CHUNK_COUNT_MAX })),
  bitmap: Type.Optional(Type.String({ maxLength: Math.ceil(CHUNK_COUNT_MAX / 6) + 8, description: 'base64, most significant bit first' })),
})
export type ListedPeerReply = Static<typeof ListedPeerReply>

export const PeersReply = Type.Object({
  songId: Id,
  chunkCount: Type.Optional(ChunkCount),
  peers: Type.Array(ListedPeerReply, { maxItems: LISTED_PEERS_MAX }),
})
/** `chunkCount` is there when the song is tracked; each peer has `chunks`, or `bitmap` when that was asked for; who is only about to hold some has `chunks: []`. */
export type PeersReply = Static<typeof PeersReply>

/** `GET /stats` */
export const TrackerStats = Type.Object({
  bootId: Opaque,
  upMs: Type.Number({ minimum: 0 }),
  peers: Type.Integer({ minimum: 0 }),
  songs: Type.Integer({ minimum: 0 }),
  announcements: Type.Integer({ minimum: 0 }),
  originBytes: ByteCount,
  peerBytes: ByteCount,
  sentBytes: ByteCount,
  leases: Type.Optional(
    Type.Object({
      live: Type.Integer({ minimum: 0 }),
      granted: Type.Integer({ minimum: 0 }),
      completed: Type.Integer({ minimum: 0 }),
      returned: Type.Integer({ minimum: 0 }),
      expired: Type.Integer({ minimum: 0 }),
      failed: Type.Integer({ minimum: 0 }),
      overrides: Type.Integer({ minimum: 0 }),
    }),
  ),
})
/** What the tracker counted; the byte counts are what peers told it, living and gone, since the tracker started. */
export type TrackerStats = Static<typeof TrackerStats>

/** The most songs `GET /swarms` lists, members `GET /swarms/{songId}` shows, and transfers it tells. */
export const LISTED_SWARMS_MAX = 50
export const SHOWN_MEMBERS_MAX = 64
export const SHOWN_TRANSFERS_MAX = 64

/** `GET /swarms` */
export const SwarmsQuery = Type.Object(
  { limit: Type.Optional(Type.Integer({ minimum: 1, maximum: LISTED_SWARMS_MAX, default: 20 })) },
  strict,
)

const swarmCounts = { songId: Id, chunkCount: ChunkCount, peers: Type.Integer({ minimum: 0 }), completePeers: Type.Integer({ minimum: 0 }) }

export const SwarmsReply = Type.Object({ swarms: Type.Array(Type.Object(swarmCounts), { maxItems: LISTED_SWARMS_MAX }) })
/** The songs with the most peers, the largest first; with very many songs, of those tracked the longest. */
export type SwarmsReply = Static<typeof SwarmsReply>

/** `GET /swarms/{songId}` */
export const SwarmParams = Type.Object({ songId: Id }, strict)
export const SwarmQuery = Type.Object(
  {
    members: Type.Optional(
      Type.Integer({ minimum: 1, maximum: SHOWN_MEMBERS_MAX, description: 'Tell also of so many members, and of the last transfers.' }),
    ),
  },
  strict,
)
export type SwarmQuery = Static<typeof SwarmQuery>

export const SwarmMember = Type.Object({
  peerId: Id,
  host: Type.String({ minLength: 1, maxLength: 64 }),
  port: Port,
  bitmap: Type.String({ maxLength: Math.ceil(CHUNK_COUNT_MAX / 6) + 8, description: 'base64, most significant bit first' }),
  originBytes: ByteCount,
  peerBytes: ByteCount,
  sentBytes: ByteCount,
})
/** A peer of a swarm: what it holds of the song, and its totals as it told them, of all songs. */
export type SwarmMember = Static<typeof SwarmMember>

export const SwarmTransfer = Type.Object({
  chunkId: ChunkNumber,
  to: Id,
  from: Type.Optional(Type.String({ pattern: ID_PATTERN, description: 'Absent: from the origin.' })),
  agoMs: Type.Integer({ minimum: 0 }),
})
export type SwarmTransfer = Static<typeof SwarmTransfer>

export const SwarmReply = Type.Object({
  ...swarmCounts,
  availability: Type.Array(Type.Integer({ minimum: 0 }), { maxItems: CHUNK_COUNT_MAX, description: 'Holders of each chunk, in order.' }),
  leasedChunks: Type.Optional(
    Type.Array(ChunkNumber, { maxItems: CHUNK_COUNT_MAX, description: 'Chunks on their way from the origin; the first thousand.' }),
  ),
  members: Type.Optional(Type.Array(SwarmMember, { maxItems: SHOWN_MEMBERS_MAX })),
  transfers: Type.Optional(
    Type.Array(SwarmTransfer, { maxItems: SHOWN_TRANSFERS_MAX, description: 'The newest first, none older than some seconds.' }),
  ),
})
/** How often each chunk of a song is held in the swarm; nobody's address unless `members` were asked for. */
export type SwarmReply = Static<typeof SwarmReply>
