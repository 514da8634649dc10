// The real clock and the real timers, as arguments for everything that needs time.
// Not a scheduler: who starts a timer keeps its cancel function and calls it at close.
// Invariant: this is the only file outside an app's main.ts that reads the time or sets a timer.

import type { Millis } from '@evastream/core/units'

export interface Clock {
  /** Monotonic, in milliseconds from some zero that only the adapter knows. */
  now(): Millis
}

/** The time of day, for what is counted by the calendar; it may jump, so nothing is measured with it. */
export interface WallClock {
  /** Since 1970. */
  epochMs(): number
}

/** Each call returns the function that cancels it. */
export interface Timers {
  after(delayMs: number, run: () => void): () => void
  every(intervalMs: number, run: () => void): () => void
}

export const systemClock: Clock = Object.freeze({ now: () => performance.now() })

export const systemWallClock: WallClock = Object.freeze({ epochMs: () => Date.now() })

export const systemTimers: Timers = Object.freeze({
  after(delayMs: number, run: () => void): () => void {
    const timer = setTimeout(run, delayMs)
    return () => clearTimeout(timer)
  },
  every(intervalMs: number, run: () => void): () => void {
    const timer = setInterval(run, intervalMs)
    return () => clearInterval(timer)
  },
})
