// The command line's entry: finds the verb, loads its settings, runs it, and turns any error into one message and an exit code.
// Not a verb: those are files under commands/.
// Invariant: exit code 0 for success, 1 for failure, 2 for usage; a service's verb ends the process itself.

import { EvaError } from '@evastream/core/errors'
import { loadConfig } from '@evastream/service-kit/config'
import { reportFailure } from '@evastream/service-kit/failure-report'
import { nearestName } from '@evastream/service-kit/near-name'
import { PROGRAM_VERSION } from '@evastream/service-kit/program-version'
import type { Command, CommandHost } from './command.ts'
import { configListing, renderConfigListing } from './config-listing.ts'
import { overview, verbHelp } from './help.ts'
import { COMMANDS } from './verbs.ts'

const EXIT_CODE_USAGE = 2
const BUILT_IN_VERBS = ['config', 'version', 'help']

const stop = new AbortController()
const [verb = '', ...argv] = process.argv.slice(2)

try {
  await dispatch()
} catch (thrown) {
  const { text, exitCode } = reportFailure(thrown, `evastream ${verb}`.trimEnd())
  process.stderr.write(text)
  process.exitCode = exitCode
}

async function dispatch(): Promise<void> {
  if (verb === '') {
    process.stderr.write(overview(COMMANDS, process.stderr.isTTY))
    process.exitCode = EXIT_CODE_USAGE
  } else if (verb === 'version' || verb === '--version' || verb === '-v') process.stdout.write(`${PROGRAM_VERSION}\n`)
  else if (verb === 'help' || verb === '--help' || verb === '-h') await help(argv[0])
  else if (verb === 'config') listConfig(argv)
  else if (argv.includes('--help') || argv.includes('-h')) await help(verb)
  else await runVerb(commandOf(verb))
}

async function runVerb(command: Command): Promise<void> {
  const config = loadConfig(command.options, sourcesFor(command, argv))
  const host: CommandHost = { stdout: process.stdout, stderr: process.stderr, env: process.env, signal: stop.signal }
  if (!command.isService) for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort(signal))
  const exitCode = await command.run(config, host)
  if (exitCode !== 0) process.exitCode = exitCode
}

async function help(name: string | undefined): Promise<void> {
  if (name === undefined || BUILT_IN_VERBS.includes(name)) process.stdout.write(overview(COMMANDS, process.stdout.isTTY))
  else process.stdout.write(await verbHelp(commandOf(name)))
}

function listConfig([name = '', ...flags]: readonly string[]): void {
  const command = commandOf(name)
  const rows = configListing(command.options, loadConfig(command.options, sourcesFor(command, flags)))
  process.stdout.write(flags.includes('--json') ? `${JSON.stringify(rows)}\n` : renderConfigListing(rows))
}

function sourcesFor(command: Command, flags: readonly string[]): Parameters<typeof loadConfig>[1] {
  const otherTables = COMMANDS.filter(other => other !== command).map(({ options }) => options)
  return { argv: flags, env: process.env, verb: command.verb, positionals: command.positionals, otherTables }
}

function commandOf(name: string): Command {
  const command = COMMANDS.find(candidate => candidate.verb === name)
  if (command !== undefined) return command
  const near = nearestName(name, [...COMMANDS.map(candidate => candidate.verb), ...BUILT_IN_VERBS])
  const hint = near === undefined ? '' : ` Did you mean "${near}"?`
  throw new EvaError('EVA_USAGE', { details: { reason: name === '' ? 'Which verb?' : `There is no verb "${name.slice(0, 64)}".${hint}` } })
}
