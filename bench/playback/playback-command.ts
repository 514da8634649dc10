// The bench's door: reads arguments, has the scenarios measured, prints the table, and keeps the results of a whole run.
// Not the measuring (measurement-sources.ts) and not the process (main.ts).
// Invariant: answers 0 only if every promised bar is met, 1 if one is missed (a missed goal of our own is shown, not answered), 2 if the arguments make no sense; a partial or
// failed run keeps no results.

import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { EvaError, toEvaError } from '@evastream/core/errors'
import { isPlaybackWorldName, PLAYBACK_WORLDS, type PlaybackWorldName } from '@evastream/simulator/worlds/playback-worlds'
import type { MeasurementSource } from './measurement-source.ts'
import { MEASUREMENT_SOURCES } from './measurement-sources.ts'
import { comparisonsOf } from './playback-comparison.ts'
import { missesOf, type PlaybackMeasurement } from './playback-measurement.ts'
import { playbackPlot } from './playback-plot.ts'
import { PLAYBACK_SCENARIOS } from './playback-scenarios.ts'
import { barWords, playbackTable, type TableLine } from './playback-table.ts'
import type { Seeds } from './simulated-playback.ts'

const NAMES = Object.keys(PLAYBACK_WORLDS).filter(isPlaybackWorldName)

const USAGE = `Measures how soon music starts and whether it stalls, in simulated swarms of the production Scheduler.

  npm run bench:playback                         all scenarios; keeps bench/results/playback.json and .svg
  npm run bench:playback -- --scenario NAME      one of them (may be given more than once):
${NAMES.map(name => `      ${name.padEnd(14)} ${PLAYBACK_WORLDS[name].about}`).join('\n')}
  npm run bench:playback -- --seeds N --seed M   N seeds of each, beginning at M
  npm run bench:playback -- --json               the measurements as JSON on standard output
`

export interface BenchIo {
  readonly stdout: (text: string) => void
  readonly stderr: (text: string) => void
  readonly resultsDirectory: string
  /** Other sources than the usual ones, to test the command. */
  readonly sources?: readonly MeasurementSource[]
}

interface BenchArguments {
  readonly scenarios: readonly PlaybackWorldName[]
  readonly seeds: Seeds
  readonly json: boolean
  readonly help: boolean
  /** Everything was asked for with its own number of seeds. */
  readonly isWhole: boolean
}

/** Runs the command. @returns the exit code. */
export async function playbackCommand(argv: readonly string[], io: BenchIo): Promise<number> {
  try {
    const given = parseArguments(argv)
    if (given.help) {
      io.stdout(USAGE)
      return 0
    }
    const { lines, failureCount } = await measureAll(given, io)
    const results = resultsOf(lines)
    io.stdout(given.json ? `${JSON.stringify(results, undefined, 2)}\n` : wordsOf(lines))
    if (given.isWhole && failureCount === 0) await keep(lines, io.resultsDirectory)
    const isKept = lines.every(({ measured, bar, isPromised }) => !isPromised || missesOf(measured, bar).length === 0)
    return failureCount === 0 && isKept ? 0 : 1
  } catch (thrown) {
    const error = toEvaError(thrown)
    io.stderr(error.code === 'EVA_USAGE' ? `${error.message}\n\n${USAGE}` : `${error.stack}\n`)
    return error.code === 'EVA_USAGE' ? 2 : 1
  }
}

async function measureAll({ scenarios, seeds }: BenchArguments, io: BenchIo): Promise<{ lines: TableLine[]; failureCount: number }> {
  const lines: TableLine[] = []
  let failureCount = 0
  const able: MeasurementSource[] = []
  for (const source of io.sources ?? MEASUREMENT_SOURCES) {
    const obstacle = await source.obstacle()
    if (obstacle === undefined) able.push(source)
    else io.stderr(`not measured: ${source.setting}: ${obstacle}\n`)
  }
  for (const scenario of scenarios) {
    for (const source of able) {
      const measured = await source.measure(scenario, seeds).catch(toEvaError)
      if (measured === undefined) continue
      if (measured instanceof EvaError) {
        failureCount++
        io.stderr(`FAILED: ${scenario}, ${source.setting}: ${reasonOf(measured)}\n`)
        continue
      }
      lines.push({ measured, bar: PLAYBACK_SCENARIOS[scenario].bar, isPromised: PLAYBACK_SCENARIOS[scenario].isPromised })
      io.stderr(`measured: ${scenario}, ${source.setting}\n`)
    }
  }
  return { lines, failureCount }
}

/** The whole chain of causes: what failed is often a process far away. */
function reasonOf(error: EvaError): string {
  const details = Object.keys(error.details).length === 0 ? '' : ` ${JSON.stringify(error.details)}`
  const cause = error.cause instanceof Error ? `\n  because ${error.cause.stack ?? error.cause.message}` : ''
  return `${error.message}${details}${cause}`
}

function wordsOf(lines: readonly TableLine[]): string {
  const comparisons = comparisonsOf(lines.map(({ measured }) => measured))
  return `${[playbackTable(lines), ...comparisons].join('\n')}\n`
}

function resultsOf(lines: readonly TableLine[]): (PlaybackMeasurement & { readonly heldTo: string; readonly misses: string[] })[] {
  return lines.map(({ measured, bar }) => ({ ...measured, heldTo: barWords(bar), misses: missesOf(measured, bar) }))
}

async function keep(lines: readonly TableLine[], directory: string): Promise<void> {
  await mkdir(directory, { recursive: true })
  const results = { madeBy: 'npm run bench:playback', measurements: resultsOf(lines) }
  await writeFile(join(directory, 'playback.json'), `${JSON.stringify(results, undefined, 2)}\n`)
  await writeFile(join(directory, 'playback.svg'), playbackPlot(lines))
}

function parseArguments(argv: readonly string[]): BenchArguments {
  const values = parseStrictly(argv)
  const names = values.scenario ?? []
  for (const name of names) if (!isPlaybackWorldName(name)) throw usage(`There is no scenario "${name}".`)
  const count = values.seeds === undefined ? undefined : wholeNumber('--seeds', values.seeds)
  const first = wholeNumber('--seed', values.seed ?? '1')
  return {
    scenarios: names.length === 0 ? NAMES : names.filter(isPlaybackWorldName),
    seeds: { first, count },
    json: values.json === true,
    help: values.help === true,
    isWhole: names.length === 0 && values.seeds === undefined && values.seed === undefined,
  }
}

function parseStrictly(argv: readonly string[]) {
  const options = {
    scenario: { type: 'string', multiple: true },
    seeds: { type: 'string' },
    seed: { type: 'string' },
    json: { type: 'boolean' },
    help: { type: 'boolean' },
  } as const
  try {
    return parseArgs({ args: [...argv], options, strict: true }).values
  } catch (thrown) {
    throw usage(thrown instanceof Error ? thrown.message : String(thrown))
  }
}

function wholeNumber(flag: string, text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isSafeInteger(value) || value < 1) throw usage(`${flag} takes a whole number from 1, not "${text}".`)
  return value
}

function usage(reason: string): EvaError {
  return new EvaError('EVA_USAGE', { details: { reason } })
}
