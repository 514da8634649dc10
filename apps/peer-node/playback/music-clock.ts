// How far the music of one reader has come, and for how long what it was given lasts.
// Not the player's own clock, which nobody here sees: it reckons that playing began with the first bytes and runs at the song's
// byte rate. A player that pauses is behind this reckoning, which is put right when it reads on.
// Invariant: what was heard is never more than what was given.

import type { Millis } from '@evastream/core/units'

export class MusicClock {
  readonly #bytesPerMs: number
  #givenBytes: number
  /** The byte `anchorBytes` is heard at `anchorAt`; undefined before the first sound. */
  #anchorAt: Millis | undefined
  #anchorBytes: number

  constructor(options: { readonly positionBytes: number; readonly byteRateBytesPerSecond: number }) {
    this.#bytesPerMs = options.byteRateBytesPerSecond / 1000
    this.#givenBytes = options.positionBytes
    this.#anchorBytes = options.positionBytes
  }

  get hasBegun(): boolean {
    return this.#anchorAt !== undefined
  }

  /** The player asks for more. If by this reckoning it had nothing left, it paused: it has had nothing left from now on. */
  asked(at: Millis): void {
    if (this.#anchorAt !== undefined && this.bufferMs(at) === 0) this.#anchor(at)
  }

  /** Bytes up to this position were given to the player. @returns for how long (ms) the music had to wait for them. */
  given(positionBytes: number, at: Millis): number {
    const emptyAt = this.#anchorAt === undefined ? undefined : this.#anchorAt + (this.#givenBytes - this.#anchorBytes) / this.#bytesPerMs
    const waitedMs = emptyAt === undefined ? 0 : Math.max(0, at - emptyAt)
    if (emptyAt === undefined || waitedMs > 0) this.#anchor(at)
    this.#givenBytes = Math.max(this.#givenBytes, positionBytes)
    return waitedMs
  }

  /** For how long (ms) the music goes on with what was given; 0 before the first sound. */
  bufferMs(at: Millis): number {
    if (this.#anchorAt === undefined) return 0
    return Math.max(0, this.#anchorAt + (this.#givenBytes - this.#anchorBytes) / this.#bytesPerMs - at)
  }

  durationOfMs(lengthBytes: number): number {
    return lengthBytes / this.#bytesPerMs
  }

  #anchor(at: Millis): void {
    this.#anchorAt = at
    this.#anchorBytes = this.#givenBytes
  }
}
