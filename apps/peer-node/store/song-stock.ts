// What an earlier process left of a song, brought in order before the song is opened: files and record agree afterwards.
// Not the hashing of what is found: that comes with the first use of each chunk.
// Invariant: an extent stays only if it belongs to the song and a chunk is recorded in it; a chunk counts only if its extents are there.

import { mkdir, readdir } from 'node:fs/promises'
import type { Bitfield } from '@evastream/core/bitfield'
import { blockHashesLengthBytes, type Manifest } from '@evastream/core/manifest'
import { ChunkRecord, RECORD_SLOT_BYTES } from './chunk-record.ts'
import type { ExtentFiles, OpenFile } from './extent-files.ts'
import { isMissing, lossless } from './storage-fault.ts'
import { chunksInExtent, extentCountOf, extentIndexOf, extentLengthBytes, type SongPaths } from './store-layout.ts'

export interface SongStock {
  readonly record: ChunkRecord
  /** Recorded chunks whose extents are there: held, and not yet proven. */
  readonly recorded: Bitfield
  /** The extents on the disk. */
  readonly extents: ReadonlySet<number>
  /** All files of the song: extents at their full length, and the notes beside them as long as they are for a complete song. */
  readonly sizeBytes: number
}

export interface StockDeps {
  readonly openFile: OpenFile
  readonly files: Pick<ExtentFiles, 'write' | 'remove'>
}

export interface StockOptions {
  readonly manifest: Manifest
  readonly contentKey: string
  readonly paths: SongPaths
}

/** What a chunk takes in the manifest, as it is written. */
const MANIFEST_CHUNK_BYTES = 100
const MANIFEST_HEAD_BYTES = 512

export async function takeStock(deps: StockDeps, { manifest, contentKey, paths }: StockOptions): Promise<SongStock> {
  const names = await namesIn(paths.directory)
  const { record, kept } = await ChunkRecord.open(deps, { path: paths.record, chunkCount: manifest.chunkCount, contentKey })
  const found = names.map(extentIndexOf).filter(index => index !== undefined)
  await forgetChunksWithoutFile(record, { manifest, kept, found: new Set(found) })
  const extents = new Set<number>()
  for (const extent of found) {
    if (extent < extentCountOf(manifest.fileSize) && hasMember(kept, chunksInExtent(manifest, extent))) extents.add(extent)
    else await deps.files.remove(paths.extent(extent))
  }
  const lengths = [...extents].map(extent => extentLengthBytes(manifest.fileSize, extent))
  return { record, recorded: kept, extents, sizeBytes: lengths.reduce((sum, length) => sum + length, notesLengthBytes(manifest)) }
}

/** Manifest, block hashes and record. */
export function notesLengthBytes(manifest: Manifest): number {
  const perChunkBytes = RECORD_SLOT_BYTES + MANIFEST_CHUNK_BYTES
  return MANIFEST_HEAD_BYTES + manifest.chunkCount * perChunkBytes + blockHashesLengthBytes(manifest)
}

/** Made when it is not there. Any other failure is no empty directory: its chunks would be forgotten. */
async function namesIn(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch(error => {
    if (isMissing(error)) return undefined
    throw error
  })
  if (names === undefined) await mkdir(directory, { recursive: true })
  return names ?? []
}

interface FoundChunks {
  readonly manifest: Manifest
  readonly kept: Bitfield
  readonly found: ReadonlySet<number>
}

/** An extent that was removed without its note reaching the disk: its chunks are gone, and that is noted now. */
async function forgetChunksWithoutFile(record: ChunkRecord, { manifest, kept, found }: FoundChunks): Promise<void> {
  const gone: number[] = []
  for (let extent = 0; extent < extentCountOf(manifest.fileSize); extent++) {
    if (found.has(extent)) continue
    const { first, last } = chunksInExtent(manifest, extent)
    for (let chunkId = first; chunkId <= last; chunkId++) if (kept.delete(chunkId)) gone.push(chunkId)
  }
  // Should the note fail again, the next start comes to the same conclusion.
  if (gone.length > 0) await record.appendLost(gone).catch(lossless)
}

function hasMember(chunks: Bitfield, { first, last }: { readonly first: number; readonly last: number }): boolean {
  for (let chunkId = first; chunkId <= last; chunkId++) if (chunks.has(chunkId)) return true
  return false
}
