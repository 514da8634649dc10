// The order in which chunks are fetched, as an interface that policies implement.
// Not the choice of a source. A policy sees facts and chance and has no effects.
// Invariant: what a policy returns is among what it was given, each chunk at most once.

import type { ChunkId } from '@evastream/core/ids'
import type { Random } from '@evastream/core/random'
import type { Millis } from '@evastream/core/units'

export interface ChunkFacts {
  /** The chunks to choose among. */
  readonly chunkIds: readonly ChunkId[]
  /** How many peers are known to hold the chunk; one that is receiving it counts half. */
  copiesOf(chunkId: ChunkId): number
  /** How soon (ms) a free peer could bring a first batch of the chunk; 0 for what only the origin has. */
  soonestMs(chunkId: ChunkId): number
  /** When the music needs the chunk; undefined if nobody listens towards it. */
  deadlineOf(chunkId: ChunkId): Millis | undefined
}

export interface ChunkSelection {
  readonly name: string
  /** The first `countMax` chunks in the order in which to try them. */
  order(facts: ChunkFacts, random: Random, countMax: number): ChunkId[]
}
