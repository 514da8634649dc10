// The builder of schemas, word by word against TypeBox's own.

import { Type as TypeBox } from 'typebox'
import { describe, expect, it } from 'vitest'
import { Type } from './json-schema.ts'

type Builder = typeof Type

const DECLARATIONS: Readonly<Record<string, (type: Builder) => unknown>> = {
  'an object of every plain word': type =>
    type.Object({ text: type.String({ minLength: 1 }), whole: type.Integer({ minimum: 0 }), any: type.Number(), flag: type.Boolean() }),
  'an object with options': type => type.Object({ id: type.String() }, { additionalProperties: false, description: 'closed' }),
  'an object without fields': type => type.Object({}),
  'optional fields, with options of their own': type =>
    type.Object({ here: type.String(), perhaps: type.Optional(type.Integer({ default: 3 })) }),
  'an object of optional fields only': type => type.Object({ perhaps: type.Optional(type.String()) }),
  'a field taken out of one object into another': type => {
    const fields = { id: type.String(), perhaps: type.Optional(type.String()) }
    return type.Object({ ...fields, more: type.Optional(type.Object(fields)) })
  },
  'lists of objects': type => type.Array(type.Object({ id: type.Integer() }), { maxItems: 3 }),
  'one of several': type => type.Union([type.Literal('on'), type.Literal(3), type.Literal(true), type.Null()], { default: 'on' }),
}

describe('json schema', () => {
  it.each(Object.entries(DECLARATIONS))('json schema: %s: the same JSON as by TypeBox', (_what, declare) => {
    expect(JSON.stringify(declare(Type))).toBe(JSON.stringify(declare(TypeBox)))
  })
})
