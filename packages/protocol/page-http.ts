// The HTTP interface behind the listener's page, beside the peer's own (peer-http.ts): who serves it, and what it may do.
// Not the audio and not the library: those are the same for every player.
// Invariant: nothing here names another peer's address.

import { ID_PATTERN } from '@evastream/core/ids'
import type { Static } from 'typebox'
import { Type } from './json-schema.ts'

/** `GET /api/about` */
export const PageAbout = Type.Object({
  servedBy: Type.Union([Type.Literal('peer'), Type.Literal('gateway')], {
    description: "The listener's own peer, or the operator's gateway, whose one peer plays for all its listeners",
  }),
  version: Type.String(),
  peerId: Type.String({ pattern: ID_PATTERN }),
  isDemo: Type.Boolean(),
  operator: Type.Union([Type.Null(), Type.Object({ needsToken: Type.Boolean() })], {
    description: 'Null where no library is managed; else whether that takes the token',
  }),
  pricePerGb: Type.Union([Type.Null(), Type.Number({ minimum: 0 })], {
    description: "What a gigabyte from the origin costs, in the operator's money",
  }),
  hasHistory: Type.Boolean({ description: 'Whether /api/swarm/history answers' }),
})
export type PageAbout = Static<typeof PageAbout>

const ByteCount = Type.Integer({ minimum: 0 })

/** `GET /api/songs/{songId}/map`, and the event `song` */
export const SongMap = Type.Object({
  songId: Type.String({ pattern: ID_PATTERN }),
  chunkCount: Type.Integer({ minimum: 1 }),
  chunks: Type.String({
    description: 'One character a chunk: o here from the origin, p here from a peer, s here from before, f on its way, . missing',
  }),
  sources: Type.Object(
    { originBytes: ByteCount, peerBytes: ByteCount, peerCount: Type.Integer({ minimum: 0 }) },
    { description: 'What came of it since the process started, and from how many peers' },
  ),
})
export type SongMap = Static<typeof SongMap>

/** The query of `GET /api/events`: without topics every event of the node; with them only these, as their newest value. */
export const EventsQuery = Type.Object(
  {
    topics: Type.Optional(
      Type.String({ pattern: '^[a-z]{1,16}(,[a-z]{1,16}){0,7}$', description: 'Names with commas: status,song,swarm' }),
    ),
    songId: Type.Optional(
      Type.String({
        pattern: '^[^,]{1,128}(,[^,]{1,128}){0,7}$',
        description: 'The songs that `song` is about, with commas: each of them is looked at several times a second',
      }),
    ),
  },
  { additionalProperties: false },
)
