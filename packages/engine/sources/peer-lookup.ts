// When the tracker is asked who holds a song, and how long its answer is worth waiting for.
// Not the answer itself: peer-listed events fill the peer table.
// Invariant: a song's lookups are at least `findPeersPauseMs` apart and never two at once, and nobody waits for one for ever.

import type { Millis } from '@evastream/core/units'
import type { EngineState } from '../engine-state.ts'
import type { SongState } from '../songs/song-state.ts'

export class PeerLookup {
  readonly #state: EngineState

  constructor(state: EngineState) {
    this.#state = state
  }

  /** Asks if it is time to, for a song that wants chunks. @returns when to look again. */
  tick(song: SongState): Millis {
    const { config, now } = this.#state
    const { lookup } = song
    const lostAt = lookup.askedAt + config.findPeersLostMs
    if (lookup.isPending && now < lostAt) return lostAt
    if (now < lookup.dueAt) return lookup.dueAt
    if (now - lookup.askedAt < config.findPeersIntervalMs && !this.#isStarving(song)) {
      lookup.dueAt = lookup.askedAt + config.findPeersIntervalMs
      return lookup.dueAt
    }
    this.#ask(song)
    return lookup.askedAt + config.findPeersLostMs
  }

  /** Nobody is known to hold a chunk: until when to wait for the tracker before believing it. 0: it is so. */
  waitUntil(song: SongState): Millis {
    const { config, now } = this.#state
    const { lookup } = song
    if (now - lookup.settledAt < config.findPeersFreshMs) return 0
    if (!lookup.isPending && now - lookup.askedAt >= config.findPeersPauseMs) this.#ask(song)
    const until = lookup.askedAt + config.findPeersWaitMs
    return lookup.isPending && until > now ? until : 0
  }

  settled(song: SongState): void {
    const { config, now, peers } = this.#state
    const { lookup } = song
    const knownCount = peers.holdingsOf(song.songId).size
    const isNews = knownCount > lookup.knownCount
    lookup.isPending = false
    lookup.settledAt = now
    lookup.knownCount = knownCount
    lookup.crowdPauseMs = isNews ? config.crowdLookupMs : Math.min(2 * lookup.crowdPauseMs, config.findPeersStarvingIntervalMs)
  }

  #ask(song: SongState): void {
    const { config, now } = this.#state
    song.lookup.isPending = true
    song.lookup.askedAt = now
    song.lookup.dueAt = now + config.findPeersStarvingIntervalMs
    this.#state.emit({ kind: 'find-peers', songId: song.songId })
  }

  #isStarving(song: SongState): boolean {
    const copies = this.#state.peers.copiesOf(song.songId)
    return (
      song.unstarted().some(chunkId => copies[chunkId] === 0) ||
      [...song.progress.keys()].some(chunkId => copies[chunkId] === 0 && song.isWanted(chunkId))
    )
  }
}
