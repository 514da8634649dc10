// How long to wait for a request: by expectation of its source, not by the clock alone, so that slow links are not given up for ever.
// Not the consequences (request-watch, blame-desk).
// Invariant: a request whose bytes, or those of the requests before it, keep coming at a bearable rate is never given up.

import { BLOCK_SIZE_BYTES, type Millis } from '@evastream/core/units'
import type { CompletionSpread } from './completion-spread.ts'
import type { EngineConfig } from './config.ts'
import type { OpenRequest } from './request-table.ts'

export interface SourceExpectation {
  /** Bytes per second. */
  readonly rateBytesPerSecond: number
  readonly roundTripMs: number
  /** A factor from 1: grows while a source keeps timing out. */
  readonly patience: number
  readonly spread: CompletionSpread
}

/** When the request is given up if nothing more comes of it. */
export function giveUpAt(request: OpenRequest, source: SourceExpectation, config: EngineConfig): Millis {
  return Math.min(silentAt(request, source, config), overdueAt(request, source, config))
}

/** When to think of asking a second source: the time a request of its kind usually takes, and a deviation more. */
export function hedgeDueAt(request: OpenRequest, spread: CompletionSpread): Millis {
  return request.askedAt + request.expectedMs * spread.usualRatio(1)
}

function silentAt(request: OpenRequest, source: SourceExpectation, config: EngineConfig): Millis {
  const blockMs = (BLOCK_SIZE_BYTES * 1000) / source.rateBytesPerSecond
  return request.quietSince + source.patience * Math.max(config.silenceMs, source.roundTripMs + config.silenceBlocks * blockMs)
}

function overdueAt(request: OpenRequest, source: SourceExpectation, config: EngineConfig): Millis {
  const usualMs = request.expectedMs * source.spread.usualRatio(config.timeoutDeviations)
  const limitMs = source.patience * Math.min(config.requestTimeoutMaxMs, Math.max(leastPatienceMs(request, config), usualMs))
  const bearableMs = (request.queueBytes * 1000) / config.rateMinBytesPerSecond
  return request.askedAt + Math.max(limitMs, bearableMs)
}

/** What is needed soon is given up soon; the rest gets as long as a silent source would. */
function leastPatienceMs(request: OpenRequest, config: EngineConfig): number {
  if (request.deadlineAt === undefined) return config.silenceMs
  return Math.min(config.silenceMs, Math.max(config.requestTimeoutMinMs, request.deadlineAt - request.askedAt))
}
