// What an earlier process left, opened again: every song at once as it is known here, save that wanted ones are looked up first.
// Not the opening itself (song-library.ts), and no hashing: chunks are verified on their first use.
// Invariant: neither a silent metadata service nor one bad song keeps the others from being opened soon.

import { callDeadline } from '@evastream/clients/call-deadline'
import { EvaError, toEvaError } from '@evastream/core/errors'
import type { SongId } from '@evastream/core/ids'
import { SECOND_MS } from '@evastream/core/units'
import { forEachBounded } from '../bounded-work.ts'
import type { NodeLog } from '../ports.ts'
import type { KnownSong, SongMarks } from '../store/manifest-cache.ts'

export interface LibraryResumeDeps {
  readonly cache: {
    directories(): Promise<string[]>
    readIn(directoryName: string): Promise<KnownSong | undefined>
    marksOf(songId: SongId): Promise<SongMarks>
  }
  readonly log: NodeLog
  /** Opens the song as it is known, and goes on fetching it when it is wanted. */
  open(left: LeftSong): Promise<void>
  /** What the metadata service says of the song now. @throws EvaError when it says nothing */
  lookUp(song: KnownSong, signal: AbortSignal): Promise<KnownSong>
}

/** A song as an earlier process left it. */
export interface LeftSong {
  readonly song: KnownSong
  readonly marks: SongMarks
}

/** Files are read by few threads: more at once only hold memory. */
const OPENED_AT_ONCE_MAX = 16
/** All wanted songs together are looked up at most this long, then opened as they are known: peers wait for what is here. */
const LOOK_UP_TIMEOUT_MS = SECOND_MS

/** Never throws: what could not be opened is told to the log. */
export async function resumeLibrary(deps: LibraryResumeDeps, signal: AbortSignal): Promise<void> {
  const wanted: LeftSong[] = []
  const openSafely = (left: LeftSong) =>
    deps.open(left).catch(thrown => {
      if (signal.aborted) return
      const { code, message } = toEvaError(thrown)
      deps.log.warn({ songId: left.song.manifest.id, code }, `A stored song was not opened: ${message}`)
    })
  await forEachBounded(await deps.cache.directories(), OPENED_AT_ONCE_MAX, async name => {
    const song = signal.aborted ? undefined : await deps.cache.readIn(name)
    if (song === undefined) return
    const left = { song, marks: await deps.cache.marksOf(song.manifest.id) }
    if (left.marks.isWanted) wanted.push(left)
    else await openSafely(left)
  })
  if (signal.aborted || wanted.length === 0) return
  const deadline = callDeadline(LOOK_UP_TIMEOUT_MS, signal)
  let isSilent = false
  const openWanted = async ({ song, marks }: LeftSong) => {
    if (signal.aborted) return
    const fresh = isSilent ? song : await deps.lookUp(song, deadline.signal).catch(toEvaError)
    if (fresh instanceof EvaError) isSilent = true
    await openSafely({ song: fresh instanceof EvaError ? song : fresh, marks })
  }
  // The first one alone finds out whether the metadata service answers at all.
  const [first, ...others] = wanted
  if (first !== undefined) await openWanted(first)
  await forEachBounded(others, OPENED_AT_ONCE_MAX, openWanted)
  deadline.release()
}
