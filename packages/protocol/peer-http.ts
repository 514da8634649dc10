// The HTTP interface of a peer on its own loopback: its state, its songs and its events, for its page and the command line.
// Not the protocol between peers (peer-frames.ts), and not reachable from another machine.
// Invariant: the figures here are those of /metrics; byte counts run since the peer's process started.

import { ID_PATTERN } from '@evastream/core/ids'
import type { Static } from 'typebox'
import { Type } from './json-schema.ts'

const Id = Type.String({ pattern: ID_PATTERN })
const ByteCount = Type.Integer({ minimum: 0 })
const Count = Type.Integer({ minimum: 0 })
const Port = Type.Integer({ minimum: 1, maximum: 65_535 })

const songProgress = { songId: Id, chunkCount: Count, chunksHeld: Count, complete: Type.Boolean() }

export const SongProgress = Type.Object(songProgress)
/** How much of a song is here; the answer to `POST /api/songs/{songId}/download`. */
export type SongProgress = Static<typeof SongProgress>

const traffic = {
  received: Type.Object({ originBytes: ByteCount, peerBytes: ByteCount }, { description: 'Bytes verified and kept, by source' }),
  sentBytes: ByteCount,
  wastedBytes: ByteCount,
}

const PeersConnected = Type.Object({ downloadingFrom: Count, uploadingTo: Count })

const UploadCap = Type.Object({
  limitBytes: ByteCount,
  usedBytes: ByteCount,
  resetsAt: Type.String({ description: 'When counting starts anew: ISO 8601, in UTC' }),
})

/** `GET /api/status` */
export const PeerStatus = Type.Object({
  peerId: Id,
  uploadPort: Type.Integer({ minimum: 0, maximum: 65_535, description: '0 without sharing: nobody can connect' }),
  httpPort: Port,
  sharing: Type.Union([Type.Literal('on'), Type.Literal('receive-only'), Type.Literal('off')]),
  peers: PeersConnected,
  limits: Type.Object({ uploadBytesPerSecond: ByteCount, downloadBytesPerSecond: ByteCount }, { description: '0 is no limit' }),
  uploadCap: Type.Optional(UploadCap),
  cache: Type.Object({ usedBytes: ByteCount, limitBytes: ByteCount }, { description: "What the songs' files take; a limit of 0 is none" }),
  playing: Type.Object({
    songIds: Type.Array(Id),
    bufferMs: Type.Optional(
      Type.Integer({ minimum: 0, description: 'The least music that any of their players has ahead; absent where none can run dry' }),
    ),
  }),
  songs: Type.Array(SongProgress),
  ...traffic,
})
export type PeerStatus = Static<typeof PeerStatus>

/** `GET /api/songs` */
export const PeerSongs = Type.Object({
  songs: Type.Array(
    Type.Object({
      ...songProgress,
      title: Type.String(),
      artist: Type.Optional(Type.String()),
      album: Type.Optional(Type.String()),
      durationMs: Type.Optional(Type.Integer({ minimum: 0 })),
      mimeType: Type.Optional(Type.String()),
      fileSize: Type.Integer({ minimum: 1 }),
      pinned: Type.Boolean(),
      streamPath: Type.String({ description: 'Where the audio is served: /stream/{songId}/{fileName}' }),
    }),
  ),
})
export type PeerSongs = Static<typeof PeerSongs>

const Milliseconds = Type.Integer({ minimum: 0 })

export const Play = Type.Object({
  songId: Id,
  startedAtMs: Type.Integer({ description: 'When it began, on a clock that only orders plays' }),
  isOver: Type.Boolean(),
  deliveredBytes: Type.Integer({ minimum: 0, description: 'Of the chunks that were given to the player, wholly or in part' }),
  originBytes: ByteCount,
  peerBytes: ByteCount,
  cacheBytes: Type.Integer({ minimum: 0, description: 'Here before the play' }),
  peerCount: Type.Integer({ minimum: 0, description: 'Peers that sent some of it' }),
  startupMs: Type.Optional(Milliseconds),
  stallCount: Count,
  stalledMs: Milliseconds,
})
/** One play of a song: all connections that a player opened for it. The three byte counts add up to `deliveredBytes`. */
export type Play = Static<typeof Play>

/** `GET /api/plays` */
export const PeerPlays = Type.Object({ plays: Type.Array(Play) })
export type PeerPlays = Static<typeof PeerPlays>

/** The answer to `PUT` and `DELETE /api/songs/{songId}/pin`: what is here of a pinned song never makes room for others. */
export const SongPin = Type.Object({ songId: Id, pinned: Type.Boolean() })

export const SongParams = Type.Object({ songId: Id }, { additionalProperties: false })
/** The id of a song, with or without an extension such as `.mp3`: `/stream/{name}` for people who type. */
export const NamedStreamParams = Type.Object({ name: Type.String() }, { additionalProperties: false })
/** `/stream/{songId}/{fileName}`: the file name is for players that go by an extension, and may be any. */
export const StreamFileParams = Type.Object({ songId: Id, fileName: Type.String() }, { additionalProperties: false })

/** More would only be a library by another name. */
export const QUEUE_LENGTH_MAX = 200

/** `GET /api/queue`, and the answer to `PUT /api/queue`: the songs to come after the one being played. */
export const PlayQueue = Type.Object({ songIds: Type.Array(Id) })
export type PlayQueue = Static<typeof PlayQueue>
/** The body of `PUT /api/queue`; a song may stand in it more than once. */
export const PlayQueueOrder = Type.Object({ songIds: Type.Array(Id, { maxItems: QUEUE_LENGTH_MAX }) }, { additionalProperties: false })

/** Whose queue is meant; absent: the one of programs that name no listener. */
export const PlayQueueQuery = Type.Object(
  { listener: Type.Optional(Type.String({ pattern: ID_PATTERN, description: 'A page names itself; absent: a program of this machine' })) },
  { additionalProperties: false },
)

/** What `GET /api/events` sends: the `event:` field is the kind, the `data:` field is the object. */
export const PeerEvent = Type.Union([
  /** The first event of every connection, and again whenever a figure changed. */
  Type.Object({ kind: Type.Literal('totals'), ...traffic, peers: PeersConnected }),
  Type.Object({ kind: Type.Literal('song-opened'), ...songProgress }),
  Type.Object({ kind: Type.Literal('chunk-stored'), ...songProgress, chunkId: Count, originBytes: ByteCount, peerBytes: ByteCount }),
  Type.Object({ kind: Type.Literal('chunk-lost'), ...songProgress, chunkId: Count }),
])
export type PeerEvent = Static<typeof PeerEvent>
