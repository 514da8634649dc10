// Requests that wait for a block which their source, as far as it has told, has not got yet.
// Not whether they should move on (relay-moves) and not who may be waited for (relay-order).
// Invariant: a request to a peer that holds the chunk, or to the origin, never counts.

import type { EngineState } from '../engine-state.ts'
import { readyBlocks } from './relay-order.ts'
import type { OpenRequest } from './request-table.ts'

export function waitingRequestCount(state: EngineState): number {
  let count = 0
  for (const request of state.requests.all()) if (isWaiting(state, request)) count++
  return count
}

/** Whether the next block that it lacks is one that its source was not known to have. */
export function isWaiting({ peers }: EngineState, { requestId, source, song, chunk, run }: OpenRequest): boolean {
  if (source.kind === 'origin' || chunk.verify === 'chunk') return false
  const holding = peers.holdingsOf(song.songId).get(source.peerId)
  if (holding === undefined || holding.chunks.has(chunk.chunkId)) return false
  const missing = chunk.missingRunOf(requestId, run)
  return missing !== undefined && readyBlocks(holding, chunk.chunkId, missing.firstBlock) === 0
}
