// The readers of this node: opened for players, told to the Scheduler, closed when the player leaves or the node does.
// Not the bytes (verified-audio.ts), not one reader's clock (song-reader.ts), and no policy: what is urgent, the Scheduler decides.
// Invariant: every reader that the Scheduler was told of is also told as stopped, once.

import { EvaError } from '@evastream/core/errors'
import type { SongId } from '@evastream/core/ids'
import type { Manifest } from '@evastream/core/manifest'
import { type Millis, SECOND_MS } from '@evastream/core/units'
import type { Play } from '@evastream/protocol/peer-http'
import type { Clock, Timers } from '@evastream/service-kit/system-clock'
import type { PlayLog } from './play-log.ts'
import { SongReader } from './song-reader.ts'
import { readTail, type TailReaderDeps } from './tail-reader.ts'
import type { VerifiedAudio } from './verified-audio.ts'

export interface PlaybackDeskDeps extends TailReaderDeps {
  readonly coordinator: TailReaderDeps['coordinator'] & { playbackMoved(songId: SongId, readerId: string, positionBytes: number): void }
  readonly audio: Pick<VerifiedAudio, 'read' | 'readableBytes' | 'isStored'>
  readonly plays: Pick<PlayLog, 'readerOpened' | 'readerClosed' | 'sounded' | 'stalled' | 'delivered' | 'recent' | 'close'>
  readonly clock: Clock
  readonly timers: Pick<Timers, 'after'>
}

/** Connections of players at a time. */
export const READERS_MAX = 64
const READERS_RETRY_AFTER_MS = 2 * SECOND_MS
/** A player that seeks closes one connection and opens another: what is on its way is not called off for so short a time. */
const REOPEN_MS = 100

interface DeskReader {
  readonly reader: SongReader
  readonly song: Manifest
  readonly readerId: string
  readonly left: AbortController
}

export class PlaybackDesk {
  readonly #deps: PlaybackDeskDeps
  readonly #readers = new Set<DeskReader>()
  /** Readers that left and are not told as stopped yet: what tells it. */
  readonly #leaving = new Map<string, { readonly songId: SongId; readonly cancel: () => void }>()
  #isClosed = false
  #lastReaderNumber = 0

  constructor(deps: PlaybackDeskDeps) {
    this.#deps = deps
  }

  /** @throws EvaError `EVA_LIMIT_REACHED` */
  open(song: Manifest, positionBytes: number, askedAt: Millis): SongReader {
    if (this.#readers.size >= READERS_MAX || this.#isClosed)
      throw new EvaError('EVA_LIMIT_REACHED', { details: { what: 'players', limit: READERS_MAX, retryAfterMs: READERS_RETRY_AFTER_MS } })
    const { audio, clock, coordinator, plays } = this.#deps
    const readerId = `reader-${++this.#lastReaderNumber}`
    const left = new AbortController()
    const reader = new SongReader(
      {
        audio,
        clock,
        moved: position => {
          coordinator.playbackMoved(song.id, readerId, position)
          // Somebody reads this song anew: whoever left it has left.
          this.#dismissLeaving(({ songId }) => songId === song.id)
        },
        sounded: waitedMs => {
          plays.sounded(song.id, waitedMs)
          // Whoever hears this song hears no other any more, however far that one was read.
          this.#dismissLeaving(({ songId }) => songId !== song.id)
          void readTail(this.#deps, { song, readerId: `${readerId}-tail` }, left.signal)
        },
        stalled: waitedMs => plays.stalled(song.id, waitedMs),
        delivered: chunkId => plays.delivered(song.id, chunkId, audio.isStored(song, chunkId) ? 'stored' : 'arriving'),
        closed: () => this.#closed(entry),
      },
      { song, positionBytes, askedAt },
    )
    const entry: DeskReader = { reader, song, readerId, left }
    this.#readers.add(entry)
    plays.readerOpened(song, positionBytes)
    return reader
  }

  /** The least music (ms) that a reader has ahead in verified bytes; undefined while nobody plays, or nothing can run dry. */
  get bufferMs(): number | undefined {
    let least: number | undefined
    for (const { reader } of this.#readers) {
      const bufferMs = reader.bufferMs()
      if (bufferMs !== undefined && (least === undefined || bufferMs < least)) least = bufferMs
    }
    return least
  }

  /** Songs with a reader, and songs that were read to the end and whose music still plays. */
  get playingSongIds(): readonly SongId[] {
    return [...new Set([...this.#readers].map(({ song }) => song.id).concat([...this.#leaving.values()].map(({ songId }) => songId)))]
  }

  /** Where the readers of a song read (bytes). */
  positionsOf(songId: SongId): readonly number[] {
    return [...this.#readers].filter(({ song }) => song.id === songId).map(({ reader }) => reader.positionBytes)
  }

  recentPlays(): Play[] {
    return this.#deps.plays.recent()
  }

  close(): void {
    this.#isClosed = true
    for (const { reader } of [...this.#readers]) reader.close()
    for (const readerId of [...this.#leaving.keys()]) this.#stopped(readerId)
    this.#deps.plays.close()
  }

  /** The Scheduler goes on thinking of a reader that read to the end until its music is over: then comes the next song. */
  #closed(entry: DeskReader): void {
    const { reader, song, readerId, left } = entry
    this.#readers.delete(entry)
    left.abort()
    this.#deps.plays.readerClosed(song.id)
    const lingerMs = reader.isAtEnd ? reader.givenMs + REOPEN_MS : REOPEN_MS
    this.#leaving.set(readerId, { songId: song.id, cancel: this.#deps.timers.after(lingerMs, () => this.#stopped(readerId)) })
  }

  #dismissLeaving(isOver: (leaving: { readonly songId: SongId }) => boolean): void {
    for (const [readerId, leaving] of [...this.#leaving]) if (isOver(leaving)) this.#stopped(readerId)
  }

  #stopped(readerId: string): void {
    const leaving = this.#leaving.get(readerId)
    if (leaving === undefined) return
    this.#leaving.delete(readerId)
    leaving.cancel()
    this.#deps.coordinator.playbackStopped(leaving.songId, readerId)
  }
}
