// A process that waits for a word before it begins, and tells with words how it is getting on: READY, then GO from us, then FIRST and DONE.
// Not what it does: that is the command's, or a driver's.
// Invariant: it is ended by its handle and never outlives ours; one that ends before it has said what is awaited fails whoever waits.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { EvaError } from '@evastream/core/errors'
import { atExit } from '../../apps/evastream/exit-acts.ts'

export interface GatedCommand {
  readonly name: string
  readonly command: readonly string[]
  readonly through?: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
}

interface SaidWord {
  readonly word: string
  /** What follows the word on its line. */
  readonly rest: string
  readonly atMs: number
}

const LAST_WORDS_MAX = 2000
const END_TIMEOUT_MS = 4000

/** Waits for the word in the place of a program that cannot, tells its end, and stays, so that its time can still be counted. */
const GATE = 'echo READY; read go || exit; "$@"; echo DONE $?; read stay'

/** A command that knows nothing of gates, behind one. */
export function gated(command: readonly string[]): readonly string[] {
  return ['sh', '-c', GATE, 'sh', ...command]
}

export class GatedProcess {
  readonly name: string
  readonly #child: ChildProcess
  readonly #said: SaidWord[] = []
  readonly #waiting = new Set<() => void>()
  #lastWords = ''

  constructor({ name, command, through = [], env, cwd }: GatedCommand) {
    this.name = name
    const [program = '', ...args] = [...through, ...command]
    // A group of its own, so that what it started ends with it.
    this.#child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], detached: true, ...(env && { env }), ...(cwd && { cwd }) })
    const forget = atExit(() => this.#signal('SIGKILL'))
    const settle = (): void => {
      forget()
      this.#tell()
    }
    this.#child.once('exit', settle)
    this.#child.once('error', ({ message }) => {
      this.#lastWords += message
      settle()
    })
    // Its end is told by `exit`; writing to one that has gone is no news.
    this.#child.stdin?.on('error', () => this.#tell())
    this.#child.stderr?.setEncoding('utf8').on('data', text => {
      this.#lastWords = `${this.#lastWords}${text}`.slice(-LAST_WORDS_MAX)
    })
    if (this.#child.stdout !== null) createInterface(this.#child.stdout).on('line', line => this.#note(line))
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null || this.#child.pid === undefined
  }

  go(): void {
    this.#child.stdin?.write('GO\n')
  }

  /** @returns what was said behind the word, and when; the first time it was said. @throws EvaError `EVA_INTERNAL` with its last words. */
  async says(word: string, timeoutMs: number): Promise<SaidWord> {
    const deadline = AbortSignal.timeout(timeoutMs)
    for (;;) {
      const said = this.#said.find(each => each.word === word)
      if (said !== undefined) return said
      if (deadline.aborted || this.hasEnded) throw this.#neverSaid(word, deadline.aborted)
      await this.#news(deadline)
    }
  }

  hasSaid(word: string): SaidWord | undefined {
    return this.#said.find(each => each.word === word)
  }

  async end(): Promise<void> {
    if (this.hasEnded) return
    const ended = once(this.#child, 'exit')
    this.#child.stdin?.end()
    this.#signal('SIGTERM')
    const late = setTimeout(() => this.#signal('SIGKILL'), END_TIMEOUT_MS)
    await ended
    clearTimeout(late)
  }

  #signal(signal: NodeJS.Signals): void {
    if (!this.hasEnded && this.#child.pid !== undefined) process.kill(-this.#child.pid, signal)
  }

  #note(line: string): void {
    const [word = '', ...rest] = line.trim().split(' ')
    this.#said.push({ word, rest: rest.join(' '), atMs: performance.now() })
    this.#tell()
  }

  #tell(): void {
    for (const hear of [...this.#waiting]) hear()
  }

  #news(deadline: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      const hear = (): void => {
        this.#waiting.delete(hear)
        deadline.removeEventListener('abort', hear)
        resolve()
      }
      this.#waiting.add(hear)
      deadline.addEventListener('abort', hear)
    })
  }

  #neverSaid(word: string, isLate: boolean): EvaError {
    const why = isLate ? 'time is up' : 'it ended'
    return new EvaError('EVA_INTERNAL', { details: { reason: `${this.name} never said ${word}: ${why}`, lastWords: this.#lastWords } })
  }
}
