// The command line's flags and positionals as text, by Node's own parser; their help, by yargs, which only help loads.
// Not their values: config-value.ts reads those, and config.ts puts flags above the other sources.
// Invariant: whatever was typed is either understood whole or refused with one sentence that names it.

import { type ParseArgsConfig, parseArgs } from 'node:util'
import { EvaError } from '@evastream/core/errors'
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

/**
 * @param positionals names of the words that are no flags, in order; one that ends in `?` may be left out, a last one that ends in `...`
 * takes every further word, or none
 * @throws EvaError `EVA_USAGE`
 */
export function readFlags(table: FlagTable, argv: readonly string[], positionals: readonly string[]): TypedFlags {
  refuseOddWords(table, argv)
  const { tokens } = parseArgs({ args: [...argv], options: parserOptions(table), strict: false, allowPositionals: true, tokens: true })
  const flags = new Map<string, string>()
  const words: string[] = []
  for (const token of tokens) {
    if (token.kind === 'positional') words.push(token.value)
    if (token.kind !== 'option') continue
    const isNegation = token.name.startsWith('no-') && !Object.hasOwn(table, token.name)
    const key = isNegation ? token.name.slice('no-'.length) : token.name
    const spec = Object.hasOwn(table, key) ? table[key] : undefined
    if (spec === undefined) throw unknownFlag(key, table, argv)
    const text = spec.type === 'boolean' ? String(token.value ?? !isNegation) : givenText(key, spec, { ...token, isNegation })
    const before = flags.get(key)
    if (before !== undefined && spec.type !== 'list') throw repeated(key)
    flags.set(key, before === undefined ? text : `${before},${text}`)
  }
  return { flags, ...takePositionals(words, positionals) }
}

/** The help text of a verb, as wide as the terminal. */
export async function describeFlags(table: FlagTable, usage: string): Promise<string> {
  const { default: makeYargs } = await import('yargs')
  const parser = makeYargs([]).parserConfiguration({ 'dot-notation': false, 'camel-case-expansion': false })
  parser.detectLocale(false).help(false).version(false).exitProcess(false)
  for (const [key, { type, describe, alias }] of Object.entries(table))
    parser.option(key, { type: type === 'boolean' ? 'boolean' : 'string', describe, ...(alias === undefined ? {} : { alias }) })
  return await parser.usage(usage).getHelp()
}

function parserOptions(table: FlagTable): NonNullable<ParseArgsConfig['options']> {
  return Object.fromEntries(
    Object.entries(table).map(([key, { type, alias }]) => [
      key,
      { type: type === 'boolean' ? ('boolean' as const) : ('string' as const), ...(alias === undefined ? {} : { short: alias }) },
    ]),
  )
}

interface ReadToken {
  readonly rawName: string
  readonly value: string | undefined
  readonly inlineValue: boolean | undefined
  readonly isNegation: boolean
}

/** A word that looks like a flag is no value unless it stands right behind an equals sign; a negative number is one. */
function givenText(key: string, spec: FlagSpec, { rawName, value, inlineValue, isNegation }: ReadToken): string {
  if (isNegation) throw usage(`The flag --no-${key} is not known; --${key} takes a value`)
  const isAlias = !rawName.startsWith('--')
  const text = isAlias && inlineValue === true ? value?.replace(/^=/, '') : value
  if (text !== undefined && text !== '' && (inlineValue === true || !/^-[^\d.]/.test(text))) return text
  throw usage(`The flag --${key} needs a value; write --${key}=${spec.choices?.[0] ?? 'VALUE'}`)
}

/** What the parser would pass over in silence: `--json=maybe`, the second `--json`, a flag that nobody knows. */
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
  // Of `-port` the parser makes -p -o -r -t: the word that was typed says more.
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
