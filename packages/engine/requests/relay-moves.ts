// Requests that wait for blocks which their source is still receiving, or for their turn there though somebody is about to hear them: when
// they wait too long, they move to one that is free; and to the origin, at once, when the chunk has become ours to bring.
// Not giving up (request-watch): the source has done nothing wrong, and with nobody else to ask the request stays where it is.
// Why by expectation: a fixed time moves requests away from slow uplinks for ever, and nothing ever comes.
// Invariant: a move asks for no block twice, and only a peer that is free and offers the chunk, or the origin with its lease, takes one over.

import { BLOCK_SIZE_BYTES, type Millis } from '@evastream/core/units'
import type { Source } from '../commands.ts'
import type { EngineState } from '../engine-state.ts'
import type { BlameDesk } from '../sources/blame-desk.ts'
import type { SourceSurvey } from '../sources/source-survey.ts'
import { soonFrom } from './asked-class.ts'
import { isWaiting } from './relay-waits.ts'
import type { RequestDesk } from './request-desk.ts'
import type { OpenRequest } from './request-table.ts'

export interface RelayMovesDeps {
  readonly state: EngineState
  readonly survey: SourceSurvey
  readonly desk: RequestDesk
  readonly blame: BlameDesk
}

/** Who has the blocks only has others to serve before: what is moved then often comes all the same. */
const QUEUE_PATIENCE_FACTOR = 3

export class RelayMoves {
  readonly #deps: RelayMovesDeps

  constructor(deps: RelayMovesDeps) {
    this.#deps = deps
  }

  /** When to consider it (again); never, if its source holds the chunk and nobody is about to hear it, or has begun to send it. */
  dueAt(request: OpenRequest): Millis {
    if (this.#isOursToBring(request)) return request.movesAfter
    const quietMs = this.#patienceMs(request)
    const soonFromAt = isWaiting(this.#deps.state, request) ? request.movesAfter : this.#awaitedFrom(request)
    const soonAt = Math.max(request.movesAfter, request.quietSince + quietMs, soonFromAt)
    if (!this.#isRelay(request)) return soonAt
    return Math.min(soonAt, Math.max(request.movesAfter, request.quietSince + QUEUE_PATIENCE_FACTOR * quietMs))
  }

  /** Requests to peers that are receiving the chunk themselves, of which nothing has come for some time, known to be there or not. */
  quietRelayCount(): number {
    const { requests, config, now } = this.#deps.state
    let count = 0
    for (const request of requests.all()) if (now - request.quietSince >= config.relayPatienceMs && this.#isRelay(request)) count++
    return count
  }

  /** @returns whether it moved, so that there is something to plan. */
  consider(request: OpenRequest): boolean {
    const { state, survey, desk, blame } = this.#deps
    const { song, chunk, priority, deadlineAt, source } = request
    request.movesAfter = state.now + this.#patienceMs(request) / 2
    const rest = chunk.missingRunOf(request.requestId, request.run)
    if (rest === undefined || request.hedgedBy !== undefined || request.hedgeOf !== undefined) return false
    const wanted = {
      song,
      chunkId: chunk.chunkId,
      run: rest,
      verify: chunk.verify,
      deadlineAt: undefined,
      isYielding: true,
      except: source,
    }
    const second = this.#isOursToBring(request) ? this.#freeOrigin(request) : survey.soonestFreePeer(wanted)
    if (second === undefined) return false
    if (second.kind === 'peer') state.paceOf(source).wasQuiet(state.now)
    blame.requestMoved(request, false)
    const batch = { firstBlock: rest.firstBlock, blockCount: Math.min(rest.blockCount, survey.batchBlocks(second, wanted)) }
    desk.open({ song, chunk, run: batch, source: second, priority, deadlineAt, hedgeOf: undefined })
    return true
  }

  /** Its lease is ours by now: whoever is waited for may be waiting for us, and those who could have brought it may be dead. */
  #isOursToBring(request: OpenRequest): boolean {
    const { state, survey } = this.#deps
    const { song, chunk, run } = request
    if (!song.leases.grants.has(chunk.chunkId) || !isWaiting(state, request)) return false
    const { firstBlock } = chunk.missingRunOf(request.requestId, run) ?? run
    return survey.permitOf(song, chunk.chunkId, firstBlock).permit === 'leased'
  }

  #freeOrigin({ song, chunk, priority }: OpenRequest): Source | undefined {
    const { state, survey } = this.#deps
    const pausedUntil = Math.max(song.originPauseOf(chunk.chunkId), song.chunkPauseOf(chunk.chunkId))
    return pausedUntil <= state.now && survey.isOriginFree(priority !== 'play') ? { kind: 'origin' } : undefined
  }

  #patienceMs({ source }: OpenRequest): number {
    const { state } = this.#deps
    const { relayPatienceMs, relayPatienceBlocks, roundTripAssumedMs } = state.config
    const blockMs = (BLOCK_SIZE_BYTES * 1000) / state.rateOf(source)
    const roundTripMs = state.paceOf(source).roundTripMs ?? state.receiving.roundTripMs ?? roundTripAssumedMs
    return Math.max(relayPatienceMs, Math.min(roundTripMs, state.config.silenceMs), relayPatienceBlocks * blockMs)
  }

  #isRelay({ source, song, chunk }: OpenRequest): boolean {
    if (source.kind === 'origin' || chunk.verify === 'chunk') return false
    return this.#deps.state.peers.holdingsOf(song.songId).get(source.peerId)?.arriving.has(chunk.chunkId) === true
  }

  /**
   * In a crowd all ask the few who have the beginning of a song, and those whom they have served lie idle. What lies in a queue is not left
   * there once it is about to be heard. @returns from when on; never where nobody waits for it, or its source has begun to send it
   */
  #awaitedFrom({ source, chunk, receivedBytes, song, deadlineAt }: OpenRequest): Millis {
    const { now, config } = this.#deps.state
    const isInQueue = source.kind === 'peer' && chunk.verify === 'blocks' && receivedBytes === 0
    if (deadlineAt === undefined || !isInQueue || !song.leases.isBeingBrought(now)) return Number.POSITIVE_INFINITY
    return soonFrom(song, deadlineAt, config)
  }
}
