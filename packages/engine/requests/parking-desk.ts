// Chunks that were begun and that nobody wants any more: fetched no further, kept for a while, then thrown away.
// Not chunks that are wanted and find no source: download-planner makes room at their cost.
// Invariant: a parked chunk has no open request, and at least one verified block.

import type { Millis } from '@evastream/core/units'
import type { EngineState } from '../engine-state.ts'
import type { SongState } from '../songs/song-state.ts'
import type { RequestDesk } from './request-desk.ts'

export class ParkingDesk {
  readonly #state: EngineState
  readonly #desk: RequestDesk

  constructor(deps: { readonly state: EngineState; readonly desk: RequestDesk }) {
    this.#state = deps.state
    this.#desk = deps.desk
  }

  /** Parks what is not wanted any more. A chunk that is being stored is left to be stored. */
  parkUnwanted(song: SongState): void {
    for (const chunk of [...song.progress.values()]) {
      if (chunk.phase === 'completing' || song.isWanted(chunk.chunkId)) continue
      if (chunk.phase === 'unstored' || chunk.blocksHere === 0) this.#desk.discard(song, chunk)
      else for (const request of this.#state.requests.ofChunk(chunk)) this.#desk.cancel(request, 'unwanted')
    }
  }

  /** Throws away parked chunks that nobody came back for. @returns when to look again. */
  expire(songs: Iterable<SongState>): Millis {
    let nextAt = Number.POSITIVE_INFINITY
    for (const song of songs) {
      for (const chunk of song.progress.values()) {
        if (chunk.phase !== 'fetching' || song.isWanted(chunk.chunkId)) continue
        const expiresAt = chunk.activeAt + this.#state.config.keptChunkMs
        if (expiresAt > this.#state.now) nextAt = Math.min(nextAt, expiresAt)
        else this.#desk.discard(song, chunk)
      }
    }
    return nextAt
  }
}
