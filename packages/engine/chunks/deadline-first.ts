// Chunks that the music needs first come first; those that nobody listens towards come last, in the order of the song.
// Not a judgement of what is urgent: the playback window says that.
// Invariant: the order is total and needs no chance, for no two chunks of a song are the same music.

import type { ChunkSelection } from './chunk-selection.ts'

export const deadlineFirst: ChunkSelection = {
  name: 'deadline-first',
  order(facts, _random, countMax) {
    return facts.chunkIds
      .map(chunkId => ({ chunkId, deadlineAt: facts.deadlineOf(chunkId) ?? Number.POSITIVE_INFINITY }))
      .sort((a, b) => (a.deadlineAt === b.deadlineAt ? a.chunkId - b.chunkId : a.deadlineAt - b.deadlineAt))
      .slice(0, countMax)
      .map(({ chunkId }) => chunkId)
  },
}
