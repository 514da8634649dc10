// Where the chunk store keeps a song: one directory per song, in it the audio (in extents), the record and the manifest.
// Not the files themselves: only their names and the arithmetic of extents.
// Invariant: two songs never share a directory, also where the file system ignores case or dislikes a name.

import { hash } from 'node:crypto'
import { join } from 'node:path'
import type { ChunkId, SongId } from '@evastream/core/ids'
import type { SongShape } from '@evastream/core/manifest'
import { MIB } from '@evastream/core/units'

/** A song's audio is cut into files of this size, because room is given back file by file. */
export const EXTENT_SIZE_BYTES = 16 * MIB

export const MANIFEST_NAME = 'manifest.json'
export const WANTED_MARK = 'wanted'
export const PINNED_MARK = 'pinned'

const PLAIN_NAME = /^[a-z0-9](?:[a-z0-9._-]*[a-z0-9_-])?$/
const DEVICE_NAME = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/

export interface SongPaths {
  readonly directory: string
  readonly record: string
  readonly manifest: string
  readonly blockHashes: string
  /** Present while the whole song is wanted, so that a restart goes on fetching it. */
  readonly wantedMark: string
  /** Present while the song is pinned. */
  readonly pinnedMark: string
  extent(index: number): string
}

export function songsDirectory(root: string): string {
  return join(root, 'songs')
}

export function songPaths(root: string, songId: SongId): SongPaths {
  const directory = join(songsDirectory(root), directoryNameOf(songId))
  return {
    directory,
    record: join(directory, 'chunks.record'),
    manifest: join(directory, MANIFEST_NAME),
    blockHashes: join(directory, 'block-hashes'),
    wantedMark: join(directory, WANTED_MARK),
    pinnedMark: join(directory, PINNED_MARK),
    extent: index => join(directory, extentName(index)),
  }
}

/** `audio` for the first extent, so that a song of one extent is one plain file; `audio.1`, … for the others. */
function extentName(index: number): string {
  return index === 0 ? 'audio' : `audio.${index}`
}

/** The index of an extent by its file's name; undefined for any other file. */
export function extentIndexOf(fileName: string): number | undefined {
  const match = /^audio(?:\.(\d{1,9}))?$/.exec(fileName)
  return match === null ? undefined : Number(match[1] ?? 0)
}

export function extentCountOf(fileSizeBytes: number): number {
  return Math.ceil(fileSizeBytes / EXTENT_SIZE_BYTES)
}

export function extentLengthBytes(fileSizeBytes: number, index: number): number {
  return Math.min(EXTENT_SIZE_BYTES, fileSizeBytes - index * EXTENT_SIZE_BYTES)
}

/** First and last chunk that lie in an extent, wholly or in part. */
export function chunksInExtent({ fileSize, chunkSize }: SongShape, index: number): { readonly first: ChunkId; readonly last: ChunkId } {
  const startBytes = index * EXTENT_SIZE_BYTES
  const lastByte = startBytes + extentLengthBytes(fileSize, index) - 1
  return { first: Math.floor(startBytes / chunkSize), last: Math.floor(lastByte / chunkSize) }
}

export interface ExtentSlice {
  readonly extent: number
  readonly positionBytes: number
  /** Where the slice begins within the range that was cut. */
  readonly offsetBytes: number
  readonly lengthBytes: number
}

/** A range of the song, cut at the borders of its extents. */
export function* extentSlices(startBytes: number, lengthBytes: number): Generator<ExtentSlice> {
  for (let done = 0; done < lengthBytes; ) {
    const at = startBytes + done
    const positionBytes = at % EXTENT_SIZE_BYTES
    const length = Math.min(EXTENT_SIZE_BYTES - positionBytes, lengthBytes - done)
    yield { extent: Math.floor(at / EXTENT_SIZE_BYTES), positionBytes, offsetBytes: done, lengthBytes: length }
    done += length
  }
}

function directoryNameOf(songId: SongId): string {
  if (PLAIN_NAME.test(songId) && !DEVICE_NAME.test(songId)) return songId
  return `${songId.toLowerCase()}~${hash('sha256', songId).slice(0, 16)}`
}
