// Runs of blocks that are coming in and that nobody waits for: looked at, and told of, once for many bytes instead of for each few.
// Not the looking and telling (chunk-downloads.ts).
// Invariant: a run is told of at the latest GATHER_MS after its first byte that was not told of, unless it was taken out before.

import type { Millis } from '@evastream/core/units'
import type { Clock, WakeTimer } from '../ports.ts'

/** A chunk that is all here by then is looked at as a whole; more would keep from other peers what they may soon ask for. */
export const GATHER_MS = 30

export interface GatheredRunsDeps<T> {
  readonly clock: Clock
  makeTimer(wake: () => void): WakeTimer
  tell(run: T): void
}

export class GatheredRuns<T> {
  readonly #deps: GatheredRunsDeps<T>
  readonly #timer: WakeTimer
  /** With the moment at which each is to be told of, the soonest first. */
  readonly #runs = new Map<T, Millis>()
  #wakesAt: Millis | undefined

  constructor(deps: GatheredRunsDeps<T>) {
    this.#deps = deps
    this.#timer = deps.makeTimer(() => this.#tellDue())
  }

  add(run: T): void {
    if (this.#runs.has(run)) return
    const at = this.#deps.clock.now() + GATHER_MS
    this.#runs.set(run, at)
    if (this.#wakesAt === undefined) this.#wake(at)
  }

  /** It was told of, or need not be any more. */
  delete(run: T): void {
    this.#runs.delete(run)
  }

  stop(): void {
    this.#runs.clear()
    this.#wake(undefined)
  }

  #tellDue(): void {
    const now = this.#deps.clock.now()
    this.#wakesAt = undefined
    const due: T[] = []
    for (const [run, at] of this.#runs) {
      if (at > now) {
        this.#wake(at)
        break
      }
      due.push(run)
    }
    for (const run of due) if (this.#runs.delete(run)) this.#deps.tell(run)
  }

  #wake(at: Millis | undefined): void {
    this.#wakesAt = at
    this.#timer.wakeAt(at)
  }
}
