// Applies the play queue to the songs that are known: how much of each is wanted ahead of its turn.
// Not the policy (play-queue).
// Invariant: a song that left the queue, or whose turn came, is wanted ahead no more; what was begun of it is parked.

import type { SongId } from '@evastream/core/ids'
import type { Millis } from '@evastream/core/units'
import type { EngineState } from '../engine-state.ts'
import type { ParkingDesk } from '../requests/parking-desk.ts'
import type { SongState } from '../songs/song-state.ts'
import { type PlayingSong, PlayQueue } from './play-queue.ts'

/** A player that has not come back this long (ms) after the music should have ended plays nothing. */
const END_OVER_MS = 30_000

export interface QueueSongs {
  /** Wanted whole, soon to be heard. */
  readonly next: readonly SongState[]
  /** Of which the first chunk is wanted, when there is nothing else to do. */
  readonly later: readonly SongState[]
  readonly changesAt: Millis
}

export class QueueDesk {
  readonly #state: EngineState
  readonly #parking: ParkingDesk
  readonly #queue: PlayQueue
  #ahead: SongState[] = []
  #ending: PlayingSong | undefined

  constructor(deps: { readonly state: EngineState; readonly parking: ParkingDesk }) {
    this.#state = deps.state
    this.#parking = deps.parking
    this.#queue = new PlayQueue(deps.state.config)
  }

  get songIds(): readonly SongId[] {
    return this.#queue.songIds
  }

  replace(songIds: readonly SongId[]): void {
    this.#queue.replace(songIds)
  }

  /** A player read the song to its end and closed its connection: the music goes on with what it holds, and then comes the next. */
  readerLeft(song: SongState, endsAt: Millis): void {
    this.#ending = { songId: song.songId, beganAt: 0, endsAt }
  }

  readerCame(): void {
    this.#ending = undefined
  }

  /** What is wanted of the songs to come by now. */
  look(): QueueSongs {
    const { songs, now } = this.#state
    if (this.#queue.songIds.length === 0 && this.#ahead.length === 0) return { next: [], later: [], changesAt: Number.POSITIVE_INFINITY }
    const outlook = this.#queue.outlook(this.#playing(), now)
    const ahead: SongState[] = []
    for (const { songId, extent, originFrom } of outlook.songs) {
      const song = songs.get(songId)
      if (song === undefined) continue
      song.wantAhead(extent, originFrom)
      ahead.push(song)
    }
    for (const song of this.#ahead) if (!ahead.includes(song)) song.wantAhead('nothing', 0)
    for (const song of new Set([...this.#ahead, ...ahead])) {
      this.#parking.parkUnwanted(song)
      songs.changed(song)
    }
    this.#ahead = ahead
    const wanted = ahead.filter(song => song.wantedCount > 0)
    return {
      next: wanted.filter(song => song.ahead === 'whole'),
      later: wanted.filter(song => song.ahead === 'first-chunk' && song.interest === 'idle'),
      changesAt: outlook.changesAt,
    }
  }

  #playing(): PlayingSong[] {
    const { songs, now } = this.#state
    const playing: PlayingSong[] = []
    for (const { songId, window } of songs.listened())
      playing.push({ songId, beganAt: window.lastBeganAt, endsAt: window.musicEndsAt(now) ?? now })
    if (this.#ending !== undefined && now < this.#ending.endsAt + END_OVER_MS) playing.push(this.#ending)
    return playing
  }
}
