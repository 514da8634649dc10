// The command line's entry: finds the verb, loads its settings, runs it, and turns any error into one message and an exit code.
// Not a verb: those are files under commands/.
// Invariant: exit code 0 for success, 1 for failure, 2 for usage; a service's verb ends the process itself.

import { EvaError } from '@evastream/core/errors'
import { type LoadedConfig, loadConfig, type OptionTable } from '@evastream/service-kit/config'
import { reportFailure } from '@evastream/service-kit/failure-report'
import { nearestName } from '@evastream/service-kit/near-name'
import { PROGRAM_VERSION } from '@evastream/service-kit/program-version'
import type { Command, CommandHost } from './command.ts'
import { overview, verbHelp } from './help.ts'
import { loadAllCommands, loadCommand, VERBS } from './verbs.ts'

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
    process.stderr.write(overview(await loadAllCommands(), process.stderr.isTTY))
    process.exitCode = EXIT_CODE_USAGE
  } else if (verb === 'version' || verb === '--version' || verb === '-v') printVersion(argv)
  else if (verb === 'help' || verb === '--help' || verb === '-h') await help(argv[0], argv[1])
  else if (verb === 'config') await listConfig(argv)
  else if (argv.includes('--help') || argv.includes('-h')) await help(verb)
  else await runVerb(await commandOf(verb))
}

async function runVerb(command: Command): Promise<void> {
  const config = await load(command, argv)
  const { stdout, stderr, stdin, env } = process
  const host: CommandHost = { stdout, stderr, stdin, env, signal: stop.signal }
  if (!command.isService) for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort(signal))
  const exitCode = await command.run(config, host)
  if (exitCode !== 0) process.exitCode = exitCode
}

async function help(name: string | undefined, word?: string): Promise<void> {
  if (word !== undefined) throw usage(`"${word.slice(0, 64)}" is not expected after help.`)
  if (name === undefined || BUILT_IN_VERBS.includes(name)) process.stdout.write(overview(await loadAllCommands(), process.stdout.isTTY))
  else process.stdout.write(await verbHelp(await commandOf(name)))
}

function printVersion([word]: readonly string[]): void {
  if (word !== undefined) throw usage(`"${word.slice(0, 64)}" is not expected after version.`)
  process.stdout.write(`${PROGRAM_VERSION}\n`)
}

/** Of one verb, with the flags it would be given; without one, of every verb. */
async function listConfig(words: readonly string[]): Promise<void> {
  const { configListing, renderConfigListing } = await import('./config-listing.ts')
  const [name, ...flags] = words
  const isJson = words.includes('--json')
  if (name !== undefined && !name.startsWith('-')) {
    const command = await commandOf(name)
    const rows = configListing(command.options, await load(command, flags), process.env)
    process.stdout.write(isJson ? `${JSON.stringify(rows)}\n` : renderConfigListing(rows))
    return
  }
  const stranger = words.find(word => word !== '--json')
  if (stranger !== undefined) throw usage(`The flag ${stranger.slice(0, 64)} needs its verb before it, as in "evastream config peer".`)
  const listings: Record<string, ReturnType<typeof configListing>> = {}
  for (const command of await loadAllCommands()) {
    const lenient = Object.fromEntries(Object.entries(command.options).map(([key, spec]) => [key, { ...spec, required: false }]))
    const config = await load(
      { ...command, options: lenient, positionals: command.positionals.map(word => word.replace(/\w$/, '$&?')) },
      [],
    )
    listings[command.verb] = configListing(command.options, config, process.env)
  }
  if (isJson) process.stdout.write(`${JSON.stringify(listings)}\n`)
  else for (const [verbName, rows] of Object.entries(listings)) process.stdout.write(`${verbName}\n${renderConfigListing(rows)}\n`)
}

async function load(command: Command, flags: readonly string[]): Promise<LoadedConfig<OptionTable>> {
  // The other verbs' options only matter to a file or an environment that is shared with them.
  const isShared = flags.some(flag => flag.startsWith('--config')) || Object.keys(process.env).some(name => name.startsWith('EVASTREAM_'))
  const others = isShared ? (await loadAllCommands()).filter(other => other !== command) : []
  const { verb: ownVerb, options, positionals } = command
  return loadConfig(options, { argv: flags, env: process.env, verb: ownVerb, positionals, otherTables: others.map(other => other.options) })
}

async function commandOf(name: string): Promise<Command> {
  const command = await loadCommand(name)
  if (command !== undefined) return command
  const near = nearestName(name, [...VERBS, ...BUILT_IN_VERBS])
  const hint = near === undefined ? '' : ` Did you mean "${near}"?`
  throw usage(`There is no verb "${name.slice(0, 64)}".${hint}`)
}

function usage(reason: string): EvaError {
  return new EvaError('EVA_USAGE', { details: { reason } })
}
