// How requests are judged against their schemas: bodies as they are, query strings with their numbers read from text.
// Not the schemas: packages/protocol has them.
// Invariant: an unknown field of a body, query or path is refused, whether or not its schema remembered to say so.

import { Ajv } from 'ajv'
import type { FastifySchemaCompiler } from 'fastify'

const shared = { allErrors: false, useDefaults: true, removeAdditional: false, strict: true, strictTypes: false, verbose: true } as const

/** Fastify's validator compiler; what it refuses becomes a problem in http-problems.ts. */
export function strictValidatorCompiler(): FastifySchemaCompiler<unknown> {
  const bodies = new Ajv({ ...shared, coerceTypes: false })
  const texts = new Ajv({ ...shared, coerceTypes: true })
  return ({ schema, httpPart }) => {
    if (httpPart === 'headers') return texts.compile(schema as object)
    return (httpPart === 'body' ? bodies : texts).compile(closed(schema) as object)
  }
}

/** The schema with `additionalProperties: false` wherever an object schema leaves it open by silence. */
export function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed)
  if (typeof schema !== 'object' || schema === null) return schema
  const copy: Record<string, unknown> = {}
  // The parts of an intersection know only their own fields: closing them would refuse one another's.
  for (const [key, value] of Object.entries(schema))
    copy[key] = key === 'allOf' || key === 'enum' || key === 'const' ? value : closed(value)
  if (copy.type === 'object' && copy.additionalProperties === undefined && copy.patternProperties === undefined)
    copy.additionalProperties = false
  return copy
}
