// The shape of every error reply: RFC 9457 problem+json with a stable `code` from the error table.
// Not the table itself (packages/core/errors.ts), and not the mapping from thrown errors (packages/service-kit).
// Invariant: the six members below are always there; an error's details stand beside them as further members.

import type { Static } from 'typebox'
import { Type } from './json-schema.ts'

export const PROBLEM_MEDIA_TYPE = 'application/problem+json'

export const Problem = Type.Object(
  {
    type: Type.String({ description: 'urn:evastream:error:<code>' }),
    title: Type.String({ description: 'The kind of error, the same at every occurrence' }),
    status: Type.Integer({ minimum: 400, maximum: 599 }),
    detail: Type.String({ description: 'One clear sentence about this occurrence' }),
    code: Type.String({ pattern: '^EVA_[A-Z_]+$', description: 'Stable; docs/errors.md lists them all' }),
    nextStep: Type.String({ description: 'What the reader can do about it' }),
  },
  { additionalProperties: Type.Union([Type.String(), Type.Number(), Type.Boolean()]) },
)

/** A problem without its further members, which are the error's details: text, numbers and booleans. */
export type Problem = Static<typeof Problem>
