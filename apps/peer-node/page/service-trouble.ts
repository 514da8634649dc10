// Another service's trouble as this node's own callers are told of it: come back later.
// Not the caller's own faults (an unknown song stays a 404), and no retrying.

import { EvaError } from '@evastream/core/errors'
import { SECOND_MS } from '@evastream/core/units'

export const RETRY_AFTER_MS = 2 * SECOND_MS

/** An error that blames a service becomes `EVA_NOT_READY` with a pause; any other is handed back as it is. */
export function asUnavailable(error: EvaError): EvaError {
  if (error.blames !== 'service') return error
  const reason = error.message.replace(/\.$/, '')
  return new EvaError('EVA_NOT_READY', { details: { reason, retryAfterMs: RETRY_AFTER_MS }, cause: error })
}
