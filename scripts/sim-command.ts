// The simulator's door: reads arguments, plays seeds and tells in words what came of them.
// Not the simulator (packages/simulator, which is pure) and not the process (scripts/sim.ts).
// Invariant: answers 0 only if every seed was good, 1 if one was not, 2 if the arguments make no sense.

import { writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { EvaError, toEvaError } from '@evastream/core/errors'
import { summaryLine, summaryOf } from '@evastream/simulator/run-summary'
import { type Outcome, type SimulationOptions, simulate } from '@evastream/simulator/simulation'
import { isStoryName, STORIES, type StoryName } from '@evastream/simulator/stories'
import { Trace } from '@evastream/simulator/trace'

const USAGE = `Plays simulated worlds through the production Scheduler, on virtual time.

  npm run sim -- --seed 7               one world, told in words
  npm run sim -- --seed 7 --trace FILE  and its every step as JSON lines (- for standard output)
  npm run sim -- --seeds 1..1000        many worlds, a line each
  npm run sim -- --count 1000           the same; with --seed N it begins at N
  npm run sim -- --story NAME           a world with a point, instead of one by chance:
${Object.keys(STORIES)
  .map(name => `                                          ${name}`)
  .join('\n')}
`

export interface SimIo {
  readonly stdout: (text: string) => void
  readonly stderr: (text: string) => void
  /** Another player of worlds, to test what is said of bad ones. */
  readonly play?: (options: SimulationOptions) => Outcome
}

interface SimArguments {
  readonly first: number
  readonly last: number
  readonly tracePath: string | undefined
  readonly story: StoryName | undefined
}

/** Runs the command. @returns the exit code. */
export async function simCommand(argv: readonly string[], io: SimIo): Promise<number> {
  try {
    const parsed = parseArguments(argv)
    if (parsed !== 'help') return await playAll(parsed, io)
    io.stdout(USAGE)
    return 0
  } catch (thrown) {
    const error = toEvaError(thrown)
    io.stderr(error.code === 'EVA_USAGE' ? `${error.message}\n\n${USAGE}` : `${error.stack}\n`)
    return error.code === 'EVA_USAGE' ? 2 : 1
  }
}

async function playAll(given: SimArguments, io: SimIo): Promise<number> {
  const { first, last, tracePath } = given
  const isSingle = first === last
  // With the trace on standard output, the words go where they do not disturb it.
  const say = tracePath === '-' ? io.stderr : io.stdout
  let badCount = 0
  for (let seed = first; seed <= last; seed++) {
    const outcome = await playOne(seed, given, io)
    if (!outcome.isGood) badCount++
    say(`${isSingle || !outcome.isGood ? summaryOf(outcome) : summaryLine(outcome)}\n`)
  }
  if (!isSingle) say(`${last - first + 1} seeds, ${badCount} bad\n`)
  return badCount === 0 ? 0 : 1
}

async function playOne(seed: number, { tracePath, story }: SimArguments, io: SimIo): Promise<Outcome> {
  const { play = simulate } = io
  const world = story === undefined ? { seed } : { seed, plan: STORIES[story]().plan() }
  if (tracePath === undefined) return play(world)
  const lines: string[] = []
  const outcome = play({ ...world, trace: new Trace({ write: line => lines.push(line) }) })
  if (tracePath === '-') for (const line of lines) io.stdout(`${line}\n`)
  else await writeFile(tracePath, lines.map(line => `${line}\n`).join(''))
  return outcome
}

function parseArguments(argv: readonly string[]): SimArguments | 'help' {
  const { values } = parseStrictly(argv)
  if (values.help === true) return 'help'
  const range = /^(\d+)\.\.(\d+)$/.exec(values.seeds ?? '')
  if (values.seeds !== undefined && range === null) throw usage(`--seeds takes A..B, not "${values.seeds}".`)
  const first = wholeNumber('--seed', values.seed ?? range?.[1] ?? '1')
  const last = range === null ? first + wholeNumber('--count', values.count ?? '1') - 1 : wholeNumber('--seeds', range[2] ?? '')
  if (last < first) throw usage('There is no seed in that range.')
  if (values.trace !== undefined && last !== first) throw usage('--trace takes one seed.')
  if (values.story !== undefined && !isStoryName(values.story)) throw usage(`There is no story "${values.story}".`)
  return { first, last, tracePath: values.trace, story: values.story }
}

function parseStrictly(argv: readonly string[]) {
  const text = { type: 'string' } as const
  const options = { seed: text, seeds: text, count: text, trace: text, story: text, help: { type: 'boolean' } } as const
  try {
    return parseArgs({ args: [...argv], options, strict: true })
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown)
    throw new EvaError('EVA_USAGE', { details: { reason }, cause: thrown })
  }
}

function wholeNumber(flag: string, text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isSafeInteger(value) || value < 0) throw usage(`${flag} takes a whole number, not "${text}".`)
  return value
}

function usage(reason: string): EvaError {
  return new EvaError('EVA_USAGE', { details: { reason } })
}
