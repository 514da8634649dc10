// What an earlier process left of a song, brought in order before the song is opened: files and record agree afterwards.
// Not the hashing of what is found: that comes with the first use of each chunk.
// Invariant: an extent stays only if it belongs to the song and a chunk is recorded in it; a chunk counts only if its extents are there.

import { mkdir, readdir, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Bitfield } from '@evastream/core/bitfield'
import type { Manifest } from '@evastream/core/manifest'
import { ChunkRecord, RECORD_SLOT_BYTES } from './chunk-record.ts'
import type { ExtentFiles, OpenFile } from './extent-files.ts'
import { lossless } from './storage-fault.ts'
import { chunksInExtent, extentCountOf, extentIndexOf, extentLengthBytes, type SongPaths } from './store-layout.ts'

export interface SongStock {
  readonly record: ChunkRecord
  /** Recorded chunks whose extents are there: held, and not yet proven. */
  readonly recorded: Bitfield
  /** The extents on the disk. */
  readonly extents: ReadonlySet<number>
  /** All files of the song: extents at their full length, the record as long as that of a complete song. */
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

export async function takeStock(deps: StockDeps, { manifest, contentKey, paths }: StockOptions): Promise<SongStock> {
  await mkdir(paths.directory, { recursive: true })
  const names = await readdir(paths.directory)
  const { record, kept } = await ChunkRecord.open(deps, { path: paths.record, chunkCount: manifest.chunkCount, contentKey })
  const found = names.map(extentIndexOf).filter(index => index !== undefined)
  await forgetChunksWithoutFile(record, { manifest, kept, found: new Set(found) })
  const extents = new Set<number>()
  for (const extent of found) {
    if (extent < extentCountOf(manifest.fileSize) && hasMember(kept, chunksInExtent(manifest, extent))) extents.add(extent)
    else await deps.files.remove(paths.extent(extent))
  }
  const sideFiles = names.filter(name => extentIndexOf(name) === undefined && name !== basename(paths.record))
  const sideSizes = await Promise.all(sideFiles.map(async name => (await stat(join(paths.directory, name)).catch(lossless))?.size ?? 0))
  const lengths = [...extents].map(extent => extentLengthBytes(manifest.fileSize, extent))
  const recordBytes = RECORD_SLOT_BYTES * manifest.chunkCount
  return { record, recorded: kept, extents, sizeBytes: [recordBytes, ...sideSizes, ...lengths].reduce((sum, size) => sum + size, 0) }
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
