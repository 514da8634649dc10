// What is urgent: from where each reader reads, and when the music needs which byte.
// Not the order of fetching (deadline-first), and not the reader's appetite: players read ahead as fast as they can, so deadlines
// run with the music, position ÷ byte rate, from where the reader began or was last found waiting.
// Invariant: a chunk that no reader has before it has no deadline.

import type { ChunkId } from '@evastream/core/ids'
import type { SongShape } from '@evastream/core/manifest'
import { BLOCK_SIZE_BYTES, type Millis } from '@evastream/core/units'

interface Reader {
  positionBytes: number
  /** The byte `anchorBytes` is heard at `anchorAt`; later ones follow at the byte rate. */
  anchorBytes: number
  anchorAt: Millis
  /** When it came, or last sought. */
  beganAt: Millis
  beganBytes: number
  /** Somebody waits to hear it. */
  readonly isHeard: boolean
}

export interface PlaybackWindowOptions {
  readonly shape: SongShape
  readonly byteRateBytesPerSecond: number
  readonly windowMs: number
  readonly windowChunks: number
  readonly urgentChunksMax: number
  readonly startBudgetMs: number
  readonly startBytes: number
}

export interface UrgentChunk {
  readonly chunkId: ChunkId
  readonly deadlineAt: Millis
  /** The first byte of it that is needed; the ones before it can wait. */
  readonly firstByte: number
}

export class PlaybackWindow {
  readonly #options: PlaybackWindowOptions
  readonly #bytesPerMs: number
  readonly #windowBytes: number
  readonly #readers = new Map<string, Reader>()

  constructor(options: PlaybackWindowOptions) {
    this.#options = options
    const rate = options.byteRateBytesPerSecond
    this.#bytesPerMs = (Number.isFinite(rate) && rate > 0 ? rate : 1) / 1000
    this.#windowBytes = Math.max(options.windowMs * this.#bytesPerMs, options.windowChunks * options.shape.chunkSize)
  }

  get readerCount(): number {
    return this.#readers.size
  }

  /** The first chunk that some reader still needs; undefined when nobody reads. */
  get firstChunk(): ChunkId | undefined {
    let first: ChunkId | undefined
    for (const { positionBytes } of this.#readers.values()) {
      const chunkId = this.#chunkAt(positionBytes)
      if (first === undefined || chunkId < first) first = chunkId
    }
    return first
  }

