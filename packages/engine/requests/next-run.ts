// Which blocks of a chunk are asked for next: those from where it is needed on that nobody was asked for.
// Not how many of them at once (source-survey), and not of whom (source-selection).
// Invariant: a chunk that is judged as a whole is asked for from its first block.

import type { ChunkId } from '@evastream/core/ids'
import { blockCountOf } from '@evastream/core/manifest'
import { BLOCK_SIZE_BYTES } from '@evastream/core/units'
import type { BlockRun } from '../chunks/chunk-progress.ts'
import type { UrgentChunk } from '../playback/playback-window.ts'
import type { SongState } from '../songs/song-state.ts'

/** Undefined when nothing of it is left to ask for. */
export function nextRunOf(song: SongState, chunkId: ChunkId, urgent?: UrgentChunk): BlockRun | undefined {
  const chunk = song.progress.get(chunkId)
  if (chunk !== undefined && chunk.phase !== 'fetching') return undefined
  const verify = chunk?.verify ?? song.verify
  const isFromWithin = urgent !== undefined && verify === 'blocks'
  const fromBlock = isFromWithin ? Math.floor((urgent.firstByte - chunkId * song.shape.chunkSize) / BLOCK_SIZE_BYTES) : 0
  return chunk === undefined
    ? { firstBlock: fromBlock, blockCount: blockCountOf(song.shape, chunkId) - fromBlock }
    : chunk.freeRun(fromBlock)
}
