// Who fetches a chunk first when nobody can be asked: every peer ranks all it knows for each chunk, and all come to the same order.
// Not for when the tracker answers: then it says who.
// Invariant: two peers that know the same peers agree on the rank of each, and the first places are spread evenly over chunks.

import type { ChunkId, PeerId, SongId } from '@evastream/core/ids'

const OFFSET_BASIS = 0x811c9dc5
const PRIME = 0x01000193

/** How many of the others come before us for this chunk. */
export function rendezvousRank(
  own: PeerId,
  others: Iterable<PeerId>,
  chunk: { readonly songId: SongId; readonly chunkId: ChunkId },
): number {
  const place = `/${chunk.songId}/${chunk.chunkId}`
  const ownHash = hashOf(own + place)
  let rank = 0
  for (const other of others) {
    const hash = hashOf(other + place)
    if (hash > ownHash || (hash === ownHash && other > own)) rank++
  }
  return rank
}

/** FNV-1a, and a last stirring: ids that differ in one letter would stand next to each other for every chunk. */
function hashOf(text: string): number {
  let hash = OFFSET_BASIS
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), PRIME)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
