// The class in which a source is asked for blocks: what is to be heard is `play` only when it is heard soon, while a crowd begins.
// Not whether or in which order it is asked for (download-planner): urgent it is to us all the same.
// Why: whoever has the beginning of a song refuses nothing of class `play` (upload-admission), and all want the same hundred blocks at once.
// They waited for seconds in the first holder's queue, while those it had served lay idle.
// A first sound is asked for as `play` from the beginning, for the sake of those who come late: others have much to send by then.
// Invariant: where nobody brings the song from the origin just now the class is the one that was wanted; the origin's always is.

import type { Millis } from '@evastream/core/units'
import type { PriorityClass, Source } from '../commands.ts'
import type { EngineState } from '../engine-state.ts'
import type { SongState } from '../songs/song-state.ts'

/** So near (ms) is soon: enough to be refused elsewhere once, and then be asked for as `play`. */
const SOON_MS = 500

interface Wanted {
  readonly song: SongState
  readonly source: Source
  readonly priority: PriorityClass
  readonly deadlineAt: Millis | undefined
}

/** The class in which a run that was wanted in some class is asked for now. */
export function askedClass(wanted: Wanted, { now, config }: Pick<EngineState, 'now' | 'config'>): PriorityClass {
  const { song, source, priority, deadlineAt } = wanted
  if (deadlineAt === undefined || source.kind === 'origin' || !song.leases.isBeingBrought(now)) return priority
  return now >= soonFrom(song, deadlineAt, config) ? 'play' : 'prefetch'
}

/** From when on what has this deadline is about to be heard. */
export function soonFrom({ window }: SongState, deadlineAt: Millis, { startBudgetMs }: EngineState['config']): Millis {
  return deadlineAt <= window.lastBeganAt + startBudgetMs ? window.lastBeganAt : deadlineAt - SOON_MS
}
