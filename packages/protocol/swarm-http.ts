// The HTTP interface behind the swarm page: live figures, their history, and who holds and sends what of one song.
// Not the tracker's own interface (tracker-http.ts), from which all of it is made.
// Invariant: peers appear under names made for the page; an id or an address stands here only for the operator.

import { ID_PATTERN } from '@evastream/core/ids'
import type { Static } from 'typebox'
import { Type } from './json-schema.ts'

const Id = Type.String({ pattern: ID_PATTERN })
const Bytes = Type.Number({ minimum: 0 })
const Count = Type.Integer({ minimum: 0 })
const traffic = { serverBytes: Bytes, listenerBytes: Bytes }

/** `GET /api/swarm`, and the topic `swarm` of `GET /api/events`. */
export const SwarmNow = Type.Object({
  isReachable: Type.Boolean({ description: 'Whether the tracker answers; if not, these are its last figures' }),
  isOriginAway: Type.Boolean({ description: 'Whether the origin was asked and did not answer' }),
  listeners: Count,
  songs: Count,
  serverBytesPerSecond: Bytes,
  listenerBytesPerSecond: Bytes,
  ...traffic,
  today: Type.Union([Type.Null(), Type.Object(traffic)], { description: 'Since midnight; null where no history is kept' }),
  pricePerGb: Type.Union([Type.Null(), Type.Number({ minimum: 0 })]),
  swarms: Type.Array(Type.Object({ songId: Id, title: Type.String(), listeners: Count, completeListeners: Count })),
})
/** What flows now and flowed since the tracker started: from the server, and from listeners to one another. */
export type SwarmNow = Static<typeof SwarmNow>

export const HistoryQuery = Type.Object(
  { span: Type.Optional(Type.Union([Type.Literal('15m'), Type.Literal('24h'), Type.Literal('30d')])) },
  { additionalProperties: false },
)
export type HistorySpan = '15m' | '24h' | '30d'

/** `GET /api/swarm/history?span=` */
export const SwarmHistory = Type.Object({
  span: Type.String(),
  bucketMs: Count,
  untilMs: Type.Number(),
  points: Type.Array(Type.Object({ atMs: Type.Number(), ...traffic, listeners: Count })),
  selfSustainingAtMs: Type.Union([Type.Null(), Type.Number()], {
    description: 'From when on the server never had sent more than a tenth of what flowed since',
  }),
})
/** Points are told where something was recorded, in order; times since 1970. */
export type SwarmHistory = Static<typeof SwarmHistory>

export const SwarmSong = Type.Object({
  songId: Id,
  title: Type.String(),
  chunkCount: Count,
  listeners: Count,
  availability: Type.Array(Count),
  peers: Type.Array(
    Type.Object({
      key: Type.String(),
      name: Type.String(),
      isHouse: Type.Boolean({ description: "The server's own peer" }),
      bitmap: Type.String({ description: 'base64, most significant bit first' }),
      receivedBytes: Bytes,
      sentBytes: Bytes,
      peerId: Type.Optional(Id),
      address: Type.Optional(Type.String()),
    }),
  ),
  moves: Type.Array(
    Type.Object({
      chunkId: Count,
      to: Type.String(),
      from: Type.Union([Type.Null(), Type.String()], { description: 'Null: the server' }),
      agoMs: Count,
    }),
  ),
})
/** `GET /api/swarm/songs/{songId}`: who holds which chunk, and which chunks moved in the last seconds, the newest first. */
export type SwarmSong = Static<typeof SwarmSong>
