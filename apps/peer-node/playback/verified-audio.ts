// The one door to a song's audio for whoever plays it: bytes out of the store, or out of chunks that are still arriving.
// Not what makes them arrive (the Scheduler, told by the playback desk), and not HTTP.
// Invariant: every byte that comes out was verified since this process started.

import { EvaError, toEvaError } from '@evastream/core/errors'
import type { ChunkId, SongId } from '@evastream/core/ids'
import { chunkLengthBytes, type Manifest } from '@evastream/core/manifest'
import type { RangeReader } from '../ports.ts'

export interface VerifiedAudioDeps {
  readonly store: RangeReader & { hasChunk(songId: SongId, chunkId: ChunkId): boolean }
  /** Of chunks that are not stored yet; none are an empty answer. */
  readonly arriving: { verifiedBytes(songId: SongId, offsetBytes: number, lengthMaxBytes: number): Uint8Array }
}

/** A stretch of one song, from an offset on. */
export interface Stretch {
  readonly offsetBytes: number
  readonly lengthMaxBytes: number
}

export class VerifiedAudio {
  readonly #deps: VerifiedAudioDeps
  readonly #waiting = new Map<SongId, Set<() => void>>()

  constructor(deps: VerifiedAudioDeps) {
    this.#deps = deps
  }

  /** To be told whenever more of a song can be read. */
  arrived(songId: SongId): void {
    const waiting = this.#waiting.get(songId)
    this.#waiting.delete(songId)
    for (const wake of waiting ?? []) wake()
  }

  /** The next bytes, at least one, as soon as there are any. @throws EvaError `EVA_CANCELLED`, or the storage's */
  async read(song: Manifest, stretch: Stretch, signal: AbortSignal): Promise<Uint8Array> {
    for (;;) {
      if (signal.aborted) throw new EvaError('EVA_CANCELLED', { cause: signal.reason })
      // Waited for from before the look on: what arrives during it is not missed.
      const arrival = this.#nextArrival(song.id, signal)
      try {
        const bytes = await this.#readNow(song, stretch)
        if (bytes.length > 0) return bytes
        await arrival.promise
      } finally {
        arrival.forget()
      }
    }
  }

  isStored(song: Manifest, chunkId: ChunkId): boolean {
    return this.#deps.store.hasChunk(song.id, chunkId)
  }

  /** How many bytes can be read from an offset on without a gap; it looks no further than `lengthMaxBytes`. */
  readableBytes(song: Manifest, { offsetBytes, lengthMaxBytes }: Stretch): number {
    const { store, arriving } = this.#deps
    const endBytes = Math.min(song.fileSize, offsetBytes + lengthMaxBytes)
    let at = offsetBytes
    while (at < endBytes) {
      const chunkId = Math.floor(at / song.chunkSize)
      if (store.hasChunk(song.id, chunkId)) at = chunkId * song.chunkSize + chunkLengthBytes(song, chunkId)
      else {
        const { length } = arriving.verifiedBytes(song.id, at, endBytes - at)
        if (length === 0) break
        at += length
      }
    }
    return Math.min(at, endBytes) - offsetBytes
  }

  async #readNow(song: Manifest, { offsetBytes, lengthMaxBytes }: Stretch): Promise<Uint8Array> {
    const { store, arriving } = this.#deps
    const chunkId = Math.floor(offsetBytes / song.chunkSize)
    if (!store.hasChunk(song.id, chunkId)) return arriving.verifiedBytes(song.id, offsetBytes, lengthMaxBytes)
    const leftBytes = chunkId * song.chunkSize + chunkLengthBytes(song, chunkId) - offsetBytes
    const bytes = await store.readRange(song.id, offsetBytes, Math.min(leftBytes, lengthMaxBytes)).catch(toEvaError)
    if (!(bytes instanceof EvaError)) return bytes
    // Rotten or evicted between the look and the read: it is fetched again, and comes like any other chunk.
    if (!store.hasChunk(song.id, chunkId)) return new Uint8Array(0)
    throw bytes
  }

  #nextArrival(songId: SongId, signal: AbortSignal): { readonly promise: Promise<void>; forget(): void } {
    const waiting = this.#waiting.get(songId) ?? new Set()
    this.#waiting.set(songId, waiting)
    let wake = () => {}
    const promise = new Promise<void>(resolve => {
      wake = () => resolve()
    })
    waiting.add(wake)
    signal.addEventListener('abort', wake, { once: true })
    const forget = () => {
      signal.removeEventListener('abort', wake)
      waiting.delete(wake)
      if (waiting.size === 0 && this.#waiting.get(songId) === waiting) this.#waiting.delete(songId)
    }
    return { promise, forget }
  }
}
