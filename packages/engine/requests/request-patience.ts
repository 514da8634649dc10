// How long to wait for a request: by expectation of its source, not by the clock alone, so that slow links are not given up for ever.
// Not the consequences (request-watch, blame-desk).
// Invariant: a request whose bytes, or those of the requests before it, keep coming at a bearable rate is never given up.

import { BLOCK_SIZE_BYTES, type Millis } from '@evastream/core/units'
import type { EngineConfig } from '../config.ts'
import type { CompletionSpread } from './completion-spread.ts'
import type { OpenRequest } from './request-table.ts'

export interface SourceExpectation {
  /** Bytes per second. */
  readonly rateBytesPerSecond: number
  readonly roundTripMs: number
  readonly spread: CompletionSpread
  /** How much longer than usual to wait for it by now (a factor from 1). */
  readonly patience: number
  /** Requests under way at all sources: they share our own link. */
  readonly openRequests: number
  /** How long (ms) a block takes at least on our own link, shared by all sources that something is asked of; 0: not known. */
  readonly ownBlockMs: number
}

/** A source that sends its share of our own link, divided by this, is as good as any. */
const OWN_SHARE_FACTOR = 2

/** When the request is given up if nothing more comes of it. */
export function giveUpAt(request: OpenRequest, source: SourceExpectation, config: EngineConfig): Millis {
  return Math.min(silentAt(request, source, config), overdueAt(request, source, config))
}

/**
 * When to think of asking a second source: the time a request of its kind usually takes, and a deviation more; but no later than a
 * silent one would be given up, for of a source that is known to be slow hours may be usual.
 */
export function hedgeDueAt(request: OpenRequest, spread: CompletionSpread, config: Pick<EngineConfig, 'silenceMs'>): Millis {
  return request.askedAt + Math.min(config.silenceMs, request.expectedMs * spread.usualRatio(1))
}

/**
 * How much longer than usual (a factor from 1) to wait for a silent source. Giving up what keeps the blocks that arrived costs little: then
 * a slow source is not waited for as long as another.
 */
export function silencePatienceOf({ chunk, patience }: OpenRequest, config: Pick<EngineConfig, 'silentDoublingsMax'>): number {
  return chunk.verify === 'blocks' ? Math.min(patience, 2 ** config.silentDoublingsMax) : patience
}

function silentAt(request: OpenRequest, source: SourceExpectation, config: EngineConfig): Millis {
  const patience = silencePatienceOf(request, config)
  const blockMs = (BLOCK_SIZE_BYTES * 1000) / source.rateBytesPerSecond
  return request.quietSince + patience * Math.max(config.silenceMs, source.ownBlockMs, source.roundTripMs + config.silenceBlocks * blockMs)
}

function overdueAt(request: OpenRequest, source: SourceExpectation, config: EngineConfig): Millis {
  const usualMs = request.expectedMs * source.spread.usualRatio(config.timeoutDeviations)
  // A lesson learnt from another request counts for this one as well, unless there is no sign of life in it.
  const patience = request.queueBytes > 0 ? Math.max(request.patience, source.patience) : request.patience
  const limitMs = patience * Math.min(config.requestTimeoutMaxMs, Math.max(leastPatienceMs(request, config), usualMs))
  // What is needed soon and keeps what arrived can be given up lightly; the rest may be slow because all of us share one slow link.
  const isLight = request.askedAs === 'play' && request.chunk.verify === 'blocks'
  const bearableBytesPerSecond = config.rateMinBytesPerSecond / (isLight ? 1 : source.openRequests)
  const bearableMs = (request.queueBytes * 1000) / bearableBytesPerSecond
  // Nor can any source do better than its share of our own link.
  const ownShareMs = (request.queueBytes / BLOCK_SIZE_BYTES) * source.ownBlockMs
  return request.askedAt + Math.max(limitMs, bearableMs, OWN_SHARE_FACTOR * ownShareMs)
}

/** What is needed soon is given up soon; the rest gets as long as a silent source would. */
function leastPatienceMs(request: OpenRequest, config: EngineConfig): number {
  if (request.deadlineAt === undefined) return config.silenceMs
  return Math.min(config.silenceMs, Math.max(config.requestTimeoutMinMs, request.deadlineAt - request.askedAt))
}
