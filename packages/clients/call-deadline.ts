// When one call is over: when its caller says so, or when it has taken too long.
// Not AbortSignal.any: on Node 20 that keeps a trace of every call for as long as the caller's signal lives.
// Invariant: after `release` nothing of the call hangs on the caller's signal, and no timer of it runs on.

import { EvaError } from '@evastream/core/errors'
import { systemTimers, type Timers } from '@evastream/service-kit/system-clock'

export interface CallDeadline {
  readonly signal: AbortSignal
  release(): void
}

/** Its signal's reason is a `TimeoutError`, or `EVA_CANCELLED`. @throws EvaError `EVA_CANCELLED` when the caller's signal has ended already. */
export function callDeadline(
  timeoutMs: number,
  callerSignal: AbortSignal | undefined,
  timers: Pick<Timers, 'after'> = systemTimers,
): CallDeadline {
  const controller = new AbortController()
  const release = boundCall({ timeoutMs, signal: callerSignal }, reason => controller.abort(reason), timers)
  return { signal: controller.signal, release }
}

/**
 * The same for a call that wants no signal: `end` is told why it is over, unless it is released before.
 * @returns its release. @throws EvaError as `callDeadline` does.
 */
export function boundCall(
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal | undefined },
  end: (reason: Error) => void,
  timers: Pick<Timers, 'after'> = systemTimers,
): () => void {
  if (signal?.aborted) throw cancelled(signal.reason)
  const expire = () => end(new DOMException(`The call took longer than ${timeoutMs} ms.`, 'TimeoutError'))
  const cancel = () => end(cancelled(signal?.reason))
  const stopTimer = timers.after(timeoutMs, expire)
  signal?.addEventListener('abort', cancel, { once: true })
  return () => {
    stopTimer()
    signal?.removeEventListener('abort', cancel)
  }
}

function cancelled(cause: unknown): EvaError {
  return new EvaError('EVA_CANCELLED', { cause })
}
