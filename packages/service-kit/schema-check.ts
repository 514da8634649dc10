// Whether a value fits a JSON Schema, judged by Ajv, which is loaded when the first value is to be judged.
// Not the schemas (packages/protocol), and not what requests owe beyond their schema (http-validation.ts).
// Invariant: declaring a check costs nothing; each schema is compiled once, when its first value comes or when the process has time.

import { createRequire } from 'node:module'
import type { Ajv, Options, ValidateFunction } from 'ajv'
import type { Static, TSchema } from 'typebox'

const require = createRequire(import.meta.url)

/** Our own schemas are held to the schema of schemas by a test: to compile that takes each process 25 ms and 3 MB. */
const OWN_SCHEMAS: Options = { meta: false, validateSchema: false }

/** Ajv with these options, made when it is first asked for. */
export function lazyAjv(options: Options): () => Ajv {
  let ajv: Ajv | undefined
  return () => {
    if (ajv === undefined) {
      const library = require('ajv') as typeof import('ajv')
      ajv = new library.Ajv({ ...OWN_SCHEMAS, ...options })
    }
    return ajv
  }
}

/** What makes sure that a value is what it should be; made once per schema. */
export interface SchemaCheck<T> {
  readonly fits: (value: unknown) => value is T
  readonly whyNot: (value: unknown) => string
}

const judge = lazyAjv({ allErrors: false, strict: true, strictTypes: false })
const declared: (() => unknown)[] = []

/** Compiles what was declared so far (about 10 ms for each schema), so that the first answers somebody waits for do not have to. */
export function prepareSchemaChecks(): void {
  for (const compiled of declared.splice(0)) compiled()
}

export function schemaCheck<S extends TSchema>(schema: S): SchemaCheck<Static<S>> {
  let validate: ValidateFunction | undefined
  const compiled = (): ValidateFunction => {
    validate ??= judge().compile(schema)
    return validate
  }
  declared.push(compiled)
  return {
    fits: (value): value is Static<S> => compiled()(value),
    whyNot: value => {
      const validator = compiled()
      if (validator(value)) return 'it does not fit'
      const first = validator.errors?.[0]
      return `${first?.instancePath || 'the reply'} ${first?.message ?? 'does not fit'}`
    },
  }
}
