// Whether somebody has just pressed play, or sought, and hears nothing yet: then nothing else is to use our link.
// Not what is urgent later on (playback-window): once the first bytes are here, the two zones go on as always.
// Invariant: a first sound is waited for no longer than `firstSoundPatienceMs`, so that one that cannot be had holds up nothing else.

import type { Millis } from '@evastream/core/units'
import type { EngineState } from './engine-state.ts'

export class FirstSound {
  readonly #state: EngineState

  constructor(state: EngineState) {
    this.#state = state
  }

  /** Until when everything else is to wait for a reader's first bytes; 0 if nobody waits for any. */
  awaitedUntil(): Millis {
    const { now, config } = this.#state
    let until = 0
    for (const song of this.#state.songs.active()) {
      if (!song.hasReaders) continue
      for (const { positionBytes, beganAt } of song.window.beginnersSince(now - config.firstSoundPatienceMs))
        if (!song.hasBytes(positionBytes, config.firstSoundBytes)) until = Math.max(until, beganAt + config.firstSoundPatienceMs)
    }
    return until
  }
}
