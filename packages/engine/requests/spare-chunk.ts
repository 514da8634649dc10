// The chunk in progress that is given up for another one: unwanted, without a source, or refused by the disk.
// Not the giving up itself (download-planner), and not what nobody wants any more and harms nobody (parking-desk).
// Invariant: one that is urgent, being stored, or on its way is never spare; for what is not urgent one that is wanted is spared for a time.

import type { Millis } from '@evastream/core/units'
import type { ChunkProgress } from '../chunks/chunk-progress.ts'
import type { PriorityClass } from '../commands.ts'
import type { EngineState } from '../engine-state.ts'
import type { SongState } from '../songs/song-state.ts'

interface SpareChunk {
  readonly song: SongState
  readonly chunk: ChunkProgress
}

/** The one that can best be spared for a chunk of this class, and when there may be another one. */
export function spareChunk(
  { songs, now, config }: EngineState,
  priority: PriorityClass,
): { readonly spare: SpareChunk | undefined; readonly wakeAt: Millis } {
  let wakeAt = Number.POSITIVE_INFINITY
  let unwanted: SpareChunk | undefined
  let stuck: SpareChunk | undefined
  for (const song of songs.active()) {
    const urgent = song.hasReaders ? new Set(song.window.urgentChunks(now).map(({ chunkId }) => chunkId)) : undefined
    for (const chunk of song.progress.values()) {
      if (chunk.phase === 'completing' || !chunk.isIdle || urgent?.has(chunk.chunkId)) continue
      const parkedUntil = song.isWanted(chunk.chunkId) ? chunk.activeAt + config.parkedChunkMs : 0
      if (parkedUntil === 0) unwanted ??= { song, chunk }
      else if (parkedUntil > now && (priority !== 'play' || song.wasEvicted(chunk.chunkId))) wakeAt = Math.min(wakeAt, parkedUntil)
      else if (priority !== 'play' && chunk.phase === 'unstored') continue
      else if (stuck === undefined || chunk.blocksHere < stuck.chunk.blocksHere) stuck = { song, chunk }
    }
  }
  // The one that was parked first goes first.
  return { spare: unwanted ?? stuck, wakeAt }
}
