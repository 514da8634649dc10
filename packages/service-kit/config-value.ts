// One setting's value: from text (flags, environment) or from a file's typed value, checked against its option.
// Not where it came from, nor what is said about it: config.ts words the error.
// Invariant: a number is finite and counts exactly; text is never taken for something else by accident.

export interface ValueSpec {
  readonly type: 'string' | 'number' | 'boolean' | 'list'
  readonly choices?: readonly string[]
  /** @returns why the value is refused, as a clause ("it is a whole number from 0"), or undefined. */
  readonly check?: (value: OptionValue) => string | undefined
}

export type OptionValue = string | number | boolean | readonly string[]

export type ValueOutcome = { readonly kind: 'value'; readonly value: OptionValue } | { readonly kind: 'fault'; readonly reason: string }

const DECIMAL_EXPRESSION = /^-?\d{1,20}(\.\d{1,20})?$/
const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['1', true],
  ['false', false],
  ['0', false],
])

/** Of a list, text holds the members separated by commas. */
export function valueFromText(spec: ValueSpec, text: string): ValueOutcome {
  switch (spec.type) {
    case 'string':
      return judged(spec, text)
    case 'number':
      return DECIMAL_EXPRESSION.test(text) ? judged(spec, Number(text)) : notThis(spec, 'it is a number in digits', text)
    case 'boolean': {
      const value = BOOLEANS.get(text.toLowerCase())
      return value === undefined ? notThis(spec, 'it is true or false', text) : judged(spec, value)
    }
    case 'list':
      return judged(
        spec,
        text
          .split(',')
          .map(member => member.trim())
          .filter(member => member !== ''),
      )
  }
}

/** A file has types of its own: `port = "8081"` is text, and refused. */
export function valueFromFile(spec: ValueSpec, raw: unknown): ValueOutcome {
  switch (spec.type) {
    case 'list':
      return isTextList(raw) ? judged(spec, raw) : { kind: 'fault', reason: 'it is a list of texts' }
    case 'string':
      return typeof raw === 'string' && raw !== '' ? judged(spec, raw) : { kind: 'fault', reason: 'it is a text in quotes, not empty' }
    case 'number':
      return typeof raw === 'number' ? judged(spec, raw) : { kind: 'fault', reason: 'it is a number without quotes' }
    case 'boolean':
      return typeof raw === 'boolean' ? judged(spec, raw) : { kind: 'fault', reason: 'it is true or false, without quotes' }
  }
}

function judged(spec: ValueSpec, value: OptionValue): ValueOutcome {
  if (typeof value === 'number' && (!Number.isFinite(value) || Math.abs(value) > Number.MAX_SAFE_INTEGER))
    return notThis(spec, 'it is a number that can be counted exactly', value)
  if (spec.choices !== undefined) {
    const stranger = (typeof value === 'object' ? value : [String(value)]).find(member => spec.choices?.includes(member) === false)
    if (stranger !== undefined) return notThis(spec, `it is one of ${spec.choices.join(', ')}`, stranger)
  }
  const reason = spec.check?.(value)
  return reason === undefined ? { kind: 'value', value: freeze(value) } : notThis(spec, reason, value)
}

/** A reason that quotes something has said what is wrong already. */
function notThis(spec: ValueSpec & { readonly secret?: boolean }, reason: string, value: OptionValue): ValueOutcome {
  return {
    kind: 'fault',
    reason: spec.secret === true ? reason : reason.includes('"') ? reason : `${reason}, not "${String(value).slice(0, 64)}"`,
  }
}

function freeze(value: OptionValue): OptionValue {
  return typeof value === 'object' ? Object.freeze([...value]) : value
}

function isTextList(raw: unknown): raw is string[] {
  return Array.isArray(raw) && raw.every(member => typeof member === 'string')
}
