// A song drawn from a random: the shapes that real users' files have, the odd ones as often as the usual.
// Not its bytes: a simulated song is its sizes, its rate and what its manifest says.
// Invariant: every shape here would pass parseManifest.

import type { SongId } from '@evastream/core/ids'
import type { SongShape } from '@evastream/core/manifest'
import type { Random } from '@evastream/core/random'
import { CHUNK_SIZE_MAX_BYTES, CHUNK_SIZE_MIN_BYTES, KIB } from '@evastream/core/units'
import type { SongPlan } from './world-plan.ts'

const WITHOUT_BLOCK_HASHES_RATIO = 0.25
const FLAW_RATIO = 0.06

export function drawSong(random: Random, songId: SongId): SongPlan {
  const shape = drawShape(random)
  const byteRateBytesPerSecond = random.pick([16_000, 40_000, 176_400]) ?? 40_000
  const hasBlockHashes = random.ratio() >= WITHOUT_BLOCK_HASHES_RATIO
  const song = { songId, shape, byteRateBytesPerSecond, hasBlockHashes }
  if (random.ratio() >= FLAW_RATIO) return song
  const wrong = hasBlockHashes && random.ratio() < 0.5 ? 'block-hashes' : 'chunk-hash'
  return { ...song, flaw: { chunkId: random.below(shape.chunkCount), wrong } }
}

function drawShape(random: Random): SongShape {
  const usual = 64 * KIB * (1 + random.below(4))
  switch (random.below(20)) {
    case 0:
      return shapeOf(1 + random.below(100), CHUNK_SIZE_MIN_BYTES)
    case 1:
      return shapeOf(usual, usual)
    case 2:
      return shapeOf(299 * CHUNK_SIZE_MIN_BYTES + 1 + random.below(CHUNK_SIZE_MIN_BYTES), CHUNK_SIZE_MIN_BYTES)
    case 3:
      return shapeOf(CHUNK_SIZE_MAX_BYTES + 1 + random.below(CHUNK_SIZE_MAX_BYTES / 8), CHUNK_SIZE_MAX_BYTES)
    case 4:
    case 5:
      return shapeOf(usual * (1 + random.below(8)) + 1, usual)
    case 6:
    case 7:
    case 8: {
      const odd = CHUNK_SIZE_MIN_BYTES + random.below(200 * KIB)
      return shapeOf(odd * (1 + random.below(8)) - random.below(odd), odd)
    }
    default:
      return shapeOf(usual * (2 + random.below(9)) - random.below(usual), usual)
  }
}

function shapeOf(fileSize: number, chunkSize: number): SongShape {
  return { fileSize, chunkSize, chunkCount: Math.ceil(fileSize / chunkSize) }
}
