// Whether somebody has just pressed play, or sought, and hears nothing yet: then nothing else is to use our link.
// Not what is urgent later on (playback-window): once the first bytes are here, the two zones go on as always.
// Invariant: a first sound is waited for no longer than `firstSoundPatienceMs`, so that one that cannot be had holds up nothing else.

import type { ChunkId } from '@evastream/core/ids'
import type { Millis } from '@evastream/core/units'
import type { EngineState } from './engine-state.ts'
import type { SongState } from './song-state.ts'

export interface AwaitedSound {
  /** Until when what is not urgent waits for a reader's first bytes; 0 if nobody waits for any. */
  readonly until: Millis
  /** Until when everything but the first run of those bytes waits. */
  readonly aloneUntil: Millis
  /** Whether somebody's first bytes are in this chunk. */
  isFirst(song: SongState, chunkId: ChunkId): boolean
}

const NOTHING_AWAITED: AwaitedSound = Object.freeze({ until: 0, aloneUntil: 0, isFirst: () => false })

export class FirstSound {
  readonly #state: EngineState

  constructor(state: EngineState) {
    this.#state = state
  }

  awaited(): AwaitedSound {
    const { now, config, songs } = this.#state
    let lastBeganAt: Millis | undefined
    const firsts: { readonly song: SongState; readonly chunkId: ChunkId }[] = []
    for (const song of songs.listened()) {
      for (const { beganBytes, beganAt } of song.window.beginnersSince(now - config.firstSoundPatienceMs)) {
        if (song.hasBytes(beganBytes, config.firstSoundBytes)) continue
        lastBeganAt = Math.max(lastBeganAt ?? beganAt, beganAt)
        firsts.push({ song, chunkId: Math.floor(beganBytes / song.shape.chunkSize) })
      }
    }
    if (lastBeganAt === undefined) return NOTHING_AWAITED
    return {
      until: lastBeganAt + config.firstSoundPatienceMs,
      aloneUntil: lastBeganAt + config.firstSoundAloneMs,
      isFirst: (song, chunkId) => firsts.some(first => first.song === song && first.chunkId === chunkId),
    }
  }
}
