// Who may be asked for blocks of a chunk that it is receiving itself: one that has said it has them, and, to wait for those it has not,
// one that began to receive the chunk before us.
// Not how many may wait (source-survey), and not for how long (relay-moves).
// Why: two that wait for each other's blocks would wait for ever. Whoever waits has its first block later than the one it waits for
// (it heard ARRIVING before that), so following the waits leads to ever earlier first blocks, and never back.
// Invariant: among peers that keep this rule no circle of waits can close. One that never told ARRIVING is not waited for.

import type { ChunkId } from '@evastream/core/ids'
import type { Millis } from '@evastream/core/units'
import type { Holding } from '../sources/peer-table.ts'

/** Who has to be waited for counts as this much later. */
export const WAIT_FACTOR = 1.1

/** `whole`: it holds the chunk; `part`: it has the block; `wait`: it will hand the block on; undefined: it is not to be asked. */
export type Offer = 'whole' | 'part' | 'wait' | undefined

/** A chunk in progress here, or, while nothing of it is, its song. */
interface Receiving {
  readonly firstBlockAt?: Millis | undefined
  readonly verify: 'blocks' | 'chunk'
}

/** What a peer offers of a chunk, from a block on. */
export function offerOf(holding: Holding, chunkId: ChunkId, here: Receiving, firstBlock: number): Offer {
  if (holding.chunks.has(chunkId)) return 'whole'
  const arriving = holding.arriving.get(chunkId)
  if (arriving === undefined || here.verify === 'chunk') return undefined
  if (arriving.blocks.includes(firstBlock)) return 'part'
  return here.firstBlockAt === undefined || arriving.since < here.firstBlockAt ? 'wait' : undefined
}

/** How many blocks, one after another from the first on, a peer is known to have of a chunk. */
export function readyBlocks(holding: Holding, chunkId: ChunkId, firstBlock: number): number {
  if (holding.chunks.has(chunkId)) return Number.POSITIVE_INFINITY
  const blocks = holding.arriving.get(chunkId)?.blocks
  const start = blocks?.indexOf(firstBlock) ?? -1
  if (blocks === undefined || start < 0) return 0
  let count = 1
  while (blocks[start + count] === firstBlock + count) count++
  return count
}
