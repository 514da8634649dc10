// One play through one peer: the songs made known, the queue ordered, and afterwards what it came to.
// Not the player, and not the peer's start.
// Invariant: a queue that somebody else ordered meanwhile is left alone; a song that is unknown ends the play before it begins.

import type { PeerClient } from '@evastream/clients/peer-client'
import { EvaError, toEvaError } from '@evastream/core/errors'
import type { SongId } from '@evastream/core/ids'
import { streamPathOf } from '@evastream/protocol/stream-path'
import { type EarlierPlays, earlierPlaysOf, type SongPlay, summarise } from './play-summary.ts'

export class PlaySession {
  /** Where each song is served, in the order of the play. */
  readonly urls: readonly string[]
  readonly #client: PeerClient
  readonly #songIds: readonly SongId[]
  readonly #titles: ReadonlyMap<string, string>
  readonly #earlier: EarlierPlays

  private constructor(
    client: PeerClient,
    made: Pick<PlaySession, 'urls'> & { songIds: readonly SongId[]; titles: ReadonlyMap<string, string>; earlier: EarlierPlays },
  ) {
    this.#client = client
    this.urls = made.urls
    this.#songIds = made.songIds
    this.#titles = made.titles
    this.#earlier = made.earlier
  }

  /** @throws EvaError `EVA_SONG_NOT_FOUND` naming the song, `EVA_NOT_READY`, or a failed call's */
  static async begin(client: PeerClient, songIds: readonly SongId[]): Promise<PlaySession> {
    const [first, ...rest] = songIds
    if (first !== undefined) await client.openSong(first)
    await client.orderQueue(rest)
    const [known, plays] = await Promise.all([client.songs(), client.plays()])
    const songs = new Map(known.map(song => [song.songId, song]))
    return new PlaySession(client, {
      songIds,
      urls: songIds.map(songId => `${client.url}${streamPathOf({ songId, mimeType: songs.get(songId)?.mimeType })}`),
      titles: new Map(songIds.map(songId => [songId, songs.get(songId)?.title ?? songId])),
      earlier: earlierPlaysOf(plays),
    })
  }

  async summary(): Promise<SongPlay[]> {
    return summarise(await this.#client.plays(), { songs: this.#titles, earlier: this.#earlier })
  }

  /** Takes back what of our queue was not played. A peer that is gone meanwhile has no queue either, so it throws nothing. */
  async end(): Promise<void> {
    const left = await this.#client.queue().catch(toEvaError)
    if (left instanceof EvaError || left.length === 0 || left.join() !== this.#songIds.slice(-left.length).join()) return
    await this.#client.orderQueue([]).catch(toEvaError)
  }
}
