// Checks that schemas are closed where they forgot to be, and nowhere else.

import { Type } from 'typebox'
import { describe, expect, it } from 'vitest'
import { closed, type StrictValidation, strictValidation } from './http-validation.ts'

function judge(httpPart: 'body' | 'querystring', schema: object, value: unknown): boolean {
  const validate = strictValidation().compiler({ schema, httpPart, method: 'POST', url: '/' }) as (value: unknown) => boolean
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

describe('strict validation, prepared', () => {
  const add = ({ compiler }: StrictValidation, schema: object) =>
    compiler({ schema, httpPart: 'body', method: 'POST', url: '/' }) as (value: unknown) => boolean
  /** Tells when it is looked at, as it is compiled. */
  function watched(name: string, compiled: string[]): object {
    const noted = () => {
      compiled.push(name)
      return 'object'
    }
    return Object.defineProperty({}, 'type', { enumerable: true, get: noted })
  }
  const turn = () => new Promise(resolve => setImmediate(resolve))

  it('prepared: before any request: what it was given is compiled, one schema each turn of the loop, and once', async () => {
    const compiled: string[] = []
    const validation = strictValidation()
    const judges = ['first', 'second', 'third'].map(name => add(validation, watched(name, compiled)))
    expect(compiled).toEqual([])
    validation.prepare()
    expect(new Set(compiled)).toEqual(new Set(['first']))
    await turn()
    expect(new Set(compiled)).toEqual(new Set(['first', 'second']))
    await turn()
    await turn()
    expect(new Set(compiled)).toEqual(new Set(['first', 'second', 'third']))
    const { length } = compiled
    expect(judges.map(isFit => [isFit({}), isFit(1)])).toEqual(Array(3).fill([true, false]))
    expect(compiled).toHaveLength(length)
  })

  it('prepared: a request that comes first: is judged, and its schema is not compiled again', async () => {
    const compiled: string[] = []
    const validation = strictValidation()
    const isFit = add(validation, watched('only', compiled))
    expect(isFit({})).toBe(true)
    const { length } = compiled
    validation.prepare()
    await turn()
    expect(compiled).toHaveLength(length)
  })

  it('prepared: a schema that cannot be compiled: is told of by the first request, and keeps no other from being prepared', async () => {
    const compiled: string[] = []
    const validation = strictValidation()
    validation.prepare()
    const isFit = add(validation, { type: 'no such type' })
    add(validation, watched('other', compiled))
    validation.prepare()
    await turn()
    expect(new Set(compiled)).toEqual(new Set(['other']))
    expect(() => isFit({})).toThrow('type must be JSONType')
  })
})