  /**
   * `isHere` tells a step along music that is here from a seek, which starts the deadlines anew.
   * @returns whether a reader that is heard began anew: it is new, or it sought.
   */
  moved(
    readerId: string,
    positionBytes: number,
    context: { readonly at: Millis; readonly isHeard?: boolean; isHere(fromByte: number, sizeBytes: number): boolean },
  ): boolean {
    const { at, isHeard = true } = context
    const position = Math.min(Math.max(0, positionBytes), this.#options.shape.fileSize)
    const reader = this.#readers.get(readerId)
    if (reader === undefined || this.#isSeek(reader, position, context.isHere)) {
      const anchorAt = at + this.#options.startBudgetMs
      this.#readers.set(readerId, { positionBytes: position, anchorBytes: position, anchorAt, beganAt: at, beganBytes: position, isHeard })
      return isHeard
    }
    // Who reads on hears something.
    if (position > reader.positionBytes && reader.anchorAt > at) reader.anchorAt = at
    if (this.#hearingBytes(reader, at) > position) {
      // The music waited for these bytes: it goes on from here, now.
      reader.anchorBytes = position
      reader.anchorAt = at
    }
    reader.positionBytes = position
    return false
  }

  /** More of the song is here: the music of those who wait for their first sound, and now have it, begins. */
  audioCame(at: Millis, isHere: (fromByte: number, sizeBytes: number) => boolean): void {
    for (const reader of this.#readers.values()) if (reader.anchorAt > at && isHere(reader.positionBytes, 1)) reader.anchorAt = at
  }

  /** Where each reader began that began anew since then. */
  beginnersSince(since: Millis): { readonly beganBytes: number; readonly beganAt: Millis; readonly isHeard: boolean }[] {
    return [...this.#readers.values()].filter(({ beganAt }) => beganAt > since)
  }

  /** Whether this byte, or one of the block that it begins, is among the first of some reader, heard or not. */
  isStart(byte: number): boolean {
    for (const { beganBytes } of this.#readers.values())
      if (byte + BLOCK_SIZE_BYTES > beganBytes && byte < beganBytes + this.#options.startBytes) return true
    return false
  }

  /** @returns whether there was such a reader. */
  stopped(readerId: string): boolean {
    return this.#readers.delete(readerId)
  }

  /** When a reader last came, or sought; 0 when nobody reads. */
  get lastBeganAt(): Millis {
    let last = 0
    for (const { beganAt } of this.#readers.values()) last = Math.max(last, beganAt)
    return last
  }

  /** When the music of the song is over, if it need not wait from now on: for the reader who is the longest way from it. */
  musicEndsAt(now: Millis): Millis | undefined {
    let latest: Millis | undefined
    for (const reader of this.#readers.values()) latest = Math.max(latest ?? 0, this.#musicEndsAt(reader, now))
    return latest
  }

  /** As `musicEndsAt`, for one reader that has read all of the song; undefined for one that has not. */
  lastMusicEndsAt(readerId: string, now: Millis): Millis | undefined {
    const reader = this.#readers.get(readerId)
    if (reader === undefined || reader.positionBytes < this.#options.shape.fileSize - BLOCK_SIZE_BYTES) return undefined
    return this.#musicEndsAt(reader, now)
  }

  #musicEndsAt(reader: Reader, now: Millis): Millis {
    const heardBytes = Math.min(this.#hearingBytes(reader, now), reader.positionBytes)
    return Math.max(now, reader.anchorAt) + (this.#options.shape.fileSize - heardBytes) / this.#bytesPerMs
  }

  /** When the music needs this byte, for the reader who needs it first; undefined when all are past it or nobody reads. */
  deadlineOfByte(byte: number): Millis | undefined {
    let earliest: Millis | undefined
    for (const reader of this.#readers.values()) {
      if (byte < reader.positionBytes) continue
      const deadline = reader.anchorAt + (byte - reader.anchorBytes) / this.#bytesPerMs
      if (earliest === undefined || deadline < earliest) earliest = deadline
    }
    return earliest
  }

  /** The chunks that some reader will need within the window, held or not, each once with its earliest deadline. */
  urgentChunks(now: Millis): UrgentChunk[] {
    const urgent = new Map<ChunkId, UrgentChunk>()
    const { shape, urgentChunksMax } = this.#options
    for (const reader of this.#readers.values()) {
      const heard = Math.min(this.#hearingBytes(reader, now), reader.positionBytes)
      const end = Math.min(shape.fileSize, heard + this.#windowBytes)
      const first = this.#chunkAt(reader.positionBytes)
      for (let chunkId = first; chunkId * shape.chunkSize < end && chunkId - first < urgentChunksMax; chunkId++) {
        const firstByte = Math.max(reader.positionBytes, chunkId * shape.chunkSize)
        const deadlineAt = reader.anchorAt + (firstByte - reader.anchorBytes) / this.#bytesPerMs
        const known = urgent.get(chunkId)
        if (known === undefined || deadlineAt < known.deadlineAt) urgent.set(chunkId, { chunkId, deadlineAt, firstByte })
      }
    }
    return [...urgent.values()]
  }

  /** Where the music is by now, if it never had to wait. */
  #hearingBytes(reader: Reader, now: Millis): number {
    return reader.anchorBytes + Math.max(0, now - reader.anchorAt) * this.#bytesPerMs
  }

  #isSeek(reader: Reader, position: number, isHere: (fromByte: number, sizeBytes: number) => boolean): boolean {
    if (position < reader.positionBytes) return true
    // Within the chunk that it steps into the hands may be a little ahead of what they told.
    const stepBytes = Math.min(position, this.#chunkAt(position) * this.#options.shape.chunkSize) - reader.positionBytes
    return stepBytes > 0 && !isHere(reader.positionBytes, stepBytes)
  }

  #chunkAt(byte: number): ChunkId {
    const { fileSize, chunkSize, chunkCount } = this.#options.shape
    return byte >= fileSize ? chunkCount : Math.floor(byte / chunkSize)
  }
}
