// The one gate before all frames of audio that leave this node: the limit per second, the cap per period, and the own music.
// Not who is served (upload-slots) and not how much a link carries (upload-pump): it says now, later or no more.
// Invariant: what has passed within any time keeps the limit and the cap, and nobody who waits is passed by twice by an equal.

import { BLOCK_SIZE_BYTES, type Millis } from '@evastream/core/units'
import { DATA_RUN_SIZE_BYTES, HEADER_SIZE_BYTES } from '@evastream/protocol/peer-frames'
import type { Clock, Timers } from '@evastream/service-kit/system-clock'
import type { ByteBudget } from './byte-budget.ts'

/** What a frame takes beside its audio. */
const HEAD_SIZE_BYTES = HEADER_SIZE_BYTES + DATA_RUN_SIZE_BYTES

/** Somebody who sends frames: one for each connection. */
export interface GateUser {
  /** The class of what it would send next: the lower, the more urgent. */
  readonly urgency: number
  /** It may ask again, and is the next to pass if it does so at once. */
  run(): void
}

/** A sum of bytes that must last until a moment. */
export interface UploadQuota {
  readonly leftBytes: number
  /** @returns false, from the first frame that does not fit until the quota is renewed. */
  admits(sizeBytes: number): boolean
  spent(sizeBytes: number): void
  /** How long nothing is admitted; 0 while something is. */
  closedForMs(): number
}

export interface UploadGateDeps {
  readonly clock: Clock
  readonly timers: Pick<Timers, 'after'>
  readonly budget: ByteBudget
  readonly quota?: UploadQuota | undefined
  /** How long the own music makes uploads wait; 0: not now. */
  readonly yieldMs?: ((now: Millis) => Millis) | undefined
  /** Nothing passes until the quota is renewed: whoever has requests should end them. */
  readonly onExhausted?: () => void
}

export class UploadGate {
  readonly #deps: UploadGateDeps
  /** In the order in which they began to wait. */
  readonly #waiting = new Set<GateUser>()
  #turn: GateUser | undefined
  #cancelTimer: (() => void) | undefined

  constructor(deps: UploadGateDeps) {
    this.#deps = deps
  }

  /** How much audio a frame may hold, in whole blocks and at least one. */
  get audioMaxBytes(): number {
    const { budget, quota } = this.#deps
    const leftBlocks = Math.floor(((quota?.leftBytes ?? Number.POSITIVE_INFINITY) - HEAD_SIZE_BYTES) / BLOCK_SIZE_BYTES)
    return Math.min(budget.frameMaxBytes, Math.max(1, leftBlocks) * BLOCK_SIZE_BYTES)
  }

  /** How long nothing at all passes, by the quota. */
  get closedForMs(): number {
    return this.#deps.quota?.closedForMs() ?? 0
  }

  /** Whether a frame passes now, and then it is spent. Otherwise the user's `run` is called when it may ask again; or never, if the quota is exhausted. */
  pass(user: GateUser, sizeBytes: number): boolean {
    const { budget, quota, onExhausted } = this.#deps
    const isItsTurn = this.#turn === user
    this.#turn = undefined
    if (quota?.admits(sizeBytes) === false) {
      onExhausted?.()
      return false
    }
    if (!isItsTurn && (this.#waiting.size > 0 || this.#waitMs() > 0)) {
      this.#waiting.add(user)
      this.#wake()
      return false
    }
    budget.spend(sizeBytes)
    quota?.spent(sizeBytes)
    return true
  }

  /** It waits no more. */
  leave(user: GateUser): void {
    this.#waiting.delete(user)
    if (this.#waiting.size > 0) return
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
  }

  #waitMs(): Millis {
    const { clock, budget, yieldMs } = this.#deps
    const now = clock.now()
    return Math.max(budget.waitMs(now), yieldMs?.(now) ?? 0)
  }

  #wake(): void {
    this.#cancelTimer ??= this.#deps.timers.after(this.#waitMs(), () => {
      this.#cancelTimer = undefined
      this.#letPass()
    })
  }

  #letPass(): void {
    for (let next = this.#first(); next !== undefined && this.#waitMs() === 0; next = this.#first()) {
      this.#waiting.delete(next)
      this.#turn = next
      next.run()
      this.#turn = undefined
    }
    if (this.#waiting.size > 0) this.#wake()
  }

  #first(): GateUser | undefined {
    let first: GateUser | undefined
    for (const user of this.#waiting) if (first === undefined || user.urgency < first.urgency) first = user
    return first
  }
}
