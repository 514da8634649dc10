// `evastream config <verb>`: every setting, its value and where the value came from.
// Not a validator of its own: it loads the settings just as the verb would.
// Invariant: a secret is told as given or not, never shown.

import type { LoadedConfig, OptionTable } from '@evastream/service-kit/config'
import type { OptionValue } from '@evastream/service-kit/config-value'
import { OPERATOR_TOKEN_VARIABLE } from '@evastream/service-kit/operator-token'
import Table from 'cli-table3'
import { NO_LINES_BETWEEN_ROWS } from './table-style.ts'

interface Row {
  readonly key: string
  readonly value: OptionValue | null
  readonly from: string
}

export function configListing(options: OptionTable, { values, origins }: LoadedConfig<OptionTable>, env: NodeJS.ProcessEnv): Row[] {
  return Object.entries(options).map(([key, { secret }]) => {
    const value = values[key]
    // The one setting with a variable of its own name, which stands below the flag as any other.
    if (key === 'token' && value === undefined && env[OPERATOR_TOKEN_VARIABLE]) return { key, value: '(secret)', from: 'environment' }
    return { key, value: secret === true && value !== undefined ? '(secret)' : (value ?? null), from: origins[key] ?? 'default' }
  })
}

export function renderConfigListing(rows: readonly Row[]): string {
  const table = new Table({ head: ['setting', 'value', 'from'], style: { head: [], border: [] }, chars: NO_LINES_BETWEEN_ROWS })
  for (const { key, value, from } of rows) table.push([key, value === null ? '(not set)' : String(value), from])
  return `${table.toString()}\n`
}
