// The command line's flags and positionals as text, by yargs, with the traps of its parser closed.
// Not their values: config-value.ts reads those, and config.ts puts flags above the other sources.
// Invariant: whatever was typed is either understood whole or refused with one sentence that names it.

import { EvaError } from '@evastream/core/errors'
import makeYargs, { type Argv } from 'yargs'
import { nearestName } from './near-name.ts'

export interface FlagSpec {
  readonly type: 'string' | 'number' | 'boolean' | 'list'
  readonly describe: string
  readonly choices?: readonly string[]
  /** One letter: `i` for `-i`. */
  readonly alias?: string
}

type FlagTable = Readonly<Record<string, FlagSpec>>

export interface TypedFlags {
  /** Text as typed; of a boolean `true` or `false`; of a repeated list its members joined by commas. */
  readonly flags: ReadonlyMap<string, string>
  readonly positionals: Readonly<Record<string, string>>
  /** The words taken by a positional that ends in `...`, in order. */
  readonly rest: readonly string[]
}

const PARSER_SETTINGS = {
  'dot-notation': false,
  'camel-case-expansion': false,
  'parse-numbers': false,
  'parse-positional-numbers': false,
  'duplicate-arguments-array': true,
  'greedy-arrays': false,
  'boolean-negation': true,
  'short-option-groups': true,
  'populate--': true,
  'strip-aliased': true,
} as const

/**
 * @param positionals names of the words that are no flags, in order; one that ends in `?` may be left out, a last one that ends in `...`
 * takes every further word, or none
 * @throws EvaError `EVA_USAGE`
 */
export function readFlags(table: FlagTable, argv: readonly string[], positionals: readonly string[]): TypedFlags {
  refuseOddWords(table, argv)
  const parsed = parserOf(table).parseSync([...argv])
  const flags = new Map<string, string>()
  for (const [key, raw] of Object.entries(parsed as Record<string, unknown>)) {
    if (key === '_' || key === '--' || key === '$0' || raw === undefined) continue
    const spec = Object.hasOwn(table, key) ? table[key] : undefined
    if (spec === undefined) throw unknownFlag(key, table, argv)
    flags.set(key, textOf(key, spec, raw))
  }
  const words = [...((parsed._ ?? []) as unknown[]), ...((parsed['--'] ?? []) as unknown[])].map(String)
  return { flags, ...takePositionals(words, positionals) }
}

/** The help text of a verb, as wide as the terminal. */
export async function describeFlags(table: FlagTable, usage: string): Promise<string> {
  return await parserOf(table).usage(usage).getHelp()
}

function parserOf(table: FlagTable): Argv {
  const parser = makeYargs([])
    .parserConfiguration(PARSER_SETTINGS)
    .detectLocale(false)
    .help(false)
    .version(false)
    .exitProcess(false)
    .fail(false)
    .showHelpOnFail(false)
  for (const [key, { type, describe, alias }] of Object.entries(table)) {
    // Everything but a boolean is text to yargs: numbers are ours to read, and lists must not swallow what follows.
    parser.option(key, { type: type === 'boolean' ? 'boolean' : 'string', describe, ...(alias === undefined ? {} : { alias }) })
  }
  return parser
}

function textOf(key: string, spec: FlagSpec, raw: unknown): string {
  if (Array.isArray(raw) && spec.type !== 'list') throw repeated(key)
  if (typeof raw === 'boolean' && spec.type !== 'boolean') throw usage(`The flag --no-${key} is not known; --${key} takes a value`)
  const texts = (Array.isArray(raw) ? raw : [raw]).map(String)
  if (texts.includes('')) {
    const example = spec.choices?.[0] ?? 'VALUE'
    throw usage(`The flag --${key} needs a value; write --${key}=${example}`)
  }
  return texts.join(',')
}

/** What yargs would pass over in silence (`--json=maybe` is false to it, the second `--json` nothing) or break on. */
function refuseOddWords(table: FlagTable, argv: readonly string[]): void {
  const seen = new Set<string>()
  for (const word of argv) {
    if (word === '--') return
    const [, typed = '', text] = /^--([^=]+)(?:=(.*))?$/s.exec(word) ?? []
    if (typed === '') continue
    const key = typed.startsWith('no-') && !Object.hasOwn(table, typed) ? typed.slice('no-'.length) : typed
    const spec = Object.hasOwn(table, key) ? table[key] : undefined
    if (spec === undefined) throw unknownFlag(typed, table, argv)
    if (seen.has(key) && spec.type !== 'list') throw repeated(key)
    seen.add(key)
    if (spec.type === 'boolean' && text !== undefined && text !== 'true' && text !== 'false')
      throw usage(`The flag --${key} is true or false, not "${text.slice(0, 64)}"; write --${key} alone, or leave it out`)
  }
}

function repeated(key: string): EvaError {
  return usage(`The flag --${key} is given more than once; give it once`)
}

function unknownFlag(key: string, table: FlagTable, argv: readonly string[]): EvaError {
  // Of `-port` yargs makes -p -o -r -t: the word that was typed says more.
  const typed = key.length === 1 ? argv.find(word => /^-[^-]/.test(word) && word.includes(key)) : undefined
  const name = typed ?? (key.length === 1 ? `-${key}` : `--${key}`)
  const near = nearestName(name.replace(/^-+/, '').split('=', 1)[0] ?? '', Object.keys(table))
  return usage(`The flag ${name.slice(0, 64)} is not known${near === undefined ? '' : `; did you mean --${near}?`}`)
}

function takePositionals(words: readonly string[], declaredNames: readonly string[]): Pick<TypedFlags, 'positionals' | 'rest'> {
  const names = declaredNames.filter(name => !name.endsWith('...'))
  const taken: Record<string, string> = {}
  names.forEach((declared, index) => {
    const name = declared.replace(/\?$/, '')
    const word = words[index]
    if (word !== undefined && word !== '') taken[name] = word
    else if (name === declared) throw usage(`The argument ${name} is missing; write it after the command`)
  })
  const rest = words.slice(names.length)
  if (names.length === declaredNames.length && rest[0] !== undefined)
    throw usage(`The argument "${rest[0].slice(0, 64)}" is not expected; flags begin with --`)
  return { positionals: Object.freeze(taken), rest: Object.freeze(rest) }
}

function usage(sentence: string): EvaError {
  return new EvaError('EVA_USAGE', { details: { reason: /[.?!]$/.test(sentence) ? sentence : `${sentence}.` } })
}
