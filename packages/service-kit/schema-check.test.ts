// Values against schemas: what fits, and what is said of what does not.

import { readdir } from 'node:fs/promises'
import { Type } from '@evastream/protocol/json-schema'
import { Ajv } from 'ajv'
import { describe, expect, it } from 'vitest'
import { prepareSchemaChecks, schemaCheck } from './schema-check.ts'

const check = schemaCheck(
  Type.Object({
    count: Type.Integer({ minimum: 0 }),
    name: Type.Optional(Type.String()),
    limit: Type.Optional(Type.Integer({ default: 3 })),
  }),
)

describe('schema check', () => {
  it('a value that fits: is told so and left as it was, defaults and unknown fields included', () => {
    const value = { count: 1, more: true }
    expect(check.fits(value)).toBe(true)
    expect(value).toEqual({ count: 1, more: true })
  })

  it.each([
    [{ count: -1 }, '/count must be >= 0'],
    [{ count: '1' }, '/count must be integer'],
    [{}, "the reply must have required property 'count'"],
    [[], 'the reply must be object'],
  ])('%j: does not fit, and the reason names the place', (value, reason) => {
    expect(check.fits(value)).toBe(false)
    expect(check.whyNot(value)).toBe(reason)
  })

  it('prepared ahead: a schema that cannot be judged is found then, and each is prepared once', () => {
    schemaCheck({ type: 'nothing of the kind' } as never)
    expect(prepareSchemaChecks).toThrow(/type must be/)
    expect(prepareSchemaChecks).not.toThrow()
  })
})

describe('the schemas of the protocol', () => {
  const protocol = new URL('../protocol/', import.meta.url)
  const isSchema = (value: unknown) => typeof value === 'object' && value !== null && ('type' in value || 'anyOf' in value)

  it('each is JSON Schema, which nobody looks at when it is compiled', async () => {
    const ajv = new Ajv()
    const files = (await readdir(protocol)).filter(file => file.endsWith('-http.ts'))
    const modules: object[] = await Promise.all(files.map(file => import(new URL(file, protocol).href)))
    const schemas = modules.flatMap(module => Object.entries(module)).filter(([, value]) => isSchema(value))
    expect(schemas.length).toBeGreaterThan(30)
    for (const [name, schema] of schemas) expect(ajv.validateSchema(schema), `${name}: ${ajv.errorsText()}`).toBe(true)
  })
})
