// How much of each song to come is wanted by now, as the music of the one being played runs out.
// Not how it is fetched (download-planner) and not whose turn it is to play: the order of the queue says that.
// Invariant: at most one song is wanted whole, and of at most `queueSongsAhead` after it the first chunk; a song being played is never
// among them.

import type { SongId } from '@evastream/core/ids'
import type { Millis } from '@evastream/core/units'

export interface PlayQueueOptions {
  readonly queuePeersMs: Millis
  readonly queueOriginMs: Millis
  readonly queueSongsAhead: number
}

/** A song that somebody hears. */
export interface PlayingSong {
  readonly songId: SongId
  /** When somebody last began to hear it, or sought in it. */
  readonly beganAt: Millis
  /** When its music is over, if it need not wait. */
  readonly endsAt: Millis
}

export interface QueuedSong {
  readonly songId: SongId
  readonly extent: 'first-chunk' | 'whole'
  /** From when on the origin may be asked for more than the first chunk. */
  readonly originFrom: Millis
}

export interface QueueOutlook {
  /** In the order in which they will be played. */
  readonly songs: readonly QueuedSong[]
  /** When the outlook changes though nothing happens by then. */
  readonly changesAt: Millis
}

/** Once wanted whole, a song stays so until this many times as much music remains: a stall or a small step back changes nothing. */
const SECOND_THOUGHTS_FACTOR = 1.5
const NEVER = Number.POSITIVE_INFINITY

export class PlayQueue {
  readonly #options: PlayQueueOptions
  #songIds: readonly SongId[] = []
  #wholeSongId: SongId | undefined

  constructor(options: PlayQueueOptions) {
    this.#options = options
  }

  get songIds(): readonly SongId[] {
    return this.#songIds
  }

  /** A song that is named twice counts where it comes first. */
  replace(songIds: readonly SongId[]): void {
    this.#songIds = [...new Set(songIds)]
  }

  outlook(playing: readonly PlayingSong[], now: Millis): QueueOutlook {
    const { queuePeersMs, queueOriginMs, queueSongsAhead } = this.#options
    const current = lastBegun(playing)
    const [next, ...later] = this.#songIds.filter(songId => !playing.some(other => other.songId === songId))
    const endsAt = current?.endsAt ?? NEVER
    const isWholeSince = next !== undefined && next === this.#wholeSongId
    const wholeFrom = endsAt - queuePeersMs * (isWholeSince ? SECOND_THOUGHTS_FACTOR : 1)
    this.#wholeSongId = next !== undefined && now >= wholeFrom ? next : undefined
    if (next === undefined) return { songs: [], changesAt: NEVER }
    const isWhole = this.#wholeSongId !== undefined
    const originFrom = endsAt - queueOriginMs
    const first: QueuedSong = { songId: next, extent: isWhole ? 'whole' : 'first-chunk', originFrom }
    return {
      songs: [first, ...later.slice(0, queueSongsAhead).map(songId => ({ songId, extent: 'first-chunk' as const, originFrom: NEVER }))],
      changesAt: isWhole ? (originFrom > now ? originFrom : NEVER) : wholeFrom,
    }
  }
}

/** The one that the queue follows: a player opens the next song before the one it plays is over. */
function lastBegun(playing: readonly PlayingSong[]): PlayingSong | undefined {
  let last: PlayingSong | undefined
  for (const song of playing) if (last === undefined || song.beganAt > last.beganAt) last = song
  return last
}
