// What happens in this node, told to whoever watches: the page and the command line.
// Not the Scheduler's events: nobody decides anything by these, and a watcher that is too slow is let go.
// Invariant: a watcher costs at most BUFFER_MAX_BYTES, and gets every event in order or the end of its stream.

import { Readable } from 'node:stream'
import { KIB, SECOND_MS } from '@evastream/core/units'
import type { PeerEvent } from '@evastream/protocol/peer-http'
import type { Timers } from '@evastream/service-kit/system-clock'

export interface NodeEventsDeps {
  readonly timers: Pick<Timers, 'every'>
  /** The `totals` of this moment. */
  totals(): PeerEvent
}

const BUFFER_MAX_BYTES = 256 * KIB
/** Watchers at a time. */
export const WATCHERS_MAX = 64
/** Totals are told this often, if they changed. */
const TOTALS_INTERVAL_MS = SECOND_MS / 2
/** Without events a comment keeps the connection, so that either end notices when the other is gone. */
const KEEP_ALIVE_TURNS = 30

export class NodeEvents {
  readonly #deps: NodeEventsDeps
  readonly #watchers = new Set<Readable>()
  #lastTotals = ''
  #quietTurns = 0
  #stopTimer: (() => void) | undefined

  constructor(deps: NodeEventsDeps) {
    this.#deps = deps
  }

  publish(event: PeerEvent): void {
    if (this.#watchers.size > 0) this.#send(lineOf(event))
  }

  /** A stream of Server-Sent Events from now on; undefined when too many watch. The caller destroys it when its reader leaves. */
  watch(): Readable | undefined {
    if (this.#watchers.size >= WATCHERS_MAX) return undefined
    const watcher = new Readable({ read: () => undefined, highWaterMark: BUFFER_MAX_BYTES })
    this.#watchers.add(watcher)
    watcher.once('close', () => this.#watchers.delete(watcher))
    watcher.push(lineOf(this.#deps.totals()))
    this.#stopTimer ??= this.#deps.timers.every(TOTALS_INTERVAL_MS, () => this.#turn())
    return watcher
  }

  get watcherCount(): number {
    return this.#watchers.size
  }

  close(): void {
    this.#stopTimer?.()
    for (const watcher of this.#watchers) watcher.push(null)
    this.#watchers.clear()
  }

  #turn(): void {
    const totals = lineOf(this.#deps.totals())
    if (totals !== this.#lastTotals) {
      this.#lastTotals = totals
      this.#send(totals)
    } else if (++this.#quietTurns >= KEEP_ALIVE_TURNS) this.#send(': still here\n\n')
    if (this.#watchers.size > 0) return
    this.#stopTimer?.()
    this.#stopTimer = undefined
  }

  #send(text: string): void {
    this.#quietTurns = 0
    for (const watcher of this.#watchers) {
      if (watcher.readableLength + text.length > BUFFER_MAX_BYTES) watcher.destroy()
      else watcher.push(text)
    }
  }
}

function lineOf(event: PeerEvent): string {
  return `event: ${event.kind}\ndata: ${JSON.stringify(event)}\n\n`
}
