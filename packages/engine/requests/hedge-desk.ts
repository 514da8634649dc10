// What to do about a request that is late when the music needs it, or when it is the last of its song: ask a second source as well
// (a hedge, first verified wins), or move what is missing to one that is much sooner.
// Not the giving up of requests that take too long by any measure (request-watch).
// Invariant: bytes are asked for twice only within the hedge budget; moving asks for none twice, save those on the wire.

import { BLOCK_SIZE_BYTES, type Millis } from '@evastream/core/units'
import type { BlockRun } from '../chunks/chunk-progress.ts'
import type { Source } from '../commands.ts'
import type { EngineState } from '../engine-state.ts'
import type { SongState } from '../songs/song-state.ts'
import type { BlameDesk } from '../sources/blame-desk.ts'
import type { SourceSelection } from '../sources/source-selection.ts'
import type { SourceSurvey, SurveyedRun } from '../sources/source-survey.ts'
import type { RequestDesk } from './request-desk.ts'
import { silencePatienceOf } from './request-patience.ts'
import type { OpenRequest } from './request-table.ts'

export interface HedgeDeskDeps {
  readonly state: EngineState
  readonly survey: SourceSurvey
  readonly desk: RequestDesk
  readonly blame: BlameDesk
  readonly sourceSelection: SourceSelection
}

/** A request that is left as it is comes up again after half the time it should take, within these bounds; late if nobody waits for it. */
const RECONSIDER_MIN_MS = 100
const RECONSIDER_MAX_MS = 1000
/** A deadline is at risk when twice the time that the second source needs, and this long (ms) besides, would miss it. */
const RISK_FACTOR = 2
const RISK_LEAD_MS = 500
/** And when the first source, at its pace, would not be done this many times as fast as it must. */
const SURE_FACTOR = 1.5
/** Blocks move to a source that would be done in half the time. */
const MOVE_FACTOR = 2
/** A source that sent nothing for the time that so many blocks take it has fallen silent. */
const QUIET_BLOCKS = 2

export class HedgeDesk {
  readonly #deps: HedgeDeskDeps

  constructor(deps: HedgeDeskDeps) {
    this.#deps = deps
  }

  /** @returns whether blocks became free, so that there is something to plan. */
  consider(request: OpenRequest): boolean {
    const { state, survey, desk, blame } = this.#deps
    if (this.#isSilentPair(request)) {
      blame.requestMoved(request, true)
      return false
    }
    const wanted = this.#wanted(request)
    const pauseMs = wanted === undefined ? RECONSIDER_MAX_MS : request.expectedMs / 2
    request.hedgeAt = state.now + Math.min(RECONSIDER_MAX_MS, Math.max(RECONSIDER_MIN_MS, pauseMs))
    const second = wanted && this.#secondSource(wanted)
    if (wanted === undefined) return false
    if (second === undefined) return this.#isReleased(request, wanted)
    const { song, chunk, priority } = request
    const { run: rest, deadlineAt } = wanted
    const finishMs = survey.finishMs(state.paceOf(second), state.rateOf(second), survey.runBytes(song, chunk.chunkId, rest))
    const remainingMs = this.#remainingMs(request)
    if (remainingMs <= finishMs) return false
    if (deadlineAt !== undefined) {
      const riskAt = deadlineAt - RISK_FACTOR * finishMs - RISK_LEAD_MS
      request.hedgeAt = Math.min(request.hedgeAt, Math.max(riskAt, state.now + RECONSIDER_MIN_MS))
      if (state.now < riskAt || state.now + SURE_FACTOR * remainingMs <= deadlineAt) return false
    }
    const batch = { firstBlock: rest.firstBlock, blockCount: Math.min(rest.blockCount, survey.batchBlocks(second, wanted)) }
    const isFull = state.requests.size >= state.config.downloadsInFlightMax
    const affordable = isFull ? undefined : this.#affordable(batch, wanted)
    if (affordable?.blockCount !== rest.blockCount && chunk.verify === 'blocks' && this.#isWorthMoving(request, finishMs)) {
      blame.requestMoved(request, remainingMs === Number.POSITIVE_INFINITY)
      desk.open({ song, chunk, run: batch, source: second, priority, deadlineAt, hedgeOf: undefined })
      return true
    }
    if (affordable !== undefined) desk.open({ song, chunk, run: affordable, source: second, priority, deadlineAt, hedgeOf: request })
    return false
  }

