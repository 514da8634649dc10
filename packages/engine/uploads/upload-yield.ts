// When uploads wait for the own music: while the least buffered reader of this node is close to running dry.
// Not a limit of bytes, and not the choice of who is served: whoever sends asks this before each frame.
// Why it ends by itself: where everybody is hungry, everybody would wait for the others' uploads, and nobody's music would come back. So one
// wait is short, what passes in between doubles while waiting does not help, and a node that is hungry for good uploads nearly as if
// it were not.
// Invariant: no more than `yieldMs` is waited in a row, and whoever asks after a wait may send for at least `passFirstMs`.

import { type Millis, SECOND_MS } from '@evastream/core/units'

interface UploadYieldConfig {
  /** Less music than this (ms) ahead of a reader makes uploads wait. */
  readonly bufferLowMs: number
  /** The longest wait (ms): shorter than the silence after which other peers give a request up. */
  readonly yieldMs: number
  /** What passes after the first wait (ms), doubling with each further one up to the most. */
  readonly passFirstMs: number
  readonly passMaxMs: number
  /** Music enough for this long (ms) counts as calm: the next wait is a first one again. */
  readonly calmMs: number
  /** Who waits looks again this often (ms), because the buffer may have filled. */
  readonly lookMs: number
}

export const defaultUploadYield: UploadYieldConfig = Object.freeze({
  bufferLowMs: 3 * SECOND_MS,
  yieldMs: 1500,
  passFirstMs: 250,
  passMaxMs: 12 * SECOND_MS,
  calmMs: 10 * SECOND_MS,
  lookMs: 50,
})

export class UploadYield {
  readonly #config: UploadYieldConfig
  #waitsUntil: Millis = Number.NEGATIVE_INFINITY
  /** Undefined until somebody asks after the wait: what nobody asked for has not passed. */
  #passesUntil: Millis | undefined = Number.NEGATIVE_INFINITY
  #passMs = 0
  #hungryAt: Millis = Number.NEGATIVE_INFINITY

  constructor(config: UploadYieldConfig = defaultUploadYield) {
    this.#config = config
  }

  /**
   * How long until it is worth asking again; 0: uploads go on.
   * @param bufferMs the least music that any reader of this node has ahead; undefined while nobody listens
   */
  waitMs(at: Millis, bufferMs: number | undefined): Millis {
    const { bufferLowMs, lookMs, calmMs } = this.#config
    if (bufferMs === undefined || bufferMs >= bufferLowMs) return 0
    if (at - this.#hungryAt >= calmMs) this.#passMs = 0
    this.#hungryAt = at
    if (at >= this.#waitsUntil) {
      this.#passesUntil ??= at + this.#passMs
      if (at < this.#passesUntil) return 0
      this.#waitAgain(at)
    }
    return Math.min(lookMs, this.#waitsUntil - at)
  }

  #waitAgain(at: Millis): void {
    const { yieldMs, passFirstMs, passMaxMs } = this.#config
    this.#waitsUntil = at + yieldMs
    this.#passesUntil = undefined
    this.#passMs = Math.min(passMaxMs, Math.max(passFirstMs, 2 * this.#passMs))
  }
}
