// The HTTP interface behind the two buttons of a demo's swarm page: how its town stands.
// Not a part of any other page: only `evastream demo --web` has these routes.
// Invariant: what a button may do now can be read from the state alone.

import type { Static } from 'typebox'
import { Type } from './json-schema.ts'

const Count = Type.Integer({ minimum: 0 })

/** `POST /api/operator/demo/unplug-origin`, `POST /api/operator/demo/add-listeners`, and the topic `demo` of `GET /api/events`. */
export const DemoState = Type.Object({
  isStoryTold: Type.Boolean({ description: 'Whether the demo has measured what it measures; nothing may be changed before' }),
  origin: Type.Union([Type.Literal('here'), Type.Literal('away'), Type.Literal('lost')], {
    description: 'lost: it was to come back, and did not',
  }),
  originBackInSeconds: Type.Union([Type.Null(), Count]),
  isAdding: Type.Boolean({ description: 'Whether listeners are arriving just now' }),
  listenersAdded: Count,
  listenersMax: Count,
})
export type DemoState = Static<typeof DemoState>
