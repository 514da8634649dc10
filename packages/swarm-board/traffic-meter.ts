// From counters that begin anew with every process to bytes that flowed: what left the operator's house, and what listeners gave one another.
// Not the asking (swarm-board.ts) and not the keeping (traffic-history.ts).
// Invariant: growth is never negative and no byte is counted twice, whatever restarts; what came before the first reading is not counted.

/** Totals of this moment, as the tracker, the origin and the operator's own peer tell them. */
export interface CounterReading {
  /** Names the tracker's life. */
  readonly bootId: string
  /** What peers received from peers, by their word. */
  readonly peerBytes: number
  /** What peers received from the origin, by their word. */
  readonly originBytes: number
  /** The origin's own count; undefined when it does not answer. */
  readonly sentBytes: number | undefined
  /** Of the operator's own peer, which is no listener. */
  readonly house: { readonly originBytes: number; readonly peerBytes: number; readonly sentBytes: number } | undefined
}

export interface TrafficGrowth {
  readonly serverBytes: number
  readonly listenerBytes: number
}

const NONE = { originBytes: 0, peerBytes: 0, sentBytes: 0 }

export class TrafficMeter {
  #bootId: string | undefined
  readonly #marks = new Map<string, number>()

  /** What flowed since the last reading. */
  read({ bootId, peerBytes, originBytes, sentBytes, house = NONE }: CounterReading): TrafficGrowth {
    // What the house's own peer fetches from its origin leaves nobody's house, and what it sends to listeners does.
    const isFirst = this.#bootId === undefined
    const isNewLife = !isFirst && bootId !== this.#bootId
    this.#bootId = bootId
    const told = { isFirst, isNewLife }
    const listenerBytes = this.#grow('listeners', peerBytes - house.peerBytes - house.sentBytes, told)
    const byWord = this.#grow('word', originBytes - house.originBytes, told)
    const sent = sentBytes === undefined ? undefined : this.#grow('sent', sentBytes - house.originBytes, { isFirst, isNewLife: false })
    const fromHouse = this.#grow('house', house.sentBytes, { isFirst, isNewLife: false })
    // An origin that is not there sends nothing; one that cannot be asked is known by what peers say.
    return { serverBytes: (sent ?? byWord) + fromHouse, listenerBytes }
  }

  /** A total that falls a little waits for its old mark; one that falls to less than half has begun anew. */
  #grow(name: string, total: number, { isFirst, isNewLife }: { readonly isFirst: boolean; readonly isNewLife: boolean }): number {
    const mark = this.#marks.get(name)
    const hasRestarted = mark !== undefined && total >= 0 && total < mark / 2
    if (isFirst || mark === undefined) {
      this.#marks.set(name, total)
      return 0
    }
    const from = isNewLife || hasRestarted ? 0 : mark
    if (total <= from && !hasRestarted && !isNewLife) return 0
    this.#marks.set(name, total)
    return Math.max(0, total - from)
  }
}
