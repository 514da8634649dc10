// A song made for a test: its bytes, its manifest and its block hashes, the same for the same arguments everywhere.
// Not music: a player would only hear noise. Real MP3 frames come from the preprocessor's own fixtures.
// Invariant: manifest and block hashes fit the bytes exactly; whoever wants a lie spoils a copy.

import { createHash } from 'node:crypto'
import { parseSongId } from '@evastream/core/ids'
import {
  blockCountOf,
  blockLengthBytes,
  chunkLengthBytes,
  type Manifest,
  parseManifest,
  type SongDescription,
} from '@evastream/core/manifest'
import { BLOCK_SIZE_BYTES, KIB } from '@evastream/core/units'

export interface SongFixture {
  readonly manifest: Manifest
  readonly bytes: Uint8Array
  /** 32 bytes a block, in order. */
  readonly blockHashes: Uint8Array
  chunkBytes(chunkId: number): Uint8Array
}

export interface SongFixtureOptions extends Partial<SongDescription> {
  readonly songId?: string
  readonly fileSize?: number
  readonly chunkSize?: number
  /** Two songs of one size differ when their seeds do. */
  readonly seed?: number
}

/** A song of any size (default 300,000 bytes in chunks of 64 KiB, so five chunks, the last one short). */
export function songFixture(options: SongFixtureOptions = {}): SongFixture {
  const { songId = 'song-1', fileSize = 300_000, chunkSize = 64 * KIB, seed = 1, ...description } = options
  const bytes = noise(fileSize, seed)
  const chunkCount = Math.ceil(fileSize / chunkSize)
  const shape = { fileSize, chunkSize, chunkCount }
  const chunkBytes = (chunkId: number) => bytes.subarray(chunkId * chunkSize, chunkId * chunkSize + chunkLengthBytes(shape, chunkId))
  const chunks = Array.from({ length: chunkCount }, (_, chunkId) => ({ chunkId, hash: sha256(chunkBytes(chunkId)).toString('hex') }))
  const manifest = parseManifest({ id: parseSongId(songId), title: `Noise ${seed}`, ...description, ...shape, chunks })
  const blockHashes = chunks.flatMap(({ chunkId }) =>
    Array.from({ length: blockCountOf(shape, chunkId) }, (_, block) => {
      const start = block * BLOCK_SIZE_BYTES
      return sha256(chunkBytes(chunkId).subarray(start, start + blockLengthBytes(shape, chunkId, block)))
    }),
  )
  return { manifest, bytes, blockHashes: new Uint8Array(Buffer.concat(blockHashes)), chunkBytes }
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest()
}

/** Bytes of a xorshift generator: quick enough for songs of many megabytes. */
function noise(sizeBytes: number, seed: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(sizeBytes / 4))
  let state = (seed * 0x9e3779b9) >>> 0 || 1
  for (let index = 0; index < words.length; index++) {
    state ^= state << 13
    state >>>= 0
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    words[index] = state
  }
  return new Uint8Array(words.buffer, 0, sizeBytes)
}
