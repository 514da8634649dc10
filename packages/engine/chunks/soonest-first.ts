// Chunks that an idle source could begin with soonest come first, and among those that the fewest hold.
// Not rarest-first alone: in a crowd everybody knows the same rarest chunk and asks the same source for it, while the uplinks of those
// who have something else lie idle. Whoever is asked least is the soonest, so downloaders spread over holders by themselves.
// Invariant: among chunks equally soon and equally rare each is equally likely to come first.

import type { ChunkSelection } from './chunk-selection.ts'
import { rarestFirst } from './rarest-first.ts'

export const soonestFirst: ChunkSelection = {
  name: 'soonest-first',
  order(facts, random, countMax) {
    return rarestFirst
      .order(facts, random, facts.chunkIds.length)
      .map(chunkId => ({ chunkId, soonestMs: facts.soonestMs(chunkId) }))
      .sort((a, b) => a.soonestMs - b.soonestMs)
      .slice(0, countMax)
      .map(({ chunkId }) => chunkId)
  },
}
