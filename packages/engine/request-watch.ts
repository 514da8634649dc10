// Watches the open requests: gives up those that take too long, and doubles those that are late when the music needs them or when
// they are the last of their song.
// Not the measure of "too long" (request-patience) and not the consequences for the source (blame-desk).
// Invariant: after `check`, the next moment to check lies in the future.

import { BLOCK_SIZE_BYTES, type Millis } from '@evastream/core/units'
import type { BlameDesk } from './blame-desk.ts'
import type { BlockRun } from './chunk-progress.ts'
import type { Source } from './commands.ts'
import type { EngineState } from './engine-state.ts'
import type { RequestDesk } from './request-desk.ts'
import { giveUpAt } from './request-patience.ts'
import type { OpenRequest } from './request-table.ts'
import type { SongState } from './song-state.ts'
import type { SourceSelection } from './source-selection.ts'
import type { SourceSurvey, SurveyedRun } from './source-survey.ts'

export interface RequestWatchDeps {
  readonly state: EngineState
  readonly survey: SourceSurvey
  readonly desk: RequestDesk
  readonly blame: BlameDesk
  readonly sourceSelection: SourceSelection
}

/** A hedge that was not worth it is thought of again after half the time its request should take, within these bounds. */
const RECONSIDER_MIN_MS = 100
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

  /** @returns whether requests were given up, so that there is something to plan. */
  check(): boolean {
    const { state, blame } = this.#deps
    let isChanged = false
    for (const request of [...state.requests.all()]) {
      if (state.requests.get(request.requestId) === undefined) continue
      if (state.now >= this.#giveUpAt(request)) {
        blame.requestTimedOut(request)
        isChanged = true
      } else if (state.now >= request.hedgeAt) this.#considerHedge(request)
    }
    return isChanged
  }

  #giveUpAt(request: OpenRequest): Millis {
    const { state } = this.#deps
    const { source } = request
    return giveUpAt(
      request,
      {
        rateBytesPerSecond: state.rateOf(source),
        roundTripMs: state.paceOf(source).roundTripMs ?? state.config.roundTripAssumedMs,
        patience: source.kind === 'peer' ? state.health.patienceOf(source.peerId) : state.origin.patience,
        spread: state.spreads[source.kind],
      },
      state.config,
    )
  }

  #considerHedge(request: OpenRequest): void {
    const { state, survey, desk, sourceSelection } = this.#deps
    const { song, chunk, source } = request
    request.hedgeAt = state.now + Math.min(RECONSIDER_MAX_MS, Math.max(RECONSIDER_MIN_MS, request.expectedMs / 2))
    const rest = chunk.missingRunOf(request.requestId, request.run)
    if (rest === undefined || request.hedgedBy !== undefined || request.hedgeOf !== undefined) return
    if (state.requests.size >= state.config.downloadsInFlightMax) return
    const deadlineAt = this.#deadlineOf(request, rest)
    if (deadlineAt === undefined && !isLastOfSong(song)) return
    const wanted = { song, chunkId: chunk.chunkId, run: rest, verify: chunk.verify, deadlineAt, isYielding: false, except: source }
    const choice = sourceSelection.choose(survey.factsOf(wanted, 0), state.random)
    if (choice.kind === 'wait' || !this.#isWorthIt(request, choice.source, wanted)) return
    const run =
      chunk.verify === 'chunk' ? rest : { ...rest, blockCount: Math.min(rest.blockCount, survey.batchBlocks(choice.source, wanted)) }
    if (survey.runBytes(song, chunk.chunkId, run) > state.hedges.spareBytes) return
    desk.open({ song, chunk, run, source: choice.source, priority: request.priority, deadlineAt, hedgeOf: request })
  }

  /** What was asked for in good time may have become urgent since. */
  #deadlineOf({ song, chunk }: OpenRequest, rest: BlockRun): Millis | undefined {
    const { now, config } = this.#deps.state
    const deadlineAt = song.window.deadlineOfByte(chunk.chunkId * song.shape.chunkSize + rest.firstBlock * BLOCK_SIZE_BYTES)
    return deadlineAt !== undefined && deadlineAt < now + config.windowMs ? deadlineAt : undefined
  }

  /** The second would be sooner, and the music would wait without it, or the song's end; for the latter alone the origin is not asked. */
  #isWorthIt(first: OpenRequest, second: Source, wanted: SurveyedRun): boolean {
    const { state, survey } = this.#deps
    const sizeBytes = survey.runBytes(wanted.song, wanted.chunkId, wanted.run)
    const finishMs = survey.finishMs(state.paceOf(second), state.rateOf(second), sizeBytes)
    if (this.#remainingMs(first) <= finishMs) return false
    if (wanted.deadlineAt === undefined) return second.kind === 'peer'
    return state.now + RISK_FACTOR * finishMs > wanted.deadlineAt
  }

  /** How long a request will still take by the pace of its source; for ever, if nothing came for the time of two blocks. */
  #remainingMs(request: OpenRequest): number {
    const { state } = this.#deps
    const pace = state.paceOf(request.source)
    const msPerByte = 1000 / state.rateOf(request.source)
    const quietMs = (pace.roundTripMs ?? state.config.roundTripAssumedMs) + 2 * BLOCK_SIZE_BYTES * msPerByte
    return state.now - request.quietSince > quietMs ? Number.POSITIVE_INFINITY : pace.openBytes * msPerByte
  }
}

/** Nothing is left to ask of the song but what is on its way: then who is late holds up the whole. */
function isLastOfSong(song: SongState): boolean {
  if (song.wantedCount > song.progress.size) return false
  for (const chunk of song.progress.values()) if (chunk.phase === 'fetching' && chunk.freeRun() !== undefined) return false
  return true
}
