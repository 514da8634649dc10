// Watches the open requests: gives up those that take too long, and has those that are late considered for a second source.
// Not the measure of "too long" (request-patience), nor what follows for the source (blame-desk), nor the second source (hedge-desk).
// Invariant: after `check`, the next moment to check lies in the future.

import { BLOCK_SIZE_BYTES, type Millis } from '@evastream/core/units'
import type { EngineState } from '../engine-state.ts'
import type { BlameDesk } from '../sources/blame-desk.ts'
import type { HedgeDesk } from './hedge-desk.ts'
import type { RelayMoves } from './relay-moves.ts'
import { giveUpAt } from './request-patience.ts'
import type { OpenRequest } from './request-table.ts'

export interface RequestWatchDeps {
  readonly state: EngineState
  readonly blame: BlameDesk
  readonly hedging: HedgeDesk
  readonly moves: RelayMoves
}

export class RequestWatch {
  readonly #deps: RequestWatchDeps

  constructor(deps: RequestWatchDeps) {
    this.#deps = deps
  }

  nextCheckAt(): Millis {
    let next = Number.POSITIVE_INFINITY
    const { state, moves } = this.#deps
    for (const request of state.requests.all()) next = Math.min(next, this.#giveUpAt(request), request.hedgeAt, moves.dueAt(request))
    return next
  }

  /** @returns whether blocks became free, so that there is something to plan. */
  check(): boolean {
    const { state, blame, hedging, moves } = this.#deps
    let isPlanDue = false
    for (const request of [...state.requests.all()]) {
      if (state.requests.get(request.requestId) === undefined) continue
      if (state.now >= this.#giveUpAt(request)) {
        blame.requestTimedOut(request)
        isPlanDue = true
      } else if (state.now >= request.hedgeAt && hedging.consider(request)) isPlanDue = true
      else if (state.requests.get(request.requestId) !== undefined && state.now >= moves.dueAt(request) && moves.consider(request))
        isPlanDue = true
    }
    return isPlanDue
  }

  #giveUpAt(request: OpenRequest): Millis {
    const { state } = this.#deps
    const { source } = request
    return giveUpAt(
      request,
      {
        rateBytesPerSecond: state.rateOf(source),
        roundTripMs: state.paceOf(source).roundTripMs ?? state.config.roundTripAssumedMs,
        spread: state.spreads[source.kind],
        patience: state.patienceOf(source),
        openRequests: state.requests.size,
        ownBlockMs: state.ownLink.shareMs(BLOCK_SIZE_BYTES, state.requests.sourceCount),
      },
      state.config,
    )
  }
}
