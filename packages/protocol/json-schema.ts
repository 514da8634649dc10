// JSON Schemas as the services write them down: TypeBox's words and its types, without its code.
// Not a checker (service-kit's schema-check.ts) and not all of TypeBox: only the words that the services use.
// Invariant: what stands here at run time is plain JSON Schema; who declares a schema loads nothing. TypeBox's own builder is 12 MB and
// 0.2 s of CPU in every process that speaks of one.

import type { Type as TypeBox } from 'typebox'

type Words = 'Array' | 'Boolean' | 'Integer' | 'Literal' | 'Null' | 'Number' | 'Object' | 'Optional' | 'String' | 'Union'

type Schema = Readonly<Record<string, unknown>>

/** Marks a property that an object may lack; the mark is no part of the JSON. */
const OPTIONAL = Symbol('optional')

const isRequired = ([, schema]: readonly [string, object]) => !(OPTIONAL in schema)

const words = {
  Array: (items: Schema, options?: Schema) => ({ type: 'array', items, ...options }),
  Boolean: (options?: Schema) => ({ type: 'boolean', ...options }),
  Integer: (options?: Schema) => ({ type: 'integer', ...options }),
  Literal: (value: string | number | boolean, options?: Schema) => ({ type: typeof value, const: value, ...options }),
  Null: (options?: Schema) => ({ type: 'null', ...options }),
  Number: (options?: Schema) => ({ type: 'number', ...options }),
  Object: (properties: Readonly<Record<string, Schema>>, options?: Schema) => {
    const required = Object.entries(properties)
      .filter(isRequired)
      .map(([name]) => name)
    return { type: 'object', ...(required.length === 0 ? {} : { required }), properties, ...options }
  },
  Optional: (schema: Schema) => ({ ...schema, [OPTIONAL]: true }),
  String: (options?: Schema) => ({ type: 'string', ...options }),
  Union: (anyOf: readonly Schema[], options?: Schema) => ({ anyOf, ...options }),
} satisfies Record<Words, unknown>

export const Type = words as unknown as Pick<typeof TypeBox, Words>
