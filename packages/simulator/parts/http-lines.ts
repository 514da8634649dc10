// The connections of one HTTP client to one service: kept for a while, taken again, or made anew at the cost of round trips.
// Not bytes: those go through the network.
// Invariant: a line carries one call at a time; one that was cut off or lay idle too long is not taken again.

import { type Millis, SECOND_MS } from '@evastream/core/units'

/** What TCP sends before it has heard from the other end: ten packets. What is longer takes another round trip on a new line. */
export const FIRST_FLIGHT_BYTES = 14_600

/** How long the services keep a line that nobody uses. */
const KEEP_ALIVE_MS = 30 * SECOND_MS

export class HttpLines {
  /** When each free line was last used, oldest first. */
  #idleSince: Millis[] = []

  /** @returns whether a new line must be made. */
  take(at: Millis): boolean {
    this.#idleSince = this.#idleSince.filter(since => since + KEEP_ALIVE_MS > at)
    return this.#idleSince.pop() === undefined
  }

  /** A call on a line was answered to its end. */
  giveBack(at: Millis): void {
    this.#idleSince.push(at)
  }
}
