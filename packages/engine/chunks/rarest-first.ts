// Chunks that the fewest hold come first, so that none dies out and everybody has something the others lack.
// Not for what is about to be heard: inside the window deadline-first rules.
// Invariant: among equally rare chunks each is equally likely to come first.

import type { ChunkId } from '@evastream/core/ids'
import type { ChunkSelection } from './chunk-selection.ts'

export const rarestFirst: ChunkSelection = {
  name: 'rarest-first',
  order(facts, random, countMax) {
    const byCopies = new Map<number, ChunkId[]>()
    for (const chunkId of facts.chunkIds) {
      const copies = facts.copiesOf(chunkId)
      const equals = byCopies.get(copies)
      if (equals === undefined) byCopies.set(copies, [chunkId])
      else equals.push(chunkId)
    }
    const ordered: ChunkId[] = []
    for (const copies of [...byCopies.keys()].sort((a, b) => a - b)) {
      const equals = byCopies.get(copies) ?? []
      while (equals.length > 0 && ordered.length < countMax) {
        const index = random.below(equals.length)
        const chunkId = equals[index] as ChunkId
        equals[index] = equals[equals.length - 1] as ChunkId
        equals.pop()
        ordered.push(chunkId)
      }
      if (ordered.length >= countMax) break
    }
    return ordered
  },
}
