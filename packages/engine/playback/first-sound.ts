// Whether somebody has just pressed play, or sought, and hears nothing yet: then nothing else is to use our link,
// save what a crowd waits for us to bring (download-planner).
// Not what is urgent later on (playback-window): once the first bytes are here, the two zones go on as always.
// Invariant: a first sound is waited for no longer than `firstSoundPatienceMs`, so that one that cannot be had holds up nothing else.

import type { Millis } from '@evastream/core/units'
import type { EngineState } from '../engine-state.ts'

export interface AwaitedSound {
  /** Until when what is not urgent waits for a reader's first bytes; 0 if nobody waits for any. */
  readonly until: Millis
  /** Until when everything but what is heard first waits, and what is ours to bring. */
  readonly aloneUntil: Millis
  /** Until when the origin is asked for nothing but what is heard first, and what is ours to bring; 0 if that is here. */
  readonly startUntil: Millis
}

export class FirstSound {
  readonly #state: EngineState

  constructor(state: EngineState) {
    this.#state = state
  }

  awaited(): AwaitedSound {
    const { now, config, songs } = this.#state
    const awaited = { until: 0, aloneUntil: 0, startUntil: 0 }
    for (const song of songs.listened()) {
      // A crowd waits for uplinks, which serve a first sound before all else, and not for our downlink.
      const patienceMs = song.leases.isBeingBrought(now) ? config.firstSoundAloneMs : config.firstSoundPatienceMs
      for (const { beganBytes, beganAt, isHeard } of song.window.beginnersSince(now - config.startPatienceMs)) {
        if (!isHeard || song.hasBytes(beganBytes, config.startBytes)) continue
        awaited.startUntil = Math.max(awaited.startUntil, beganAt + config.startPatienceMs)
        if (beganAt + patienceMs <= now || song.hasBytes(beganBytes, config.firstSoundBytes)) continue
        awaited.until = Math.max(awaited.until, beganAt + patienceMs)
        awaited.aloneUntil = Math.max(awaited.aloneUntil, beganAt + config.firstSoundAloneMs)
      }
    }
    return awaited
  }
}
