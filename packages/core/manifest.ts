// The manifest: a song's metadata with the hashes of its chunks, and the arithmetic of chunks and blocks.
// Not the transport schema (packages/protocol) and not the audio; block hashes travel separately, being many.
// Invariant: a Manifest made by `parseManifest` agrees with itself: counts, sizes, order and hash spelling.

import { EvaError } from './errors.ts'
import { type ChunkId, isId, type SongId } from './ids.ts'
import { BLOCK_SIZE_BYTES, CHUNK_SIZE_MAX_BYTES, CHUNK_SIZE_MIN_BYTES, HASH_SIZE_BYTES, SECOND_MS } from './units.ts'

export interface ManifestChunk {
  readonly chunkId: ChunkId
  /** Lower-case hexadecimal SHA-256 of the chunk. */
  readonly hash: string
}

/** What people read and operators may edit; none of it decides a byte. */
export interface SongDescription {
  readonly title: string
  readonly artist?: string
  readonly album?: string
  readonly albumArtist?: string
  readonly trackNumber?: number
  readonly discNumber?: number
  readonly year?: number
  readonly genre?: string
  readonly durationMs?: number
  readonly mimeType?: string
  /** Lower-case hexadecimal SHA-256 of the cover picture. */
  readonly coverHash?: string
}

/** The sizes alone: all that the engine needs to know of a song. */
export interface SongShape {
  readonly fileSize: number
  readonly chunkSize: number
  readonly chunkCount: number
}

export interface Manifest extends SongDescription, SongShape {
  readonly id: SongId
  readonly chunks: readonly ManifestChunk[]
}

/** A file larger than this cannot be published: 64 GiB, far past any recording, far below what a double counts exactly. */
export const FILE_SIZE_MAX_BYTES = 64 * 1024 ** 3

const HASH_EXPRESSION = /^[0-9a-f]{64}$/

export function isHash(value: unknown): value is string {
  return typeof value === 'string' && HASH_EXPRESSION.test(value)
}

/**
 * Checks what a schema cannot: that the numbers agree with one another. Field types are the schema's business.
 * @throws EvaError `EVA_MANIFEST_INVALID` naming the field, or `EVA_SONG_ID_INVALID`.
 */
export function parseManifest(candidate: Omit<Manifest, 'id'> & { readonly id: string }): Manifest {
  const { id, fileSize, chunkSize, chunkCount, chunks } = candidate
  if (!isId(id)) throw new EvaError('EVA_SONG_ID_INVALID', { details: { value: String(id).slice(0, 64) } })
  checkSize('fileSize', fileSize, 1, FILE_SIZE_MAX_BYTES)
  checkSize('chunkSize', chunkSize, CHUNK_SIZE_MIN_BYTES, CHUNK_SIZE_MAX_BYTES)
  const expectedCount = Math.ceil(fileSize / chunkSize)
  if (chunkCount !== expectedCount)
    throw unfit('chunkCount', `${fileSize} bytes in chunks of ${chunkSize} make ${expectedCount} chunks, not ${chunkCount}`)
  if (chunks.length !== chunkCount) throw unfit('chunks', `chunkCount says ${chunkCount} and ${chunks.length} are listed`)
  chunks.forEach((chunk, index) => {
    if (chunk.chunkId !== index)
      throw unfit(`chunks[${index}].chunkId`, `chunks are listed in order from 0, so it is ${index}, not ${chunk.chunkId}`)
    if (!isHash(chunk.hash)) throw unfit(`chunks[${index}].hash`, 'a hash is 64 lower-case hexadecimal digits')
  })
  return candidate as Manifest
}

export function chunkLengthBytes(shape: SongShape, chunkId: ChunkId): number {
  return chunkId === shape.chunkCount - 1 ? shape.fileSize - chunkId * shape.chunkSize : shape.chunkSize
}

export function isChunkOf(shape: SongShape, chunkId: unknown): chunkId is ChunkId {
  return Number.isInteger(chunkId) && (chunkId as number) >= 0 && (chunkId as number) < shape.chunkCount
}

/** How many blocks a chunk has; its last one may be short. */
export function blockCountOf(shape: SongShape, chunkId: ChunkId): number {
  return Math.ceil(chunkLengthBytes(shape, chunkId) / BLOCK_SIZE_BYTES)
}

export function blockLengthBytes(shape: SongShape, chunkId: ChunkId, block: number): number {
  return Math.min(BLOCK_SIZE_BYTES, chunkLengthBytes(shape, chunkId) - block * BLOCK_SIZE_BYTES)
}

/** The length of `count` blocks of a chunk from `firstBlock` on. */
export function blockRunLengthBytes(shape: SongShape, chunkId: ChunkId, firstBlock: number, count: number): number {
  return Math.min((firstBlock + count) * BLOCK_SIZE_BYTES, chunkLengthBytes(shape, chunkId)) - firstBlock * BLOCK_SIZE_BYTES
}

/** The position of a chunk's first block in the song's list of block hashes: blocks restart in each chunk. */
export function firstBlockIndexOf(shape: SongShape, chunkId: ChunkId): number {
  return chunkId * Math.ceil(shape.chunkSize / BLOCK_SIZE_BYTES)
}

export function songBlockCount(shape: SongShape): number {
  const last = shape.chunkCount - 1
  return firstBlockIndexOf(shape, last) + blockCountOf(shape, last)
}

export function blockHashesLengthBytes(shape: SongShape): number {
  return songBlockCount(shape) * HASH_SIZE_BYTES
}

/** A song's mean byte rate, from its size and duration; without a duration, that of 320 kbit/s. */
export function byteRateBytesPerSecond(song: { readonly fileSize: number; readonly durationMs?: number }): number {
  const fallbackBytesPerSecond = 40_000
  return song.durationMs !== undefined && song.durationMs > 0 ? song.fileSize / (song.durationMs / SECOND_MS) : fallbackBytesPerSecond
}

function checkSize(field: string, value: number, min: number, max: number): void {
  if (!Number.isSafeInteger(value) || value < min || value > max) throw unfit(field, `it is a whole number from ${min} to ${max}`)
}

function unfit(field: string, reason: string): EvaError {
  return new EvaError('EVA_MANIFEST_INVALID', { details: { field, reason } })
}
