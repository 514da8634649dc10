// The plays of this node: when each began, how soon it was heard, how often it stalled, and where its bytes came from.
// Not the readers themselves (song-reader.ts): a play is all connections that a player opens for one song, until it opens no more.
// Invariant: the bytes of a chunk count once per play, as from the network if they came for this play, else as from the own cache.

import type { ChunkId, PeerId, SongId } from '@evastream/core/ids'
import { chunkLengthBytes, type Manifest } from '@evastream/core/manifest'
import { MINUTE_MS, type Millis, SECOND_MS } from '@evastream/core/units'
import type { Play } from '@evastream/protocol/peer-http'
import type { Clock, Timers } from '@evastream/service-kit/system-clock'
import { Counter, Histogram, type Registry } from 'prom-client'
import type { VerifiedChunk } from '../download/chunk-downloads.ts'

export interface PlayLogDeps {
  readonly clock: Clock
  readonly timers: Pick<Timers, 'after'>
  readonly registry: Registry
  playStarted(songId: SongId): void
  playEnded(play: Play): void
}

/** A player that opens no other connection to the song within this time has ended the play. */
const REOPEN_MS = 2 * SECOND_MS
const PLAYS_KEPT_MAX = 50
/** What came for a song counts as for its next play if that begins within this time. */
const FRESH_MS = 30 * MINUTE_MS
const STARTUP_BUCKETS_SECONDS = [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10]

interface OpenPlay {
  readonly song: Manifest
  readonly startedAtMs: Millis
  /** The chunks that were given to the player, and whether they were in the store when the first byte of them was. */
  readonly touched: Map<ChunkId, 'stored' | 'arriving'>
  readerCount: number
  startupMs: number | undefined
  stallCount: number
  stalledMs: number
  cancelEnd: () => void
}

interface Arrived {
  readonly at: Millis
  readonly originBytes: number
  readonly peerBytes: number
  readonly peerIds: readonly PeerId[]
}

interface FreshSong {
  readonly chunks: Map<ChunkId, Arrived>
  /** When the last of them came. */
  lastAt: Millis
}

export class PlayLog {
  readonly #deps: PlayLogDeps
  readonly #open = new Map<SongId, OpenPlay>()
  /** The newest first. */
  readonly #over: Play[] = []
  /** What came from the network and was not played to the end of a play since. */
  readonly #fresh = new Map<SongId, FreshSong>()
  readonly #startup: Histogram
  readonly #stalls: Counter

