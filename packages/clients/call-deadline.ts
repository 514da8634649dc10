// One signal for one call: it ends when the caller says so, or when the call has taken too long.
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
  if (callerSignal?.aborted) throw cancelled(callerSignal.reason)
  const controller = new AbortController()
  const expire = () => controller.abort(new DOMException(`The call took longer than ${timeoutMs} ms.`, 'TimeoutError'))
  const cancel = () => controller.abort(cancelled(callerSignal?.reason))
  const stopTimer = timers.after(timeoutMs, expire)
  callerSignal?.addEventListener('abort', cancel, { once: true })
  return {
    signal: controller.signal,
    release() {
      stopTimer()
      callerSignal?.removeEventListener('abort', cancel)
    },
  }
}

function cancelled(cause: unknown): EvaError {
  return new EvaError('EVA_CANCELLED', { cause })
}