  /** It fell silent, its time is near, and those who could bring it are at work: what it lacks is free for the first that is not. */
  #isReleased(request: OpenRequest, { deadlineAt }: SurveyedRun): boolean {
    const { state, blame } = this.#deps
    if (deadlineAt === undefined || state.now < deadlineAt - 2 * RISK_LEAD_MS) return false
    if (request.source.kind === 'origin' || request.chunk.verify === 'chunk') return false
    const quietMs = (silencePatienceOf(request, state.config) * state.config.silenceMs) / 2
    if (state.now - request.quietSince < quietMs || this.#remainingMs(request) !== Number.POSITIVE_INFINITY) return false
    blame.requestTimedOut(request)
    return true
  }

  /** It and the one that doubles it both fell silent: it is given up, so that yet another can be asked instead. */
  #isSilentPair(request: OpenRequest): boolean {
    const { hedgedBy } = request
    if (hedgedBy === undefined || request.priority !== 'play' || request.chunk.verify === 'chunk') return false
    return [request, hedgedBy].every(each => this.#remainingMs(each) === Number.POSITIVE_INFINITY)
  }

  /** What is missing of the request and how urgent it is by now; undefined if nobody is waiting for it. */
  #wanted(request: OpenRequest): SurveyedRun | undefined {
    const { now, config } = this.#deps.state
    const { song, chunk } = request
    const rest = chunk.missingRunOf(request.requestId, request.run)
    if (rest === undefined || request.hedgedBy !== undefined || request.hedgeOf !== undefined) return undefined
    const due = song.window.deadlineOfByte(chunk.chunkId * song.shape.chunkSize + rest.firstBlock * BLOCK_SIZE_BYTES)
    const deadlineAt = due !== undefined && due < now + config.windowMs ? due : undefined
    if (deadlineAt === undefined && !isLastOfSong(song)) return undefined
    const isLate = deadlineAt !== undefined
    return { song, chunkId: chunk.chunkId, run: rest, verify: chunk.verify, deadlineAt, isYielding: false, isLate, except: request.source }
  }

  /** For the end of a song alone the origin is not asked, nor a peer that failed lately: each try in vain costs bytes. */
  #secondSource(wanted: SurveyedRun): Source | undefined {
    const { state, survey, sourceSelection } = this.#deps
    const choice = sourceSelection.choose(survey.factsOf(wanted, 0), state.random)
    if (choice.kind === 'wait') return undefined
    const { source } = choice
    const isGood = wanted.deadlineAt !== undefined || (source.kind === 'peer' && state.health.recordOf(source.peerId).failures === 0)
    return isGood ? source : undefined
  }

  /** As much of a batch as may be asked for twice; a chunk that is judged as a whole is asked for whole or not at all. */
  #affordable(batch: BlockRun, { song, chunkId, verify }: SurveyedRun): BlockRun | undefined {
    const { state, survey } = this.#deps
    const spareBytes = Math.min(state.hedges.spareBytes, state.limit.spareBytes(state.now))
    if (verify === 'chunk') return survey.runBytes(song, chunkId, batch) <= spareBytes ? batch : undefined
    const blockCount = Math.min(batch.blockCount, Math.floor(spareBytes / BLOCK_SIZE_BYTES))
    return blockCount > 0 ? { firstBlock: batch.firstBlock, blockCount } : undefined
  }

  /** What it lacks would be here in half the time from elsewhere, and our own link would bear that. */
  #isWorthMoving(request: OpenRequest, finishMs: Millis): boolean {
    const { ownLink, requests } = this.#deps.state
    const missingBytes = Math.max(0, request.sizeBytes - request.receivedBytes)
    return this.#remainingMs(request) > MOVE_FACTOR * Math.max(finishMs, ownLink.shareMs(missingBytes, requests.sourceCount))
  }

  /** How long a request will still take by the pace of its source; for ever, if nothing came for the time of two blocks, or for long. */
  #remainingMs(request: OpenRequest): Millis {
    const { state } = this.#deps
    const pace = state.paceOf(request.source)
    const msPerByte = 1000 / state.rateOf(request.source)
    const roundTripMs = pace.roundTripMs ?? state.receiving.roundTripMs ?? state.config.roundTripAssumedMs
    const quietMs = Math.min(roundTripMs + QUIET_BLOCKS * BLOCK_SIZE_BYTES * msPerByte, state.config.silenceMs / 2)
    // On a slow link of our own every source falls silent while the others send.
    const ownTurnMs = state.ownLink.shareMs(BLOCK_SIZE_BYTES, state.requests.sourceCount)
    return state.now - request.quietSince > Math.max(ownTurnMs, silencePatienceOf(request, state.config) * quietMs)
      ? Number.POSITIVE_INFINITY
      : pace.openBytes * msPerByte
  }
}

/** Nothing is left to ask of the song but what is on its way: then who is late holds up the whole. */
function isLastOfSong(song: SongState): boolean {
  return song.isAllAsked
}
