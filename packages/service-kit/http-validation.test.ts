// Checks that schemas are closed where they forgot to be, and nowhere else.

import { Type } from 'typebox'
import { describe, expect, it } from 'vitest'
import { closed, strictValidatorCompiler } from './http-validation.ts'

function judge(httpPart: 'body' | 'querystring', schema: object, value: unknown): boolean {
  const validate = strictValidatorCompiler()({ schema, httpPart, method: 'POST', url: '/' }) as (value: unknown) => boolean
  return validate(value)
}

describe('strict validation', () => {
  it('an open object: at any depth: is closed', () => {
    const schema = Type.Object({ list: Type.Array(Type.Object({ a: Type.Integer() })) })
    expect(judge('body', schema, { list: [{ a: 1 }] })).toBe(true)
    expect(judge('body', schema, { list: [{ a: 1, b: 2 }] })).toBe(false)
    expect(judge('body', schema, { list: [], b: 2 })).toBe(false)
  })

  it('an object that says it is open, or a record: stays open', () => {
    expect(judge('body', Type.Object({}, { additionalProperties: true }), { any: 1 })).toBe(true)
    expect(judge('body', Type.Record(Type.String(), Type.Integer()), { any: 1 })).toBe(true)
  })

  it('the parts of an intersection: are not closed against one another', () => {
    const schema = Type.Intersect([Type.Object({ a: Type.Integer() }), Type.Object({ b: Type.Integer() })])
    expect(judge('body', schema, { a: 1, b: 2 })).toBe(true)
  })

  it('a union: of closed objects: accepts either and no mixture', () => {
    const schema = Type.Union([Type.Object({ a: Type.Integer() }), Type.Object({ b: Type.Integer() })])
    expect(judge('body', schema, { b: 2 })).toBe(true)
    expect(judge('body', schema, { a: 1, b: 2 })).toBe(false)
  })

  it('text for a number: in a query: is read; in a body: is refused', () => {
    const schema = Type.Object({ limit: Type.Integer() })
    expect(judge('querystring', schema, { limit: '5' })).toBe(true)
    expect(judge('body', schema, { limit: '5' })).toBe(false)
  })

  it('a schema: closed: is a copy, the original as it was', () => {
    const schema = Type.Object({ a: Type.Integer() })
    expect(closed(schema)).toMatchObject({ additionalProperties: false })
    expect(schema).not.toHaveProperty('additionalProperties')
  })
})
