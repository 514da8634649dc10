// Waits until something is true of the real world: another process, a socket, a disk.
// Not for what can be awaited: inside one process an event or a promise says when, and a fake clock makes time pass.
// Invariant: it gives up at its deadline with the last reason, never silently and never late by more than one check.

import { scheduler } from 'node:timers/promises'
import { EvaError } from '@evastream/core/errors'

export interface EventuallyOptions {
  readonly deadlineMs?: number
  readonly intervalMs?: number
}

/**
 * Tries `attempt` until it neither throws nor returns undefined or false, and returns what it gave.
 * @throws EvaError `EVA_INTERNAL` with the last failure as its cause.
 */
export async function eventually<T>(
  what: string,
  attempt: () => Promise<T | undefined | false> | T | undefined | false,
  options: EventuallyOptions = {},
): Promise<T> {
  const { deadlineMs = 10_000, intervalMs = 20 } = options
  let lastFailure: unknown = 'it was never so'
  const deadline = AbortSignal.timeout(deadlineMs)
  do {
    try {
      const value = await attempt()
      if (value !== undefined && value !== false) return value
    } catch (thrown) {
      lastFailure = thrown
    }
    await scheduler.wait(intervalMs)
  } while (!deadline.aborted)
  throw new EvaError('EVA_INTERNAL', { details: { reason: `${what}: not within ${deadlineMs} ms` }, cause: lastFailure })
}
