// Which of the peers known to have some of a song could be asked just now, and when others can be.
// Not who is asked for what: that is the planner's, chunk by chunk; a sieve, so that it weighs few.
// Invariant: what it says is true until a request is opened or ended, or time goes on: then it is told to `forget`.

import type { ChunkId } from '@evastream/core/ids'
import type { Millis } from '@evastream/core/units'
import type { ChunkProgress } from '../chunks/chunk-progress.ts'
import type { EngineState } from '../engine-state.ts'
import { offerOf } from '../requests/relay-order.ts'
import type { SongState } from '../songs/song-state.ts'
import type { Holding } from './peer-table.ts'
import type { SourceSurvey } from './source-survey.ts'

export interface Neighbours {
  /** Slow ones among them. */
  readonly free: readonly Holding[]
  /** Full or busy: worth waiting for. */
  readonly awaited: readonly Holding[]
  /** When the first of those that pause may be asked again. */
  readonly wakeAt: Millis
}

export interface Prospect {
  /** False: certainly nobody, the origin included, can be asked just now. */
  readonly mayBeAsked: boolean
  /** When that may change though nothing happens. */
  readonly wakeAt: Millis
}

const HOPELESS: Prospect = Object.freeze({ mayBeAsked: false, wakeAt: Number.POSITIVE_INFINITY })

export class FreeNeighbours {
  readonly #state: EngineState
  readonly #survey: SourceSurvey
  readonly #known = new Map<SongState, Neighbours>()

  constructor(deps: { readonly state: EngineState; readonly survey: SourceSurvey }) {
    this.#state = deps.state
    this.#survey = deps.survey
  }

  forget(): void {
    this.#known.clear()
  }

  of(song: SongState): Neighbours {
    const known = this.#known.get(song)
    if (known !== undefined) return known
    const neighbours = this.#sort(song)
    this.#known.set(song, neighbours)
    return neighbours
  }

  /** Whether somebody might be asked for the next run of a chunk in progress: most of them have nobody, most of the time. */
  prospectOf(song: SongState, chunk: ChunkProgress): Prospect {
    const run = chunk.phase === 'fetching' ? chunk.freeRun() : undefined
    if (run === undefined) return HOPELESS
    const { chunkId } = chunk
    let { wakeAt } = this.of(song)
    for (const holding of this.of(song).free) {
      if (offerOf(holding, chunkId, chunk, run.firstBlock) === undefined) continue
      const markedUntil = song.markOf(chunkId, holding.peerId)
      if (markedUntil <= this.#state.now) return { mayBeAsked: true, wakeAt }
      wakeAt = Math.min(wakeAt, markedUntil)
    }
    const { permit, opensAt } = this.#survey.permitOf(song, chunkId, run.firstBlock)
    return permit === 'none' ? { mayBeAsked: false, wakeAt: Math.min(wakeAt, opensAt) } : { mayBeAsked: true, wakeAt }
  }

  #sort(song: SongState): Neighbours {
    const { peers, health, now } = this.#state
    const [free, awaited]: [Holding[], Holding[]] = [[], []]
    let wakeAt = Number.POSITIVE_INFINITY
    for (const holding of peers.holdingsOf(song.songId).values()) {
      const { standing, retryAt } = this.#survey.standingOf(health.recordOf(holding.peerId))
      if (standing === 'free' || standing === 'slow') free.push(holding)
      else if (standing !== 'failed') awaited.push(holding)
      if ((standing === 'busy' || standing === 'failed') && retryAt > now) wakeAt = Math.min(wakeAt, retryAt)
    }
    return { free, awaited, wakeAt }
  }
}

/** Whether one of them offers a chunk that is not begun, and has not failed it. */
export function someoneHas(holdings: readonly Holding[], song: SongState, chunkId: ChunkId, now: Millis): boolean {
  for (const holding of holdings)
    if (offerOf(holding, chunkId, song, 0) !== undefined && song.markOf(chunkId, holding.peerId) <= now) return true
  return false
}
