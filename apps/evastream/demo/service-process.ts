// One EvaStream process started by this one: its ready line, its log file, and how it ends.
// Not the processes' order or purpose: that is the town's.
// Invariant: a process that was started is ended by its handle, never by name, and never outlives ours unless told to.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, watch } from 'node:fs'
import { join } from 'node:path'
import { EvaError } from '@evastream/core/errors'
import { atExit } from '../exit-acts.ts'
import { PROGRAM_PATH } from '../repository-path.ts'

const READY_TIMEOUT_MS = 30_000
const LAST_LINES = 12
/** Run before the program: its standard input is a pipe that ends with whoever holds the other end, however that one ends. */
const ENDS_WITH_US = "data:text/javascript,process.stdin.on('end',()=>process.kill(process.pid,'SIGTERM')).resume().unref()"

export interface ServiceProcessOptions {
  /** Names the log file, so it is unique in its directory. */
  readonly name: string
  readonly verb: string
  readonly args: readonly string[]
  readonly logDirectory: string
  readonly env?: NodeJS.ProcessEnv
  /** A command that becomes the process after its own work is done, like `ip netns exec NAME`. */
  readonly through?: readonly string[]
  /** Let it live on when this process ends (`--keep`). */
  readonly outlives?: boolean
}

export class ServiceProcess {
  readonly name: string
  readonly url: string
  readonly #child: ChildProcess

  private constructor(name: string, url: string, child: ChildProcess) {
    this.name = name
    this.url = url
    this.#child = child
  }

  /** Resolves once it accepts connections. @throws EvaError `EVA_SERVICE_UNREACHABLE` with its last words when it ends before. */
  static async start(options: ServiceProcessOptions): Promise<ServiceProcess> {
    const logPath = join(options.logDirectory, `${options.name}.log`)
    const child = spawnProgram(options, logPath)
    try {
      return new ServiceProcess(options.name, await readyUrl(child, logPath), child)
    } catch (cause) {
      child.kill('SIGKILL')
      const reason = lastWordsOf(logPath)
      throw new EvaError('EVA_SERVICE_UNREACHABLE', { details: { service: options.name, url: 'its own address', reason }, cause })
    }
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  /** SIGTERM. @returns the exit code, or null when a signal ended it. */
  async stop(): Promise<number | null> {
    return this.#end('SIGTERM')
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null> {
    if (!this.hasEnded) {
      const ended = once(this.#child, 'exit')
      this.#child.kill(signal)
      await ended
    }
    return this.#child.exitCode
  }
}

function spawnProgram({ verb, args, env, through = [], outlives }: ServiceProcessOptions, logPath: string): ChildProcess {
  // A file, not a pipe: a kept process must not die of a reader that left.
  const log = openSync(logPath, 'a')
  const leash = outlives === true ? [] : ['--import', ENDS_WITH_US]
  const program = [process.execPath, ...leash, PROGRAM_PATH, verb, ...args, '--json']
  const [command = process.execPath, ...words] = through.concat(program)
  const child = spawn(command, words, {
    stdio: [outlives === true ? 'ignore' : 'pipe', log, log],
    detached: outlives === true,
    ...(env === undefined ? {} : { env }),
  })
  closeSync(log)
  if (outlives === true) child.unref()
  else {
    // One that has gone reads no more; its end is told by `exit`.
    child.stdin?.on('error', () => undefined)
    child.once(
      'exit',
      atExit(() => child.kill('SIGKILL')),
    )
  }
  return child
}

function readyUrl(child: ChildProcess, logPath: string): Promise<string> {
  return new Promise<string>((resolve, reject) => {
    const deadline = AbortSignal.timeout(READY_TIMEOUT_MS)
    const watcher = watch(logPath)
    const settle = (outcome: () => void): void => {
      watcher.close()
      outcome()
    }
    const look = (): void => {
      const url = readyUrlIn(readFileSync(logPath, 'utf8'))
      if (url !== undefined) settle(() => resolve(url))
    }
    watcher.on('change', look)
    watcher.on('error', cause => settle(() => reject(cause)))
    child.once('exit', () => settle(() => reject(new EvaError('EVA_NOT_READY', { details: { reason: 'it ended' } }))))
    child.once('error', cause => settle(() => reject(cause)))
    deadline.addEventListener('abort', () => settle(() => reject(new EvaError('EVA_NOT_READY', { details: { reason: 'time is up' } }))))
    look()
  })
}

function readyUrlIn(log: string): string | undefined {
  const line = log
    .split('\n')
    .slice(0, -1)
    .find(text => text.startsWith('{"service":'))
  if (line === undefined) return undefined
  const { url } = JSON.parse(line) as { url?: unknown }
  return typeof url === 'string' ? url : undefined
}

function lastWordsOf(logPath: string): string {
  return readFileSync(logPath, 'utf8').trim().split('\n').slice(-LAST_LINES).join('\n') || 'it ended without a word'
}
