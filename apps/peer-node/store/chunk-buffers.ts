// Buffers for whole chunks, used again and again: a buffer of 256 KiB for each chunk would keep the garbage collector at work all the time.
// Not a limit on memory: what is not at hand is made, and what there is no room for is left to the collector.
// Invariant: a buffer is given back only by its last user, when nobody reads or writes it any more.

import { MIB } from '@evastream/core/units'

/** Kept at hand: as many as come back at once. */
const KEPT_MAX_BYTES = 4 * MIB

export class ChunkBuffers {
  /** By length: the chunks of a song have one length but the last. */
  readonly #kept = new Map<number, Uint8Array[]>()
  #keptBytes = 0

  /** Its contents are anything. */
  take(lengthBytes: number): Uint8Array {
    const kept = this.#kept.get(lengthBytes)?.pop()
    if (kept === undefined) return Buffer.allocUnsafeSlow(lengthBytes)
    this.#keptBytes -= lengthBytes
    return kept
  }

  give(buffer: Uint8Array): void {
    const { length } = buffer
    if (this.#keptBytes + length > KEPT_MAX_BYTES) {
      this.#kept.clear()
      this.#keptBytes = 0
    }
    this.#keptBytes += length
    const kept = this.#kept.get(length)
    if (kept === undefined) this.#kept.set(length, [buffer])
    else kept.push(buffer)
  }
}
