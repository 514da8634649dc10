// Who may be asked for blocks of a chunk that it is receiving itself: only one that began to receive it before us.
// Not a forecast of which blocks it has: it hands on what is here, and the rest as it comes.
// Why: two that wait for each other's blocks would wait for ever. Whoever waits has its first block later than the one it waits for
// (it heard ARRIVING before that), so following the waits leads to ever earlier first blocks, and never back.
// Invariant: among peers that keep this rule no circle of waits can close. One that never told ARRIVING is not waited for.

import type { ChunkId } from '@evastream/core/ids'
import type { Millis } from '@evastream/core/units'
import type { Holding } from '../sources/peer-table.ts'

/** Who is receiving a chunk itself may have to be waited for: it counts as this much later. */
export const PART_FACTOR = 1.1

/** `whole`: it holds the chunk; `part`: it hands on what it has; undefined: it is not to be asked. */
export type Offer = 'whole' | 'part' | undefined

/** A chunk in progress here, or, while nothing of it is, its song. */
interface Receiving {
  readonly firstBlockAt?: Millis | undefined
  readonly verify: 'blocks' | 'chunk'
}

/** What a peer offers of a chunk. */
export function offerOf(holding: Holding, chunkId: ChunkId, here: Receiving): Offer {
  if (holding.chunks.has(chunkId)) return 'whole'
  const since = holding.arriving.get(chunkId)
  if (since === undefined || here.verify === 'chunk') return undefined
  return here.firstBlockAt === undefined || since < here.firstBlockAt ? 'part' : undefined
}
