// The words of `evastream help`: the list of verbs, and one verb with its flags.
// Not the flags' meaning: every option describes itself in its own table.
// Invariant: data on stdout when asked for; the same text on stderr when somebody typed nothing.

import { styleText } from 'node:util'
import { type OptionTable, variableOf } from '@evastream/service-kit/config'
import { describeFlags } from '@evastream/service-kit/config-flags'
import { PROGRAM_VERSION } from '@evastream/service-kit/program-version'
import type { Command } from './command.ts'

const OTHER_VERBS: readonly (readonly [string, string])[] = [
  ['config', 'print every setting of a verb and where it came from'],
  ['version', 'print the version'],
  ['help', 'print this, or the flags of one verb: evastream help peer'],
]

export function overview(commands: readonly Command[], hasColour: boolean): string {
  const strong = (text: string): string => (hasColour ? styleText('bold', text, { validateStream: false }) : text)
  const rows = [...commands.map(({ verb, summary }) => [verb, summary] as const), ...OTHER_VERBS]
  const width = Math.max(...rows.map(([verb]) => verb.length))
  return [
    `${strong('evastream')} ${PROGRAM_VERSION}: self-hosted music streaming in which listeners carry the load`,
    '',
    `${strong('Usage:')} evastream <verb> [flags]`,
    '',
    ...rows.map(([verb, summary]) => `  ${strong(verb.padEnd(width))}  ${summary}`),
    '',
    strong('On one machine, with nothing typed twice:'),
    ...commands.filter(({ verb }) => verb !== 'demo').map(({ example }) => `  ${example}`),
    '',
    'Flags stand above environment variables (EVASTREAM_PEER__PORT), these above --config FILE, and that above defaults.',
    '',
  ].join('\n')
}

export async function verbHelp({ verb, summary, example, options, positionals }: Command): Promise<string> {
  const words = positionals.map(name => (/[?.]$/.test(name) ? ` [${name.replace('?', '')}]` : ` <${name}>`)).join('')
  const usage = `evastream ${verb}${words} [flags]\n\n${summary[0]?.toUpperCase() ?? ''}${summary.slice(1)}.\n\n  ${example}`
  return `${await describeFlags(withDefaults(options), usage)}\n`
}

function withDefaults(options: OptionTable): OptionTable {
  return Object.fromEntries(
    Object.entries(options).map(([key, spec]) => {
      const notes = [
        ...(spec.choices === undefined ? [] : [spec.choices.join(', ')]),
        ...(spec.default === undefined || spec.default === false || spec.default === '' ? [] : [`default ${String(spec.default)}`]),
        ...(spec.required === true ? ['required'] : []),
        variableOf(key),
      ]
      return [key, { ...spec, describe: `${spec.describe} [${notes.join('; ')}]` }]
    }),
  )
}
