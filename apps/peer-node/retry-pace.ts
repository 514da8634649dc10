// How this node tries again after a service failed it: doubling pauses with jitter, and one clear line per outage, not one per try.
// Not the engine's backoff of sources: this is for the tracker and the metadata service.
// Invariant: an outage is told when it begins, when its kind changes and when it ends, however many tries lie between.

import type { EvaError } from '@evastream/core/errors'
import type { Random } from '@evastream/core/random'
import { SECOND_MS } from '@evastream/core/units'
import { jitteredPauseMs } from '@evastream/engine/requests/backoff'
import type { Timers } from '@evastream/service-kit/system-clock'
import type { NodeLog } from './ports.ts'

export interface RetryPaceDeps {
  readonly timers: Pick<Timers, 'after'>
  readonly random: Random
  readonly log: NodeLog
}

export interface RetryPaceOptions {
  /** What is tried, as the subject of a sentence: `registering with the tracker`. */
  readonly subject: string
  readonly pauseMaxMs?: number
  /** Somebody else tells of the same outage: the lines are for those who debug. */
  readonly isQuiet?: boolean
}

const PAUSE_BASE_MS = 500
const PAUSE_MAX_MS = 15 * SECOND_MS

export class RetryPace {
  readonly #deps: RetryPaceDeps
  readonly #options: RetryPaceOptions
  #failureCount = 0
  #toldCode: string | undefined

  constructor(deps: RetryPaceDeps, options: RetryPaceOptions) {
    this.#deps = deps
    this.#options = options
  }

  get isFailing(): boolean {
    return this.#failureCount > 0
  }

  /** Notes a failure. @returns how long to leave the service alone: what it asked for, if it did. */
  failed(error: EvaError): number {
    this.#failureCount++
    if (this.#toldCode !== error.code) {
      this.#toldCode = error.code
      this.#tell('warn', { code: error.code, nextStep: error.nextStep }, `${error.message} It is tried again.`)
    }
    const { retryAfterMs } = error.details
    const maxMs = this.#options.pauseMaxMs ?? PAUSE_MAX_MS
    const pauseMs = jitteredPauseMs(this.#deps.random, { failures: this.#failureCount, baseMs: PAUSE_BASE_MS, maxMs })
    return typeof retryAfterMs === 'number' ? Math.max(retryAfterMs, pauseMs) : pauseMs
  }

  succeeded(): void {
    if (this.#failureCount > 0) this.#tell('info', { tries: this.#failureCount + 1 }, 'it works again.')
    this.#failureCount = 0
    this.#toldCode = undefined
  }

  /** Resolves after the pause, or as soon as the signal says so. */
  pause(durationMs: number, signal: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      if (signal.aborted) return resolve()
      const done = () => {
        cancel()
        signal.removeEventListener('abort', done)
        resolve()
      }
      const cancel = this.#deps.timers.after(durationMs, done)
      signal.addEventListener('abort', done, { once: true })
    })
  }

  #tell(level: 'warn' | 'info', fields: object, text: string): void {
    const { subject, isQuiet = false } = this.#options
    this.#deps.log[isQuiet ? 'debug' : level](fields, `${subject}: ${text}`)
  }
}
