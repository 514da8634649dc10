// The request that may be given up for the sake of a more urgent one: of which nothing came for long, and which nobody waits for.
// Not a judgement of its source: it might have sent yet.
// Invariant: what is about to be heard is never dead weight.

import type { EngineState } from '../engine-state.ts'
import type { OpenRequest } from './request-table.ts'

/** Quiet for this share of the time after which a source counts as silent: more than a round trip to anywhere. */
const QUIET_RATIO = 0.5

/** The one that has been quiet for longest, if any has been for long. */
export function deadWeight(state: EngineState): OpenRequest | undefined {
  let idlest: OpenRequest | undefined
  for (const request of state.requests.all()) {
    if (request.askedAs === 'play' || state.now - request.quietSince < QUIET_RATIO * state.config.silenceMs) continue
    if (idlest === undefined || request.quietSince < idlest.quietSince) idlest = request
  }
  return idlest
}
