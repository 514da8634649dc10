// Whether a crowd that has nothing yet waits for what is leased to us: then that does not wait for our own first sound.
// Not who is in a crowd (song-leases), and not what is asked for (download-planner).
// Why only then: where somebody has what we want to hear it is here in a moment, and nothing is to share our link with it.
// Invariant: never while a known peer holds the chunk that is heard first.

import type { EngineState } from '../engine-state.ts'
import type { SongState } from '../songs/song-state.ts'

export function isCrowdWaiting({ peers }: EngineState, song: SongState): boolean {
  const { firstChunk } = song.window
  return firstChunk !== undefined && song.leases.isInCrowd && (peers.copiesOf(song.songId)[firstChunk] ?? 0) === 0
}
