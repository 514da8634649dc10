// The umbrella bench's door: reads arguments, has the rows measured, prints one table, and keeps the results.
// Not the measuring (rows/, crowd/, against/) and not the process (main.ts).
// Invariant: answers 0 only if everything asked for was measured and every bar is met, 1 if not, 2 if the arguments make no sense;
// what could not be measured is named; a group that failed keeps its older results.

import { parseArgs } from 'node:util'
import { EvaError, toEvaError } from '@evastream/core/errors'
import type { CrowdSystem } from './against/crowd-system.ts'
import { type Comparison, comparisonTable, judgedAgainst, measureAgainst } from './against/side-by-side.ts'
import { type BenchRow, benchTable, isMet } from './bench-row.ts'
import type { CrowdRow } from './crowd/crowd-rows.ts'
import type { BenchResults } from './kept-results.ts'
import type { RowGroup } from './rows/row-groups.ts'

export interface BenchIo {
  readonly stdout: (text: string) => void
  readonly stderr: (text: string) => void
  readonly groups: readonly RowGroup[]
  readonly results: BenchResults
  readonly crowds: readonly CrowdRow[]
  /** The first is EvaStream. */
  readonly systems: readonly CrowdSystem[]
}

interface BenchArguments {
  readonly names: readonly string[]
  readonly against: readonly string[] | undefined
  readonly runCount: number
  readonly isJson: boolean
  readonly isHelp: boolean
}

const RUN_COUNT = 3

/** Runs the command. @returns the exit code. */
export async function benchCommand(argv: readonly string[], io: BenchIo): Promise<number> {
  try {
    const given = parseArguments(argv, io)
    if (given.isHelp) {
      io.stdout(usageOf(io))
      return 0
    }
    return given.against === undefined ? await measureRows(given, io) : await compare(given, given.against, io)
  } catch (thrown) {
    const error = toEvaError(thrown)
    io.stderr(error.code === 'EVA_USAGE' ? `${error.message}\n\n${usageOf(io)}` : `${error.stack}\n`)
    return error.code === 'EVA_USAGE' ? 2 : 1
  }
}

async function measureRows({ names, runCount, isJson }: BenchArguments, io: BenchIo): Promise<number> {
  const rows: BenchRow[] = []
  let missingCount = 0
  for (const group of io.groups.filter(({ name }) => names.length === 0 || names.includes(name))) {
    const obstacle = await group.obstacle()
    const measured = obstacle ?? (await group.measure(runCount).catch(toEvaError))
    if (typeof measured === 'string' || measured instanceof EvaError) {
      missingCount++
      io.stderr(`NOT MEASURED: ${group.name}: ${typeof measured === 'string' ? measured : reasonOf(measured)}\n`)
      continue
    }
    io.stderr(`measured: ${group.name}\n`)
    rows.push(...measured)
    await io.results.keepRows({ name: group.name, runCount, rows: measured })
  }
  io.stdout(isJson ? `${JSON.stringify(rows, undefined, 2)}\n` : `${benchTable(rows)}\n`)
  return missingCount === 0 && rows.every(isMet) ? 0 : 1
}

async function compare({ names, runCount, isJson }: BenchArguments, against: readonly string[], io: BenchIo): Promise<number> {
  const systems: CrowdSystem[] = []
  for (const system of io.systems.filter(({ name }, index) => index === 0 || against.includes(name))) {
    const obstacle = await system.obstacle()
    if (obstacle === undefined) systems.push(system)
    else io.stderr(`NOT MEASURED: ${system.name}: ${obstacle}\n`)
  }
  const all: Comparison[] = []
  const judged: BenchRow[] = []
  for (const crowd of io.crowds.filter(({ name }) => names.length === 0 || names.includes(name))) {
    const compared = await measureAgainst({ crowd, systems, runCount, tell: line => io.stderr(`${line}\n`) })
    all.push(...compared)
    judged.push(...judgedAgainst(crowd, compared))
    await io.results.keepComparison(crowd.name, runCount, compared)
  }
  io.stdout(isJson ? `${JSON.stringify(all, undefined, 2)}\n` : `${comparisonTable(all)}\n`)
  if (judged.length > 0) (isJson ? io.stderr : io.stdout)(`\n${benchTable(judged)}\n`)
  return judged.every(isMet) && systems.length === against.length + 1 && all.every(({ obstacle }) => obstacle === undefined) ? 0 : 1
}

/** The whole chain of causes: what failed is often a process far away. */
function reasonOf(error: EvaError): string {
  const details = Object.keys(error.details).length === 0 ? '' : ` ${JSON.stringify(error.details)}`
  return `${error.message}${details}${error.cause instanceof Error ? `\n  because ${error.cause.stack}` : ''}`
}

function parseArguments(argv: readonly string[], { groups, crowds, systems }: BenchIo): BenchArguments {
  const values = parseStrictly(argv)
  const against = values.against?.split(',')
  const names = values.rows?.split(',') ?? []
  const known = against === undefined ? groups : crowds
  for (const name of names) if (!known.some(each => each.name === name)) throw usage(`There is no row "${name}".`)
  for (const name of against ?? []) if (!systems.slice(1).some(each => each.name === name)) throw usage(`There is no system "${name}".`)
  const runCount = Number(values.runs ?? RUN_COUNT)
  if (!Number.isSafeInteger(runCount) || runCount < 1) throw usage(`--runs takes a whole number from 1, not "${values.runs}".`)
  return { names, against, runCount, isJson: values.json === true, isHelp: values.help === true }
}

function parseStrictly(argv: readonly string[]) {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  try {
    return parseArgs({ args: [...argv], options: { rows: text, runs: text, against: text, json: flag, help: flag } }).values
  } catch (thrown) {
    throw usage(thrown instanceof Error ? thrown.message : String(thrown))
  }
}

function usageOf({ groups, systems, crowds }: BenchIo): string {
  return `Measures a swarm's figures beside the bars they are held to. As root on Linux, for links of network namespaces.

  npm run bench                       all rows, medians of ${RUN_COUNT} runs
  npm run bench -- --rows NAME,…      some of them:
${groups.map(({ name, about }) => `      ${name.padEnd(16)} ${about}`).join('\n')}
  npm run bench -- --against NAME,…   crowds side by side with ${systems.slice(1).map(({ name }) => name)}; --rows of ${crowds.map(({ name }) => name)}
  --runs N, --json                    another number of runs; JSON on standard output

  What was measured is kept in bench/results/. The exit code is 1 when a bar is missed or something could not be measured.
`
}

function usage(reason: string): EvaError {
  return new EvaError('EVA_USAGE', { details: { reason } })
}
