// What follows for the requests under way when a reader comes, seeks or goes.
// Not what is asked for next (download-planner) and not what is urgent (playback-window).
// Invariant: a block that is verified is not thrown away because a reader left or sought: its chunk is parked (parking-desk).

import type { Millis } from '@evastream/core/units'
import type { EngineState } from '../engine-state.ts'
import type { PlaybackMoved } from '../events.ts'
import { isCrowdWaiting } from '../leases/crowd-duty.ts'
import type { ParkingDesk } from '../requests/parking-desk.ts'
import type { RequestDesk } from '../requests/request-desk.ts'
import type { OpenRequest } from '../requests/request-table.ts'
import type { SongState } from '../songs/song-state.ts'
import type { FirstSound } from './first-sound.ts'
import type { QueueDesk } from './queue-desk.ts'

export interface ReaderDeskDeps {
  readonly state: EngineState
  readonly desk: RequestDesk
  readonly firstSound: FirstSound
  readonly parking: ParkingDesk
  readonly queue: Pick<QueueDesk, 'readerCame' | 'readerLeft'>
}

export class ReaderDesk {
  readonly #deps: ReaderDeskDeps

  constructor(deps: ReaderDeskDeps) {
    this.#deps = deps
  }

  /** @returns whether a reader that is heard began anew. */
  moved(song: SongState, { readerId, positionBytes, isReadAhead = false }: PlaybackMoved): boolean {
    const { state, parking, queue } = this.#deps
    const beganAnew = song.readerMoved(readerId, positionBytes, state.now, !isReadAhead)
    song.audioCame(state.now)
    parking.parkUnwanted(song)
    // A song that comes alive only now is among the active ones from here on.
    state.songs.changed(song)
    if (!beganAnew) return false
    queue.readerCame()
    this.#clearTheWay()
    return true
  }

  /** @returns whether there was such a reader. */
  stopped(song: SongState, readerId: string): boolean {
    const { state, parking, queue } = this.#deps
    const endsAt = song.window.lastMusicEndsAt(readerId, state.now)
    if (!song.readerStopped(readerId)) return false
    if (endsAt !== undefined && !song.hasReaders) queue.readerLeft(song, endsAt)
    parking.parkUnwanted(song)
    return true
  }

  /** Cancels what was urgent and is not any more, and as much of the rest as would hold up the first sound. */
  #clearTheWay(): void {
    const { state, desk, firstSound } = this.#deps
    const rest: OpenRequest[] = []
    const isUrgent = urgency(state.songs.active(), state.now)
    for (const request of [...state.requests.all()]) {
      if (isUrgent(request)) continue
      if (request.priority === 'play') desk.cancel(request, 'unwanted')
      else if (!isBroughtToACrowd(state, request)) rest.push(request)
    }
    if (firstSound.awaited().until === 0) return
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

/** Others wait for it. */
function isBroughtToACrowd(state: EngineState, { source, song, chunk }: OpenRequest): boolean {
  return source.kind === 'origin' && song.leases.grants.has(chunk.chunkId) && isCrowdWaiting(state, song)
}

function missingBytes({ sizeBytes, receivedBytes }: OpenRequest): number {
  return Math.max(0, sizeBytes - receivedBytes)
}
