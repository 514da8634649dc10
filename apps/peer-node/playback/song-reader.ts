// One connection of a player to a song: where it reads, how long what it got lasts, and the next bytes for it.
// Not the song's arrival (the Scheduler is told where it reads) and not HTTP (song-stream.ts).
// Invariant: the Scheduler hears of every position that has to be waited for before the wait begins.

import type { ChunkId } from '@evastream/core/ids'
import { byteRateBytesPerSecond, type Manifest } from '@evastream/core/manifest'
import { KIB, type Millis, SECOND_MS } from '@evastream/core/units'
import type { Clock } from '@evastream/service-kit/system-clock'
import { MusicClock } from './music-clock.ts'
import type { VerifiedAudio } from './verified-audio.ts'

export interface SongReaderDeps {
  readonly audio: Pick<VerifiedAudio, 'read' | 'readableBytes'>
  readonly clock: Clock
  moved(positionBytes: number): void
  /** The first audio, so long (ms) after the player asked for it. */
  sounded(waitedMs: number): void
  stalled(waitedMs: number): void
  delivered(chunkId: ChunkId): void
  closed(): void
}

export interface SongReaderOptions {
  readonly song: Manifest
  readonly positionBytes: number
  /** When the player asked. */
  readonly askedAt: Millis
}

/** Given at a time: little enough to wait for a slow player with, enough for a fast disk. */
const SLICE_BYTES = 256 * KIB
/** A shorter wait is nothing that a player's own buffer does not hide. */
const STALL_MIN_MS = 50
/** How far ahead the buffer is looked at: enough for whoever asks whether it runs dry. */
const LOOK_AHEAD_MS = 10 * SECOND_MS

export class SongReader {
  readonly #deps: SongReaderDeps
  readonly #song: Manifest
  readonly #askedAt: Millis
  readonly #music: MusicClock
  readonly #abort = new AbortController()
  #positionBytes: number

  constructor(deps: SongReaderDeps, options: SongReaderOptions) {
    this.#deps = deps
    this.#song = options.song
    this.#askedAt = options.askedAt
    this.#positionBytes = options.positionBytes
    const rate = byteRateBytesPerSecond(options.song)
    this.#music = new MusicClock({ positionBytes: options.positionBytes, byteRateBytesPerSecond: rate })
  }

  get positionBytes(): number {
    return this.#positionBytes
  }

  get isAtEnd(): boolean {
    return this.#positionBytes >= this.#song.fileSize
  }

  /** The next bytes, at most `lengthMaxBytes` of them, as soon as there are any. @throws EvaError `EVA_CANCELLED` once closed */
  async read(positionBytes: number, lengthMaxBytes: number): Promise<Uint8Array> {
    const { audio, clock } = this.#deps
    this.#positionBytes = positionBytes
    this.#deps.moved(positionBytes)
    this.#music.asked(clock.now())
    const stretch = { offsetBytes: positionBytes, lengthMaxBytes: Math.min(SLICE_BYTES, lengthMaxBytes) }
    const bytes = await audio.read(this.#song, stretch, this.#abort.signal)
    this.#gave(positionBytes, bytes.length)
    return bytes
  }

  /** For how long (ms) the music goes on with what was given and what lies ready; undefined when nothing can run dry. */
  bufferMs(): number | undefined {
    if (!this.#music.hasBegun) return undefined
    const { fileSize } = this.#song
    const lookAheadBytes = Math.ceil((LOOK_AHEAD_MS * fileSize) / Math.max(1, this.#music.durationOfMs(fileSize)))
    const readyBytes = this.#deps.audio.readableBytes(this.#song, { offsetBytes: this.#positionBytes, lengthMaxBytes: lookAheadBytes })
    if (this.#positionBytes + readyBytes >= fileSize) return undefined
    return this.#music.bufferMs(this.#deps.clock.now()) + this.#music.durationOfMs(readyBytes)
  }

  /** For how long (ms) the music goes on with what was given alone. */
  get givenMs(): number {
    return this.#music.bufferMs(this.#deps.clock.now())
  }

  close(): void {
    if (this.#abort.signal.aborted) return
    this.#abort.abort()
    this.#deps.closed()
  }

  #gave(positionBytes: number, lengthBytes: number): void {
    const now = this.#deps.clock.now()
    if (!this.#music.hasBegun) this.#deps.sounded(now - this.#askedAt)
    const waitedMs = this.#music.given(positionBytes + lengthBytes, now)
    if (waitedMs >= STALL_MIN_MS) this.#deps.stalled(waitedMs)
    this.#positionBytes = positionBytes + lengthBytes
    const { chunkSize } = this.#song
    const last = Math.floor((this.#positionBytes - 1) / chunkSize)
    for (let chunkId = Math.floor(positionBytes / chunkSize); chunkId <= last; chunkId++) this.#deps.delivered(chunkId)
  }
}
