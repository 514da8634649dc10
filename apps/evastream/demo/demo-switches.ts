// What the audience of a demo may do to its town once the story is told: take the origin away for a while, and bring listeners.
// Not the routes (demo-routes.ts) and not the processes (town.ts).
// Invariant: nothing is changed while the story is measured, the origin always comes back, and the town stays small.

import { EvaError } from '@evastream/core/errors'
import { SECOND_MS } from '@evastream/core/units'
import type { DemoState } from '@evastream/protocol/demo-http'
import type { Clock, Timers } from '@evastream/service-kit/system-clock'
import { type PublishedSong, type Town, uploadLimitOf } from './town.ts'

export interface DemoSwitchesDeps {
  readonly town: Pick<Town, 'stopOrigin' | 'restartOrigin' | 'startPeer'>
  readonly clock: Clock
  readonly timers: Pick<Timers, 'after'>
}

const AWAY_MS = 20 * SECOND_MS
const LISTENERS_AT_ONCE = 5
/** Each is a process of its own on this one machine. */
const LISTENERS_MAX = 20

export class DemoSwitches {
  readonly #deps: DemoSwitchesDeps
  #song: PublishedSong | undefined
  #origin: DemoState['origin'] = 'here'
  #backAt: number | undefined
  #isAdding = false
  #listenersAdded = 0
  #cancelReturn: (() => void) | undefined

  constructor(deps: DemoSwitchesDeps) {
    this.#deps = deps
  }

  /** The figures are taken: from now on the town may be changed. */
  storyTold(song: PublishedSong): void {
    this.#song = song
  }

  get state(): DemoState {
    const leftMs = this.#backAt === undefined ? undefined : Math.max(0, this.#backAt - this.#deps.clock.now())
    return {
      isStoryTold: this.#song !== undefined,
      origin: this.#origin,
      originBackInSeconds: leftMs === undefined ? null : Math.ceil(leftMs / SECOND_MS),
      isAdding: this.#isAdding,
      listenersAdded: this.#listenersAdded,
      listenersMax: LISTENERS_MAX,
    }
  }

  /** Resolves when the origin has ended; it is started again 20 s later. @throws EvaError `EVA_DEMO_BUSY` */
  async unplugOrigin(): Promise<void> {
    this.#toldSong()
    if (this.#origin === 'away') throw busy('the origin is away already')
    if (this.#origin === 'lost') throw busy('the origin did not come back')
    const { town, clock, timers } = this.#deps
    this.#origin = 'away'
    this.#backAt = clock.now() + AWAY_MS
    await town.stopOrigin()
    this.#backAt = clock.now() + AWAY_MS
    this.#cancelReturn = timers.after(AWAY_MS, () => void this.#plugIn())
  }

  /** Resolves when five more peers run and fetch the song. @throws EvaError `EVA_DEMO_BUSY`, or a peer's own when it does not start */
  async addListeners(): Promise<void> {
    const song = this.#toldSong()
    if (this.#isAdding) throw busy('listeners are arriving just now')
    if (this.#listenersAdded + LISTENERS_AT_ONCE > LISTENERS_MAX) throw busy(`all ${LISTENERS_MAX} listeners it may have are here`)
    this.#isAdding = true
    const first = this.#listenersAdded + 1
    const names = Array.from({ length: LISTENERS_AT_ONCE }, (_, place) => `listener-${first + place}`)
    try {
      const starts = await Promise.allSettled(names.map(name => this.#deps.town.startPeer(name, song.songId, uploadLimitOf(song))))
      // A name that was tried is not tried again: its log is there.
      this.#listenersAdded += LISTENERS_AT_ONCE
      for (const start of starts) if (start.status === 'rejected') throw start.reason
    } finally {
      this.#isAdding = false
    }
  }

  close(): void {
    this.#cancelReturn?.()
  }

  async #plugIn(): Promise<void> {
    try {
      await this.#deps.town.restartOrigin()
      this.#origin = 'here'
    } catch {
      // Its log says why; the page says that it stayed away.
      this.#origin = 'lost'
    }
    this.#backAt = undefined
  }

  #toldSong(): PublishedSong {
    if (this.#song === undefined) throw busy('its story is still being told')
    return this.#song
  }
}

function busy(reason: string): EvaError {
  return new EvaError('EVA_DEMO_BUSY', { details: { reason } })
}
