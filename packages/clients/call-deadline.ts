// One signal for one call: it ends when the caller says so, or when the call has taken too long.
// Not AbortSignal.any: on Node 20 that keeps a trace of every call for as long as the caller's signal lives.
// Invariant: after `release` nothing of the call hangs on the caller's signal.

import { EvaError } from '@evastream/core/errors'

export interface CallDeadline {
  readonly signal: AbortSignal
  release(): void
}

/** @throws EvaError `EVA_CANCELLED` when the caller's signal has ended already. */
export function callDeadline(timeoutMs: number, callerSignal: AbortSignal | undefined): CallDeadline {
  if (callerSignal?.aborted) throw cancelled(callerSignal.reason)
  const controller = new AbortController()
  const timeout = AbortSignal.timeout(timeoutMs)
  const expire = () => controller.abort(timeout.reason)
  const cancel = () => controller.abort(cancelled(callerSignal?.reason))
  timeout.addEventListener('abort', expire, { once: true })
  callerSignal?.addEventListener('abort', cancel, { once: true })
  return {
    signal: controller.signal,
    release() {
      timeout.removeEventListener('abort', expire)
      callerSignal?.removeEventListener('abort', cancel)
    },
  }
}

function cancelled(cause: unknown): EvaError {
  return new EvaError('EVA_CANCELLED', { cause })
}
