// The HTTP interface of a peer's sharing switch: `GET|PUT /api/sharing`.
// Not the protocol between peers; this is for the page and the programs of the listener's own machine.
// Invariant: what is named as seen is what others are told, song by song.

import { ID_PATTERN } from '@evastream/core/ids'
import type { Static } from 'typebox'
import { Type } from './json-schema.ts'

const Count = Type.Integer({ minimum: 0 })

const Mode = Type.Union([Type.Literal('on'), Type.Literal('receive-only'), Type.Literal('off')], {
  description: 'on: give what is held; receive-only: take and give nothing; off: speak to no peer and no tracker',
})

/** `PUT /api/sharing` */
export const SharingOrder = Type.Object({ mode: Mode }, { additionalProperties: false })

export const SharingState = Type.Object({
  mode: Mode,
  isSet: Type.Boolean({ description: 'A setting of the program says the mode at its next start; otherwise the last one chosen stays' }),
  sentBytes: Type.Integer({ minimum: 0, description: 'Given to other peers since the process started' }),
  seen: Type.Object(
    {
      host: Type.Union([Type.Null(), Type.String()], { description: 'As the tracker sees it; null while it does not list this peer' }),
      port: Type.Integer({ minimum: 0, maximum: 65_535, description: '0: nobody can connect' }),
      songCount: Count,
      songs: Type.Array(Type.Object({ songId: Type.String({ pattern: ID_PATTERN }), chunkCount: Count, chunksHeld: Count }), {
        description: 'The first 100 of them',
      }),
    },
    { description: 'What the tracker and other peers can know' },
  ),
})
/** `GET /api/sharing` */
export type SharingState = Static<typeof SharingState>
