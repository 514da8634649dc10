// One player process after another, until the last has ended or somebody wants to stop.
// Not which player, nor what it plays: player-program.ts says that.
// Invariant: no player outlives the call; what it says goes to stderr, because stdout is for data.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { EvaError, toEvaError } from '@evastream/core/errors'
import type { Timers } from '@evastream/service-kit/system-clock'
import { atExit } from '../exit-acts.ts'
import type { PlayerProgram, ProgramRun } from './player-program.ts'

/** How the last process ended; `interrupted` when it was told to. */
export type PlayerEnd =
  | { readonly kind: 'played' }
  | { readonly kind: 'interrupted' }
  /** With the address where it is known: who plays several at once does not say which it was. */
  | { readonly kind: 'failed'; readonly reason: string; readonly url?: string }

export interface PlayerRunOptions {
  readonly urls: readonly string[]
  /** Aborted with the signal's name as its reason. */
  readonly signal: AbortSignal
  /** A terminal sends Ctrl-C to the player as well; a second one would make some of them drop everything. */
  readonly hasTerminal: boolean
}

const INTERRUPT_GRACE_MS = 1000
const END_GRACE_MS = 5000

export async function runPlayer(
  { program, timers }: { readonly program: PlayerProgram; readonly timers: Pick<Timers, 'after'> },
  options: PlayerRunOptions,
): Promise<PlayerEnd> {
  for (const run of program.runsFor(options.urls)) {
    if (options.signal.aborted) return { kind: 'interrupted' }
    const end = await runOnce({ path: program.path, run, timers }, options)
    if (end.kind !== 'played') return end
  }
  return { kind: 'played' }
}

interface Start {
  readonly path: string
  readonly run: ProgramRun
  readonly timers: Pick<Timers, 'after'>
}

async function runOnce({ path, run, timers }: Start, { signal, hasTerminal }: PlayerRunOptions): Promise<PlayerEnd> {
  const child = spawn(path, run.args, { stdio: ['inherit', 2, 2] })
  const reap = (): void => void child.kill('SIGKILL')
  const forget = atExit(reap)
  const cancels: (() => void)[] = []
  const stop = (): void => {
    const name = signal.reason === 'SIGINT' ? 'SIGINT' : 'SIGTERM'
    if (name !== 'SIGINT' || !hasTerminal) child.kill(name)
    else cancels.push(timers.after(INTERRUPT_GRACE_MS, () => child.kill(name)))
    cancels.push(timers.after(END_GRACE_MS, reap))
  }
  signal.addEventListener('abort', stop, { once: true })
  try {
    const failure = await failureOf(child)
    if (signal.aborted) return { kind: 'interrupted' }
    return failure === undefined ? { kind: 'played' } : { kind: 'failed', reason: failure, ...failedUrl(run) }
  } finally {
    for (const cancel of cancels) cancel()
    signal.removeEventListener('abort', stop)
    forget()
  }
}

function failedUrl({ urls: [url, ...others] }: ProgramRun): { readonly url?: string } {
  return url === undefined || others.length > 0 ? {} : { url }
}

/** Undefined when it ended well. */
async function failureOf(child: ChildProcess): Promise<string | undefined> {
  const exit = await once(child, 'exit').catch(toEvaError)
  if (exit instanceof EvaError) return exit.cause instanceof Error ? exit.cause.message : exit.message
  const [code, signalName] = exit as [number | null, NodeJS.Signals | null]
  if (code === 0) return undefined
  return signalName === null ? `exit code ${code}` : `ended by ${signalName}`
}
