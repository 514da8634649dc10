// How requests are judged against their schemas: bodies as they are, query strings with their numbers read from text.
// Not the schemas: packages/protocol has them.
// Invariant: an unknown field of a body, query or path is refused, whether or not its schema remembered to say so.

import type { ValidateFunction } from 'ajv'
import type { FastifySchemaCompiler } from 'fastify'
import { lazyAjv } from './schema-check.ts'

const shared = { allErrors: false, useDefaults: true, removeAdditional: false, strict: true, strictTypes: false, verbose: true } as const

export interface StrictValidation {
  /** Fastify's validator compiler; what it refuses becomes a problem in http-problems.ts. A route is compiled at its first request. */
  readonly compiler: FastifySchemaCompiler<unknown>
  /** Compiles what no request has asked for yet, a schema each turn of the loop: a route's first request is then judged as quickly as the others. */
  prepare(): void
}

export function strictValidation(): StrictValidation {
  const bodies = lazyAjv({ ...shared, coerceTypes: false })
  const texts = lazyAjv({ ...shared, coerceTypes: true })
  const unprepared: (() => void)[] = []
  return {
    compiler: ({ schema, httpPart }) => {
      const { judge, prepare } = atFirstUse(() => {
        if (httpPart === 'headers') return texts().compile(schema as object)
        return (httpPart === 'body' ? bodies : texts)().compile(closed(schema) as object)
      })
      unprepared.push(prepare)
      return judge
    },
    prepare: function next() {
      try {
        unprepared.shift()?.()
      } catch {
        // A schema that cannot be compiled is told of by the first request that needs it.
      }
      if (unprepared.length > 0) setImmediate(next)
    },
  }
}

type Judge = ReturnType<FastifySchemaCompiler<unknown>>

function atFirstUse(compile: () => ValidateFunction): { readonly judge: Judge; prepare(): void } {
  let validate: ValidateFunction | undefined
  const compiled = (): ValidateFunction => {
    validate ??= compile()
    return validate
  }
  const judge: Judge = (value: unknown) => {
    const isFit = compiled()(value)
    judge.errors = compiled().errors ?? null
    return isFit
  }
  return { judge, prepare: compiled }
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
