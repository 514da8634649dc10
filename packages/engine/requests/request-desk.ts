// Opens and ends requests, and keeps every book about them in step: table, pace, spread, hedge budget, chunk.
// Not a decision maker: planner, watch and blame desk say what to open and what to end.
// Invariant: every request opened is ended once, and only then do its source and its blocks become free.

import { blockLengthBytes } from '@evastream/core/manifest'
import type { BlockRun, ChunkProgress } from '../chunks/chunk-progress.ts'
import type { CancelRequest, PriorityClass, RequestBlocks, Source } from '../commands.ts'
import type { EngineState } from '../engine-state.ts'
import type { SongState } from '../songs/song-state.ts'
import { isHollow } from '../sources/peer-health.ts'
import type { SourceSurvey } from '../sources/source-survey.ts'
import { askedClass } from './asked-class.ts'
import { hedgeDueAt } from './request-patience.ts'
import type { OpenRequest } from './request-table.ts'

export interface Asking {
  readonly song: SongState
  readonly chunk: ChunkProgress
  readonly run: BlockRun
  readonly source: Source
  readonly priority: PriorityClass
  readonly deadlineAt: number | undefined
  readonly hedgeOf: OpenRequest | undefined
}

export class RequestDesk {
  readonly #state: EngineState
  readonly #survey: SourceSurvey

  constructor(deps: { readonly state: EngineState; readonly survey: SourceSurvey }) {
    this.#state = deps.state
    this.#survey = deps.survey
  }

  open(asking: Asking): OpenRequest {
    const { now, requests, hedges, health } = this.#state
    const { song, chunk, run, source, priority, deadlineAt, hedgeOf } = asking
    const pace = this.#state.paceOf(source)
    const sizeBytes = this.#survey.runBytes(song, chunk.chunkId, run)
    const expectedMs = this.#survey.finishMs(pace, this.#state.rateOf(source), sizeBytes)
    const patience = this.#state.patienceOf(source)
    const isTry = source.kind === 'peer' && isHollow(health.recordOf(source.peerId))
    const askedAs = askedClass(asking, this.#state)
    const opening = {
      song,
      chunk,
      run,
      source,
      priority,
      askedAs,
      deadlineAt,
      hedgeOf,
      askedAt: now,
      sizeBytes,
      expectedMs,
      patience,
      isTry,
    }
    const request = requests.open(opening)
    pace.asked(sizeBytes, now)
    this.#state.receiving.asked(sizeBytes, now)
    this.#state.limit.take(sizeBytes, now)
    chunk.activeAt = now
    if (hedgeOf !== undefined) hedges.reserve(sizeBytes)
    request.hedgeAt = hedgeDueAt(request, this.#state.spreads[source.kind], this.#state.config)
    const command: RequestBlocks = {
      kind: 'request-blocks',
      requestId: request.requestId,
      songId: song.songId,
      chunkId: chunk.chunkId,
      firstBlock: run.firstBlock,
      blockCount: run.blockCount,
      source,
      priority: askedAs,
      verify: chunk.verify,
    }
    this.#state.emit(source.kind === 'origin' ? { ...command, permit: this.#permitOf(asking) } : command)
    return request
  }

  #permitOf({ song, chunk, run }: Asking): 'leased' | 'open' | 'override' {
    const { permit } = this.#survey.permitOf(song, chunk.chunkId, run.firstBlock)
    return permit === 'none' ? 'override' : permit
  }

  arrived(request: OpenRequest, sizeBytes: number): void {
    const { now, requests, hedges, receiving } = this.#state
    const pace = this.#state.paceOf(request.source)
    if (request.receivedBytes === 0 && pace.openRequests === 1) {
      pace.answeredAfter(now - request.askedAt)
      receiving.answeredAfter(now - request.askedAt)
    }
    requests.arrived(request, sizeBytes, now)
    pace.arrived(sizeBytes, now)
    receiving.arrived(sizeBytes, now)
    this.#state.ownLink.arrived(sizeBytes, now)
    hedges.received(sizeBytes)
    request.chunk.activeAt = now
  }

  /** Some blocks are here; a request that doubles this one, and has nothing left to bring, is cancelled. */
  blocksArrived(request: OpenRequest, { firstBlock, blockCount }: BlockRun): void {
    const { chunk, song, source } = request
    const usefulBytes = request.usefulBytes
    for (let block = firstBlock; block < firstBlock + blockCount; block++)
      if (chunk.arrived(block, source)) request.usefulBytes += blockLengthBytes(song.shape, chunk.chunkId, block)
    if (request.usefulBytes === usefulBytes) return
    chunk.firstBlockAt ??= this.#state.now
    song.audioCame(this.#state.now)
    const rival = request.hedgeOf ?? request.hedgedBy
    if (rival !== undefined && request.chunk.isRunHere(rival.run)) this.cancel(rival, 'superseded')
  }

  /** Everything that was asked for is here. */
  finished(request: OpenRequest): void {
    const { now, spreads, health, origin } = this.#state
    const unreportedBytes = request.sizeBytes - request.receivedBytes
    if (unreportedBytes > 0) this.arrived(request, unreportedBytes)
    this.blocksArrived(request, request.run)
    spreads[request.source.kind].finished(now - request.askedAt, request.expectedMs)
    this.#end(request)
    if (request.source.kind === 'origin') origin.delivered()
    else health.delivered(request.source.peerId)
  }

  /** It failed, or its source is gone. */
  failed(request: OpenRequest): void {
    this.#end(request)
  }

  cancel(request: OpenRequest, reason: CancelRequest['reason']): void {
    this.#end(request)
    this.#state.emit({ kind: 'cancel-request', requestId: request.requestId, reason })
  }

  /** Forgets a chunk in progress and every request for it. */
  discard(song: SongState, chunk: ChunkProgress): void {
    for (const request of this.#state.requests.ofChunk(chunk)) this.cancel(request, 'unwanted')
    song.progress.delete(chunk.chunkId)
    this.#state.songs.changed(song)
    this.#state.emit({ kind: 'discard-chunk', songId: song.songId, chunkId: chunk.chunkId })
  }

  #end(request: OpenRequest): void {
    const { now, requests, hedges, health } = this.#state
    const { hedgedBy, hedgeOf } = request
    requests.close(request)
    const missingBytes = Math.max(0, request.sizeBytes - request.receivedBytes)
    this.#state.paceOf(request.source).ended(missingBytes, now)
    this.#state.receiving.ended(missingBytes, now)
    this.#state.limit.giveBack(missingBytes, now)
    if (request.source.kind === 'peer') health.measured()
    request.chunk.activeAt = now
    if (hedgedBy !== undefined || hedgeOf !== undefined) {
      const hedge = hedgedBy ?? request
      hedges.settle(hedge.sizeBytes, Math.max(0, request.receivedBytes - request.usefulBytes))
    }
  }
}
