// What follows for the requests and chunks under way when a reader comes, seeks or goes.
// Not what is asked for next (download-planner) and not what is urgent (playback-window).
// Invariant: a block that is verified is not thrown away because a reader left or sought: its chunk is parked, for a while.

import type { Millis } from '@evastream/core/units'
import type { EngineState } from './engine-state.ts'
import type { FirstSound } from './first-sound.ts'
import type { RequestDesk } from './request-desk.ts'
import type { OpenRequest } from './request-table.ts'
import type { SongState } from './song-state.ts'

export interface ReaderDeskDeps {
  readonly state: EngineState
  readonly desk: RequestDesk
  readonly firstSound: FirstSound
}

export class ReaderDesk {
  readonly #deps: ReaderDeskDeps

  constructor(deps: ReaderDeskDeps) {
    this.#deps = deps
  }

  moved(song: SongState, readerId: string, positionBytes: number): void {
    const { state } = this.#deps
    const beganAnew = song.readerMoved(readerId, positionBytes, state.now)
    this.dropUnwanted(song)
    // A song that comes alive only now is among the active ones from here on.
    state.songs.changed(song)
    if (beganAnew) this.#clearTheWay()
  }

  /** @returns whether there was such a reader. */
  stopped(song: SongState, readerId: string): boolean {
    const wasThere = song.readerStopped(readerId)
    if (wasThere) this.dropUnwanted(song)
    return wasThere
  }

  /** What nobody wants any more is not fetched on; what is here of it is kept. A chunk that is being stored is left to be stored. */
  dropUnwanted(song: SongState): void {
    const { state, desk } = this.#deps
    for (const chunk of [...song.progress.values()]) {
      if (chunk.phase === 'completing' || song.isWanted(chunk.chunkId)) continue
      if (chunk.phase === 'unstored' || chunk.blocksHere === 0) desk.discard(song, chunk)
      else for (const request of state.requests.ofChunk(chunk)) desk.cancel(request, 'unwanted')
    }
  }

  /** Throws away parked chunks that nobody came back for. @returns when to look again. */
  expireParked(songs: Iterable<SongState>): Millis {
    const { state, desk } = this.#deps
    let nextAt = Number.POSITIVE_INFINITY
    for (const song of songs) {
      for (const chunk of [...song.progress.values()]) {
        if (chunk.phase !== 'fetching' || song.isWanted(chunk.chunkId)) continue
        const expiresAt = chunk.activeAt + state.config.keptChunkMs
        if (expiresAt > state.now) nextAt = Math.min(nextAt, expiresAt)
        else desk.discard(song, chunk)
      }
    }
    return nextAt
  }

  /** Cancels what was urgent and is not any more, and as much of the rest as would hold up the first sound. */
  #clearTheWay(): void {
    const { state, desk, firstSound } = this.#deps
    const rest: OpenRequest[] = []
    const isUrgent = urgency(state.songs.active(), state.now)
    for (const request of [...state.requests.all()]) {
      if (isUrgent(request)) continue
      if (request.priority === 'play') desk.cancel(request, 'unwanted')
      else rest.push(request)
    }
    if (firstSound.awaitedUntil() === 0) return
    const rate = state.receiving.rateBytesPerSecond(state.now, state.config.rateTrustMs) ?? state.config.rateAssumedBytesPerSecond
    let spareBytes = (rate * state.config.firstSoundDelayMs) / 1000
    for (const request of rest.sort((a, b) => missingBytes(a) - missingBytes(b))) {
      spareBytes -= missingBytes(request)
      if (spareBytes < 0 && state.requests.get(request.requestId) !== undefined) desk.cancel(request, 'unwanted')
    }
  }
}

function urgency(songs: Iterable<SongState>, now: Millis): (request: OpenRequest) => boolean {
  const urgent = new Map<SongState, Set<number>>()
  for (const song of songs) if (song.hasReaders) urgent.set(song, new Set(song.window.urgentChunks(now).map(({ chunkId }) => chunkId)))
  return ({ song, chunk }) => urgent.get(song)?.has(chunk.chunkId) === true
}

function missingBytes({ sizeBytes, receivedBytes }: OpenRequest): number {
  return Math.max(0, sizeBytes - receivedBytes)
}
