// Watches the open requests: gives up those that take too long, and doubles those that are late when the music needs them.
// Not the measure of "too long" (request-patience) and not the consequences for the source (blame-desk).
// Invariant: after `check`, the next moment to check lies in the future.

import type { Millis } from '@evastream/core/units'
import type { BlameDesk } from './blame-desk.ts'
import type { Source } from './commands.ts'
import type { EngineState } from './engine-state.ts'
import type { RequestDesk } from './request-desk.ts'
import { giveUpAt } from './request-patience.ts'
import type { OpenRequest } from './request-table.ts'
import type { SourceSelection } from './source-selection.ts'
import type { SourceSurvey } from './source-survey.ts'

export interface RequestWatchDeps {
  readonly state: EngineState
  readonly survey: SourceSurvey
  readonly desk: RequestDesk
  readonly blame: BlameDesk
  readonly sourceSelection: SourceSelection
}

/** A hedge that was not worth it is thought of again after half the time its request should take, within these bounds. */
const RECONSIDER_MIN_MS = 50
const RECONSIDER_MAX_MS = 1000
/** A deadline is at risk when twice the time that the second source needs would miss it. */
const RISK_FACTOR = 2

export class RequestWatch {
  readonly #deps: RequestWatchDeps

  constructor(deps: RequestWatchDeps) {
    this.#deps = deps
  }

  nextCheckAt(): Millis {
    let next = Number.POSITIVE_INFINITY
    for (const request of this.#deps.state.requests.all()) next = Math.min(next, this.#giveUpAt(request), request.hedgeAt)
    return next
  }

  check(): void {
    const { state, blame } = this.#deps
    for (const request of [...state.requests.all()]) {
      if (state.requests.get(request.requestId) === undefined) continue
      if (state.now >= this.#giveUpAt(request)) blame.requestTimedOut(request)
      else if (state.now >= request.hedgeAt) this.#considerHedge(request)
    }
  }

  #giveUpAt(request: OpenRequest): Millis {
    const { state } = this.#deps
    const { source } = request
    return giveUpAt(
      request,
      {
        rateBytesPerSecond: state.rateOf(source),
        roundTripMs: state.paceOf(source).roundTripMs ?? state.config.roundTripAssumedMs,
        patience: source.kind === 'peer' ? state.health.patienceOf(source.peerId) : 1,
        spread: state.spreads[source.kind],
      },
      state.config,
    )
  }

  #considerHedge(request: OpenRequest): void {
    const { state, survey, desk, sourceSelection } = this.#deps
    const { song, chunk, source, deadlineAt } = request
    request.hedgeAt = state.now + Math.min(RECONSIDER_MAX_MS, Math.max(RECONSIDER_MIN_MS, request.expectedMs / 2))
    const rest = chunk.missingRunOf(request.requestId, request.run)
    if (rest === undefined || deadlineAt === undefined || request.hedgedBy !== undefined) return
    if (state.requests.size >= state.config.downloadsInFlightMax) return
    const wanted = { song, chunkId: chunk.chunkId, run: rest, verify: chunk.verify, deadlineAt, isYielding: false, except: source }
    const facts = survey.factsOf(wanted, 0)
    const choice = sourceSelection.choose(facts, state.random)
    if (choice.kind === 'wait' || !this.#isAtRisk(choice.source, wanted)) return
    const run =
      chunk.verify === 'chunk' ? rest : { ...rest, blockCount: Math.min(rest.blockCount, survey.batchBlocks(choice.source, wanted)) }
    if (survey.runBytes(song, chunk.chunkId, run) > state.hedges.spareBytes) return
    desk.open({ song, chunk, run, source: choice.source, priority: 'play', deadlineAt, hedgeOf: request })
  }

  #isAtRisk(second: Source, wanted: Parameters<SourceSurvey['factsOf']>[0]): boolean {
    const { state, survey } = this.#deps
    const sizeBytes = survey.runBytes(wanted.song, wanted.chunkId, wanted.run)
    const finishMs = survey.finishMs(state.paceOf(second), state.rateOf(second), sizeBytes)
    return wanted.deadlineAt !== undefined && state.now + RISK_FACTOR * finishMs > wanted.deadlineAt
  }
}