  constructor(deps: PlayLogDeps) {
    this.#deps = deps
    const registers = [deps.registry]
    this.#startup = new Histogram({
      name: 'evastream_playback_startup_seconds',
      help: 'From the request of a player to the first audio given to it',
      buckets: STARTUP_BUCKETS_SECONDS,
      registers,
    })
    this.#stalls = new Counter({
      name: 'evastream_playback_stalls_total',
      help: 'Times that the music had to wait for bytes after it had begun',
      registers,
    })
  }

  /** A player opened a connection to the song. */
  readerOpened(song: Manifest, positionBytes: number): void {
    const before = this.#open.get(song.id)
    if (before !== undefined && positionBytes === 0 && isPlayedOut(before)) this.#end(before)
    const play = this.#open.get(song.id) ?? this.#begin(song)
    play.cancelEnd()
    play.readerCount++
  }

  readerClosed(songId: SongId): void {
    const play = this.#open.get(songId)
    if (play === undefined) return
    play.readerCount--
    if (play.readerCount === 0) play.cancelEnd = this.#deps.timers.after(REOPEN_MS, () => this.#end(play))
  }

  /** The first audio of a reader, `waitedMs` after its player asked. Only a play's first counts as its start. */
  sounded(songId: SongId, waitedMs: number): void {
    const play = this.#open.get(songId)
    if (play === undefined || play.startupMs !== undefined) return
    play.startupMs = waitedMs
    this.#startup.observe(waitedMs / SECOND_MS)
  }

  stalled(songId: SongId, waitedMs: number): void {
    const play = this.#open.get(songId)
    if (play === undefined) return
    play.stallCount++
    play.stalledMs += waitedMs
    this.#stalls.inc()
  }

  /** Bytes of this chunk were given to a player. */
  delivered(songId: SongId, chunkId: ChunkId, from: 'stored' | 'arriving'): void {
    const touched = this.#open.get(songId)?.touched
    if (touched?.has(chunkId) === false) touched.set(chunkId, from)
  }

  chunkVerified({ songId, chunkId, split, peerIds }: VerifiedChunk): void {
    const at = this.#deps.clock.now()
    const fresh = this.#fresh.get(songId) ?? { chunks: new Map<ChunkId, Arrived>(), lastAt: at }
    // In the order of their last arrival, so that what grew old is found in front.
    this.#fresh.delete(songId)
    this.#fresh.set(songId, fresh)
    fresh.chunks.set(chunkId, { at, ...split, peerIds })
    fresh.lastAt = at
    for (const [oldSongId, { lastAt }] of this.#fresh) {
      if (this.#open.has(oldSongId) || at - lastAt < FRESH_MS) break
      this.#fresh.delete(oldSongId)
    }
  }

  /** The newest first; those under way before all others. */
  recent(): Play[] {
    return [...[...this.#open.values()].toReversed().map(play => this.#describe(play, false)), ...this.#over].slice(0, PLAYS_KEPT_MAX)
  }

  /** Ends every play at once. */
  close(): void {
    for (const play of [...this.#open.values()]) this.#end(play)
  }

  #begin(song: Manifest): OpenPlay {
    const startedAtMs = this.#deps.clock.now()
    const counts = { readerCount: 0, startupMs: undefined, stallCount: 0, stalledMs: 0, cancelEnd: () => {} }
    const play: OpenPlay = { song, startedAtMs, touched: new Map(), ...counts }
    this.#open.set(song.id, play)
    this.#deps.playStarted(song.id)
    return play
  }

  #end(play: OpenPlay): void {
    play.cancelEnd()
    this.#open.delete(play.song.id)
    // A player that only looked (a probe of the headers) played nothing.
    if (play.touched.size > 0) {
      const over = this.#describe(play, true)
      this.#over.unshift(over)
      this.#over.splice(PLAYS_KEPT_MAX)
      this.#deps.playEnded(over)
    }
    this.#fresh.delete(play.song.id)
  }

  #describe(play: OpenPlay, isOver: boolean): Play {
    const { song, touched, startedAtMs, startupMs, stallCount, stalledMs } = play
    const fresh = this.#fresh.get(song.id)?.chunks
    const peerIds = new Set<PeerId>()
    const sum = { originBytes: 0, peerBytes: 0, cacheBytes: 0 }
    for (const [chunkId, from] of touched) {
      const arrived = fresh?.get(chunkId)
      sum.originBytes += arrived?.originBytes ?? 0
      sum.peerBytes += arrived?.peerBytes ?? 0
      if (arrived === undefined && from === 'stored') sum.cacheBytes += chunkLengthBytes(song, chunkId)
      for (const peerId of arrived?.peerIds ?? []) peerIds.add(peerId)
    }
    const deliveredBytes = sum.originBytes + sum.peerBytes + sum.cacheBytes
    const heard = startupMs === undefined ? {} : { startupMs: Math.round(startupMs) }
    return {
      songId: song.id,
      startedAtMs: Math.round(startedAtMs),
      isOver,
      deliveredBytes,
      ...sum,
      peerCount: peerIds.size,
      ...heard,
      stallCount,
      stalledMs: Math.round(stalledMs),
    }
  }
}

/** Every chunk was given to its player, who has gone: who begins at the beginning now plays it once more. */
function isPlayedOut({ song, touched, readerCount }: OpenPlay): boolean {
  return readerCount === 0 && touched.size === song.chunkCount
}
