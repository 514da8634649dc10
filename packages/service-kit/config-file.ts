// Reading a --config file: TOML or JSON, as dotted keys.
// Not what the keys mean: config.ts compares them with a table of options.
// Invariant: nested tables and dotted names give the same keys, each once.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { EvaError } from '@evastream/core/errors'
import { errnoOf } from './data-directories.ts'

/** @throws EvaError `EVA_CONFIG_INVALID` for a file that is missing, unreadable or malformed */
export function readConfigFile(path: string): ReadonlyMap<string, unknown> {
  const entries = new Map<string, unknown>()
  collect(parse(path, read(path)), '', entries, path)
  return entries
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw invalid('--config', `the file ${path} cannot be read (${errnoOf(cause)})`, cause)
  }
}

function parse(path: string, text: string): unknown {
  const isJson = path.endsWith('.json') || (!path.endsWith('.toml') && text.trimStart().startsWith('{'))
  try {
    return isJson ? JSON.parse(text) : parseToml(text)
  } catch (cause) {
    const firstLine = (cause instanceof Error ? cause.message : String(cause)).split('\n', 1)[0]
    throw invalid('--config', `the file ${path} is not ${isJson ? 'JSON' : 'TOML'} (${firstLine})`, cause)
  }
}

function collect(value: unknown, prefix: string, entries: Map<string, unknown>, path: string): void {
  if (!isTable(value)) throw invalid('--config', `the file ${path} does not hold a table of settings`)
  for (const [name, inner] of Object.entries(value)) {
    const key = prefix === '' ? name : `${prefix}.${name}`
    if (isTable(inner)) collect(inner, key, entries, path)
    else if (entries.has(key)) throw invalid(key, `the file ${path} gives it twice`)
    else entries.set(key, inner)
  }
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
}

function invalid(key: string, reason: string, cause?: unknown): EvaError {
  return new EvaError('EVA_CONFIG_INVALID', { details: { key, reason }, cause })
}

/** Loaded by those who give such a file. */
function parseToml(text: string): unknown {
  const { parse: parseText } = createRequire(import.meta.url)('smol-toml') as typeof import('smol-toml')
  return parseText(text)
}
