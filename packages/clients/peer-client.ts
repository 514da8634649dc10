// A peer's own HTTP interface, as the command line of the same machine asks it: what it holds, what was played, what comes next.
// Not the protocol between peers, and not the audio: players fetch that themselves.
// Invariant: a reply fits its schema or is an EvaError; the words in it are still a stranger's.

import { toEvaError } from '@evastream/core/errors'
import type { SongId } from '@evastream/core/ids'
import { PeerPlays, PeerSongs, PeerStatus, type Play, PlayQueue } from '@evastream/protocol/peer-http'
import { schemaCheck } from '@evastream/service-kit/schema-check'
import { ServiceCaller, type ServiceCallOptions } from './service-call.ts'

const checks = {
  status: schemaCheck(PeerStatus),
  songs: schemaCheck(PeerSongs),
  plays: schemaCheck(PeerPlays),
  queue: schemaCheck(PlayQueue),
}

export class PeerClient {
  /** As it was given, without a slash at its end. */
  readonly url: string
  readonly #caller: ServiceCaller

  constructor(options: ServiceCallOptions) {
    this.url = options.baseUrl.replace(/\/+$/, '')
    this.#caller = new ServiceCaller('peer', options)
  }

  async status(signal?: AbortSignal): Promise<PeerStatus> {
    return this.#caller.json(checks.status, { method: 'GET', path: '/api/status', signal })
  }

  /** The songs known there. */
  async songs(signal?: AbortSignal): Promise<PeerSongs['songs']> {
    return (await this.#caller.json(checks.songs, { method: 'GET', path: '/api/songs', signal })).songs
  }

  /** Newest first. */
  async plays(signal?: AbortSignal): Promise<readonly Play[]> {
    return (await this.#caller.json(checks.plays, { method: 'GET', path: '/api/plays', signal })).plays
  }

  async queue(signal?: AbortSignal): Promise<readonly string[]> {
    return (await this.#caller.json(checks.queue, { method: 'GET', path: '/api/queue', signal })).songIds
  }

  /** What comes next for all who listen there. */
  async queues(signal?: AbortSignal): Promise<readonly string[]> {
    return (await this.#caller.json(checks.queue, { method: 'GET', path: '/api/queues', signal })).songIds
  }

  /** @throws EvaError `EVA_SONG_NOT_FOUND` naming the song, `EVA_NOT_READY`, or a failed call's. */
  async orderQueue(songIds: readonly SongId[], signal?: AbortSignal): Promise<readonly string[]> {
    return (await this.#caller.json(checks.queue, { method: 'PUT', path: '/api/queue', body: { songIds }, signal })).songIds
  }

  /** Makes the song known there without fetching any of it. @throws EvaError `EVA_SONG_NOT_FOUND`, `EVA_NOT_READY`, or a failed call's. */
  async openSong(songId: SongId, signal?: AbortSignal): Promise<void> {
    await this.#caller.exchange({ method: 'GET', path: `/songs/${encodeURIComponent(songId)}.m3u8`, signal })
  }

  /** Whether an EvaStream peer answers there at all. */
  async isThere(signal?: AbortSignal): Promise<boolean> {
    const outcome = await this.status(signal).catch(toEvaError)
    return !(outcome instanceof Error)
  }

  async close(): Promise<void> {
    await this.#caller.close()
  }
}
