// The life of a service process: start, tell its address, wait for a signal, stop, exit.
// Not what it serves: `start` builds that.
// Invariant: exactly one exit, at most STOP_LIMIT_MS after the first signal; a second signal exits at once.

import { reportFailure } from './failure-report.ts'
import { type Logger, moveLogToStdout } from './logger.ts'
import { printable } from './printable-text.ts'
import { systemTimers, type Timers } from './system-clock.ts'

export interface RunningService {
  /** `metadata`, `tracker`, `origin`, `peer`. */
  readonly service: string
  readonly url: string
  /** Not ready any more, drain, close. Called once. */
  close(): Promise<void>
}

export interface RunServiceOptions {
  readonly service: string
  /** `{"service","url"}` as one line on stdout, then the log there as NDJSON. */
  readonly json: boolean
  readonly logger: Logger
  readonly start: () => Promise<RunningService>
}

/** The process around a service; `process` is one. */
export interface ProcessHost {
  readonly stdout: { write(text: string): unknown; on(event: 'error', listener: (error: Error) => void): unknown }
  readonly stderr: { write(text: string): unknown; on(event: 'error', listener: (error: Error) => void): unknown }
  on(event: string, listener: (argument: unknown) => void): unknown
  exit(code: number): void
}

const STOP_LIMIT_MS = 10_000
const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
/** What a shell reports for a process that SIGINT ended. */
const EXIT_CODE_SECOND_SIGNAL = 130

/** Runs a service until a signal, then exits the process; the promise resolves when its start has come to an end. */
export async function runService(options: RunServiceOptions, host: ProcessHost = process, timers: Timers = systemTimers): Promise<void> {
  await new ServiceRun(options, host, timers).run()
}

class ServiceRun {
  readonly #options: RunServiceOptions
  readonly #host: ProcessHost
  readonly #timers: Timers
  #running: RunningService | undefined
  #isStopping = false
  #hasExited = false

  constructor(options: RunServiceOptions, host: ProcessHost, timers: Timers) {
    this.#options = options
    this.#host = host
    this.#timers = timers
  }

  async run(): Promise<void> {
    this.#listenToProcess()
    try {
      this.#running = await this.#options.start()
    } catch (thrown) {
      this.#fail(thrown)
      return
    }
    if (this.#isStopping) await this.#close(this.#running)
    else this.#announce(this.#running)
  }

  #listenToProcess(): void {
    // A reader that went away (`| head`) is no reason to stop serving.
    for (const stream of [this.#host.stdout, this.#host.stderr]) stream.on('error', () => undefined)
    for (const signal of STOP_SIGNALS) this.#host.on(signal, () => this.#signalled(signal))
    this.#host.on('uncaughtException', thrown => this.#fail(thrown))
    this.#host.on('unhandledRejection', thrown => this.#fail(thrown))
  }

  #announce({ service, url }: RunningService): void {
    const { json, logger } = this.#options
    if (json) {
      this.#host.stdout.write(`${JSON.stringify({ service, url })}\n`)
      moveLogToStdout(logger)
    } else this.#host.stderr.write(`${printable(service)} is ready at ${printable(url)} (Ctrl-C stops it)\n`)
    logger.info({ url }, 'ready')
  }

  #signalled(signal: string): void {
    if (this.#isStopping) {
      this.#exit(EXIT_CODE_SECOND_SIGNAL)
      return
    }
    this.#isStopping = true
    this.#options.logger.info({ signal }, 'stopping')
    this.#timers.after(STOP_LIMIT_MS, () => {
      this.#options.logger.warn({ limitMs: STOP_LIMIT_MS }, 'not everything closed in time')
      this.#exit(0)
    })
    if (this.#running !== undefined) void this.#close(this.#running)
  }

  async #close(running: RunningService): Promise<void> {
    try {
      await running.close()
    } catch (thrown) {
      this.#fail(thrown)
      return
    }
    this.#options.logger.info('stopped')
    this.#exit(0)
  }

  #fail(thrown: unknown): void {
    const report = reportFailure(thrown, `evastream ${this.#options.service}`)
    this.#options.logger.debug({ err: thrown }, 'failed')
    this.#host.stderr.write(report.text)
    this.#exit(report.exitCode)
  }

  #exit(code: number): void {
    if (this.#hasExited) return
    this.#hasExited = true
    this.#host.exit(code)
  }
}
