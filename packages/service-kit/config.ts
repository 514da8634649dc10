// Where settings come from: flags over environment over --config file over defaults, each value with its origin.
// Not the options themselves: every app lists its own in its config.ts, from commonOptions on.
// Invariant: what is returned was declared, checked, and is frozen; an unknown name is an error with a suggestion.

import { EvaError } from '@evastream/core/errors'
import { readConfigFile } from './config-file.ts'
import { type FlagSpec, readFlags } from './config-flags.ts'
import { type OptionValue, type ValueOutcome, type ValueSpec, valueFromFile, valueFromText } from './config-value.ts'
import { LOG_LEVELS } from './logger.ts'
import { nearestName } from './near-name.ts'

export interface OptionSpec extends FlagSpec, ValueSpec {
  readonly type: 'string' | 'number' | 'boolean' | 'list'
  readonly choices?: readonly string[]
  /** A boolean without one is false, a list without one is empty, anything else without one is undefined. */
  readonly default?: OptionValue
  /** There is no default and no doing without. */
  readonly required?: boolean
  /** Never shown: neither by `evastream config` nor in an error. */
  readonly secret?: boolean
}

export type OptionTable = Readonly<Record<string, OptionSpec>>

type TextOf<S> = S extends { readonly choices: readonly (infer Choice)[] } ? Choice : string
type Absent<S> = S extends { readonly default: OptionValue } | { readonly required: true } ? never : undefined

/** The value of each option of a table, by its name as declared: `values['peer.id']`. */
export type ConfigValues<T extends OptionTable> = {
  readonly [K in keyof T]: T[K] extends { readonly type: 'list' }
    ? readonly string[]
    : T[K] extends { readonly type: 'boolean' }
      ? boolean
      : T[K] extends { readonly type: 'number' }
        ? number | Absent<T[K]>
        : TextOf<T[K]> | Absent<T[K]>
}

export type ConfigOrigin = 'flag' | 'environment' | 'file' | 'default'

export interface LoadedConfig<T extends OptionTable> {
  readonly values: ConfigValues<T>
  readonly origins: Readonly<Record<keyof T, ConfigOrigin>>
  /** The words that are no flags, by the names asked for. */
  readonly positionals: Readonly<Record<string, string>>
  /** The words taken by a positional that ends in `...`, in order. */
  readonly rest: readonly string[]
}

export interface ConfigSources {
  /** The words after the verb. */
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly verb?: string
  /** Names of positional words; one that ends in `?` may be left out, a last one that ends in `...` takes every further word. */
  readonly positionals?: readonly string[]
  /** The tables of the other verbs: their keys may stand in a shared file or environment, and are passed over. */
  readonly otherTables?: readonly OptionTable[]
}

const VARIABLE_PREFIX = 'EVASTREAM_'

/** The options of every service. */
export const commonOptions = {
  host: { type: 'string', default: '127.0.0.1', describe: 'The address to listen on' },
  json: { type: 'boolean', default: false, describe: 'One JSON line on stdout when ready, then the log as NDJSON' },
  config: { type: 'string', describe: 'A TOML or JSON file with settings' },
  'log.level': { type: 'string', choices: LOG_LEVELS, default: 'info', describe: 'How much to log' },
} as const satisfies OptionTable

/** @throws EvaError `EVA_USAGE` for what was typed, `EVA_CONFIG_INVALID` for what stands in the environment or the file */
export function loadConfig<const T extends OptionTable>(table: T, sources: ConfigSources): LoadedConfig<T> {
  const { flags, positionals, rest } = readFlags(table, sources.argv, sources.positionals ?? [])
  const variables = new Map(Object.keys(table).map(key => [variableOf(key), key]))
  const path = flags.get('config') ?? (Object.hasOwn(table, 'config') ? setVariable(sources.env, variableOf('config')) : undefined)
  const file = path === undefined ? new Map<string, unknown>() : readConfigFile(path)
  refuseUnknownKeys(file, table, sources)
  refuseMisspeltVariables(sources.env, variables, sources.otherTables ?? [])

  const values: Record<string, OptionValue | undefined> = {}
  const origins: Record<string, ConfigOrigin> = {}
  for (const [key, spec] of Object.entries(table)) {
    const found = findValue(key, spec, { flags, env: sources.env, file, path: path ?? '' })
    if (found === undefined && spec.required === true) throw usage(`The flag --${key} is missing; write --${key}=VALUE.`)
    values[key] = found?.value ?? defaultOf(spec)
    origins[key] = found?.origin ?? 'default'
  }
  return Object.freeze({
    values: Object.freeze(values) as ConfigValues<T>,
    origins: Object.freeze(origins) as Readonly<Record<keyof T, ConfigOrigin>>,
    positionals,
    rest,
  })
}

