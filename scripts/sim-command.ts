// The simulator's door: reads arguments, plays seeds and tells in words what came of them.
// Not the simulator (packages/simulator, which is pure) and not the process (scripts/sim.ts).
// Invariant: answers 0 only if every seed was good, 1 if one was not, 2 if the arguments make no sense.

import { readFile, writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { EvaError, toEvaError } from '@evastream/core/errors'
import { summaryLine, summaryOf } from '@evastream/simulator/records/run-summary'
import { replayTrace, Trace, type TraceEntry } from '@evastream/simulator/records/trace'
import { type Outcome, productionScheduler, type SimulationOptions, simulate } from '@evastream/simulator/simulation'
import { crowdFigures, crowdLine } from '@evastream/simulator/worlds/crowd-figures'
import { CROWD_WORLDS, type CrowdWorldName, isCrowdWorldName } from '@evastream/simulator/worlds/crowd-worlds'
import { isPlaybackWorldName, PLAYBACK_WORLDS } from '@evastream/simulator/worlds/playback-worlds'
import { isStoryName, STORIES } from '@evastream/simulator/worlds/stories'
import type { WorldPlan } from '@evastream/simulator/worlds/world-plan'

const USAGE = `Plays simulated worlds through the production Scheduler, on virtual time.

  npm run sim -- --seed 7               one world, told in words
  npm run sim -- --seed 7 --trace FILE  and its every step as JSON lines (- for standard output)
  npm run sim -- --replay FILE          feeds a trace's events to new Schedulers: do the same commands come out?
  npm run sim -- --seeds 1..1000        many worlds, a line each
  npm run sim -- --count 1000           the same; with --seed N it begins at N
  npm run sim -- --world NAME --seed 7  a world of listeners, as npm run bench:playback measures them:
${Object.keys(PLAYBACK_WORLDS)
  .map(name => `                                          ${name}`)
  .join('\n')}
  npm run sim -- --world NAME --count 3 a flash crowd, and its figures in a line:
${Object.keys(CROWD_WORLDS)
  .map(name => `                                          ${name}`)
  .join('\n')}
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

interface PlayArguments {
  readonly kind: 'play'
  readonly first: number
  readonly last: number
  readonly tracePath: string | undefined
  /** Undefined: drawn from the seed. */
  readonly planOf: ((seed: number) => WorldPlan) | undefined
  /** Its figures are told, and the checkers left out: they take longer than the crowd. */
  readonly crowd: CrowdWorldName | undefined
}

type SimArguments = PlayArguments | { readonly kind: 'replay'; readonly path: string } | { readonly kind: 'help' }

/** Runs the command. @returns the exit code. */
export async function simCommand(argv: readonly string[], io: SimIo): Promise<number> {
  try {
    const parsed = parseArguments(argv)
    if (parsed.kind === 'play') return await playAll(parsed, io)
    if (parsed.kind === 'replay') return await replay(parsed.path, io)
    io.stdout(USAGE)
    return 0
  } catch (thrown) {
    const error = toEvaError(thrown)
    io.stderr(error.code === 'EVA_USAGE' ? `${error.message}\n\n${USAGE}` : `${error.stack}\n`)
    return error.code === 'EVA_USAGE' ? 2 : 1
  }
}

async function playAll(given: PlayArguments, io: SimIo): Promise<number> {
  const { first, last, tracePath } = given
  const isSingle = first === last
  // With the trace on standard output, the words go where they do not disturb it.
  const say = tracePath === '-' ? io.stderr : io.stdout
  let badCount = 0
  for (let seed = first; seed <= last; seed++) {
    const outcome = await playOne(seed, given, io)
    if (!outcome.isGood) badCount++
    if (given.crowd !== undefined) say(`${crowdLine(crowdFigures(given.crowd, outcome))}\n`)
    else say(`${isSingle || !outcome.isGood ? summaryOf(outcome) : summaryLine(outcome)}\n`)
  }
  if (!isSingle) say(`${last - first + 1} seeds, ${badCount} bad\n`)
  return badCount === 0 ? 0 : 1
}

async function playOne(seed: number, { tracePath, planOf, crowd }: PlayArguments, io: SimIo): Promise<Outcome> {
  const { play = simulate } = io
  const world = { seed, isChecked: crowd === undefined, ...(planOf === undefined ? {} : { plan: planOf(seed) }) }
  if (tracePath === undefined) return play(world)
  const lines: string[] = []
  const outcome = play({ ...world, trace: new Trace({ write: line => lines.push(line) }) })
  if (tracePath === '-') for (const line of lines) io.stdout(`${line}\n`)
  else await writeFile(tracePath, lines.map(line => `${line}\n`).join(''))
  return outcome
}

async function replay(path: string, io: SimIo): Promise<number> {
  const text = await readFile(path, 'utf8').catch(cause => {
    throw new EvaError('EVA_USAGE', { details: { reason: `The trace ${path} cannot be read.` }, cause })
  })
  const lines = text.trimEnd().split('\n')
  const header = parseHeader(lines[0])
  if (header === undefined) throw usage(`${path} is not a trace: its first line is not a world.`)
  const difference = replayTrace(lines, productionScheduler(header.plan))
  if (difference === undefined) io.stdout(`seed ${header.seed}: ${lines.length} lines, and every step gives the same commands\n`)
  else io.stdout(`line ${difference.line} differs\n  then ${difference.expected}\n  now  ${difference.actual}\n`)
  return difference === undefined ? 0 : 1
}

function parseHeader(line: string | undefined): Extract<TraceEntry, { readonly kind: 'world' }> | undefined {
  try {
    const entry = JSON.parse(line ?? '') as TraceEntry
    return entry.kind === 'world' ? entry : undefined
  } catch {
    return undefined
  }
}

function parseArguments(argv: readonly string[]): SimArguments {
  const { values } = parseStrictly(argv)
  if (values.help === true) return { kind: 'help' }
  if (values.replay !== undefined) return { kind: 'replay', path: values.replay }
  const range = /^(\d+)\.\.(\d+)$/.exec(values.seeds ?? '')
  if (values.seeds !== undefined && range === null) throw usage(`--seeds takes A..B, not "${values.seeds}".`)
  const first = wholeNumber('--seed', values.seed ?? range?.[1] ?? '1')
  const last = range === null ? first + wholeNumber('--count', values.count ?? '1') - 1 : wholeNumber('--seeds', range[2] ?? '')
  if (last < first) throw usage('There is no seed in that range.')
  if (values.trace !== undefined && last !== first) throw usage('--trace takes one seed.')
  return { kind: 'play', first, last, tracePath: values.trace, planOf: planMaker(values), crowd: crowdOf(values) }
}

function planMaker({ story, world }: { readonly story?: string; readonly world?: string }): PlayArguments['planOf'] {
  if (story !== undefined && world !== undefined) throw usage('--story and --world do not go together.')
  if (world !== undefined) {
    if (isCrowdWorldName(world)) return seed => CROWD_WORLDS[world].plan(seed)
    if (!isPlaybackWorldName(world)) throw usage(`There is no world "${world}".`)
    return seed => PLAYBACK_WORLDS[world].plan(seed)
  }
  if (story === undefined) return undefined
  if (!isStoryName(story)) throw usage(`There is no story "${story}".`)
  return () => STORIES[story]().plan()
}

function crowdOf({ world }: { readonly world?: string }): CrowdWorldName | undefined {
  return world !== undefined && isCrowdWorldName(world) ? world : undefined
}

function parseStrictly(argv: readonly string[]) {
  const text = { type: 'string' } as const
  const options = {
    seed: text,
    seeds: text,
    count: text,
    trace: text,
    story: text,
    world: text,
    replay: text,
    help: { type: 'boolean' },
  } as const
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