/** The environment's name of an option: `peer.maxUploads` → `EVASTREAM_PEER__MAXUPLOADS`, `token-file` → `EVASTREAM_TOKEN_FILE`. */
export function variableOf(key: string): string {
  return `EVASTREAM_${key.replaceAll('.', '__').replaceAll('-', '_').toUpperCase()}`
}

interface Found {
  readonly value: OptionValue
  readonly origin: ConfigOrigin
}

interface Layers {
  readonly flags: ReadonlyMap<string, string>
  readonly env: ConfigSources['env']
  readonly file: ReadonlyMap<string, unknown>
  readonly path: string
}

function findValue(key: string, spec: OptionSpec, { flags, env, file, path }: Layers): Found | undefined {
  const flag = flags.get(key)
  if (flag !== undefined) return found('flag', valueFromText(spec, flag), reason => usage(`The flag --${key} is not valid: ${reason}.`))
  const variable = variableOf(key)
  const text = setVariable(env, variable)
  if (text !== undefined) return found('environment', valueFromText(spec, text), reason => invalid(variable, reason))
  if (file.has(key)) return found('file', valueFromFile(spec, file.get(key)), reason => invalid(`"${key}" in ${path}`, reason))
  return undefined
}

function found(origin: ConfigOrigin, outcome: ValueOutcome, errorOf: (reason: string) => EvaError): Found {
  if (outcome.kind === 'fault') throw errorOf(outcome.reason)
  return { value: outcome.value, origin }
}

function defaultOf(spec: OptionSpec): OptionValue | undefined {
  if (spec.default !== undefined) return spec.default
  if (spec.type === 'boolean') return false
  return spec.type === 'list' ? Object.freeze([]) : undefined
}

/** An empty variable is how shells and compose files say "not set". */
function setVariable(env: ConfigSources['env'], variable: string): string | undefined {
  const text = env[variable]
  return text === '' ? undefined : text
}

function refuseUnknownKeys(file: ReadonlyMap<string, unknown>, table: OptionTable, { otherTables = [] }: ConfigSources): void {
  for (const key of file.keys()) {
    if ([table, ...otherTables].some(known => Object.hasOwn(known, key))) continue
    const near = nearestName(key, Object.keys(table))
    throw invalid(`"${key.slice(0, 64)}"`, `it is not known${near === undefined ? '' : ` (did you mean "${near}"?)`}`)
  }
}

/** A variable that resembles none of ours may well belong to somebody else's program. */
function refuseMisspeltVariables(
  env: ConfigSources['env'],
  variables: ReadonlyMap<string, string>,
  otherTables: readonly OptionTable[],
): void {
  const known = new Set([...variables.keys(), 'EVASTREAM_ADMIN_TOKEN', ...otherTables.flatMap(table => Object.keys(table).map(variableOf))])
  const names = [...variables.keys()].map(variable => variable.slice(VARIABLE_PREFIX.length))
  for (const name of Object.keys(env).sort()) {
    if (!name.startsWith(VARIABLE_PREFIX) || known.has(name)) continue
    const near = nearestName(name.slice(VARIABLE_PREFIX.length), names)
    if (near !== undefined) throw invalid(name, `it is not known; did you mean ${VARIABLE_PREFIX}${near}?`)
  }
}

function usage(reason: string): EvaError {
  return new EvaError('EVA_USAGE', { details: { reason } })
}

function invalid(key: string, reason: string): EvaError {
  return new EvaError('EVA_CONFIG_INVALID', { details: { key, reason } })
}
