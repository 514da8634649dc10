// Publishes one file: cuts it into the storage, gives it its place, and registers its manifest last.
// Not the command line around it (main.ts), nor the parts (input-file, chunker, tag-reader, staged-directory).
// Invariant: whatever stops it, the metadata service names a song only when all its chunks are in their place.

import { hash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { EvaError } from '@evastream/core/errors'
import type { SongId } from '@evastream/core/ids'
import type { PublishBody } from '@evastream/protocol/metadata-http'
import { chunkFileName, isChunkFileName } from '@evastream/protocol/storage-layout'
import { errnoOf } from '@evastream/service-kit/data-directories'
import { type CutSong, cutIntoChunks } from './chunker.ts'
import type { PublishWish } from './config.ts'
import { type InputFile, openInputFile } from './input-file.ts'
import { songIdFor } from './song-id.ts'
import { StagedDirectory } from './staged-directory.ts'
import { readTags, type SongTags } from './tag-reader.ts'

/** The part of MetadataClient that publishing needs. */
export interface SongRegister {
  publish(body: PublishBody, signal?: AbortSignal): Promise<'created' | 'unchanged'>
}

export interface PublisherDeps {
  readonly register: SongRegister
  readonly signal: AbortSignal
  readonly onStart?: (title: string, sizeBytes: number) => void
  readonly onProgress?: (sizeBytes: number) => void
  readonly onNote?: (text: string) => void
}

export interface Publication {
  readonly songId: SongId
  readonly title: string
  readonly fileSize: number
  readonly chunkSize: number
  readonly chunkCount: number
  /** Of the whole file, lower-case hexadecimal. */
  readonly sha256: string
  readonly result: 'created' | 'unchanged'
}

/** @throws EvaError `EVA_INPUT_…`, `EVA_STORAGE_FULL`, `EVA_DIRECTORY_UNWRITABLE`, `EVA_CHUNKS_CONFLICT`, `EVA_SONG_CONFLICT`, `EVA_CANCELLED`, … */
export async function publish(wish: PublishWish, deps: PublisherDeps): Promise<Publication> {
  const input = await openInputFile(wish.inputPath)
  try {
    const tags = await readTags(wish.inputPath, deps.signal)
    for (const note of tags.notes) deps.onNote?.(note)
    const description = { ...tags.description, ...wish.overrides }
    deps.onStart?.(description.title, input.sizeBytes)
    const { song, songId } = await stageAndPlace({ input, tags, title: description.title }, wish, deps)
    const result = await deps.register.publish(
      publishBody({ songId, song, description: { ...description, ...coverOf(tags) } }),
      deps.signal,
    )
    const { fileSize, chunkSize, chunkCount, sha256 } = song
    return { songId, title: description.title, fileSize, chunkSize, chunkCount, sha256, result }
  } finally {
    await input.close()
  }
}

interface Material {
  readonly input: InputFile
  readonly tags: SongTags
  readonly title: string
}

async function stageAndPlace(
  { input, tags, title }: Material,
  wish: PublishWish,
  deps: PublisherDeps,
): Promise<{ song: CutSong; songId: SongId }> {
  const staged = await StagedDirectory.make(wish.storageDir)
  try {
    const song = await cutIntoChunks(
      input.bytes(deps.signal),
      async ({ chunkId, bytes }) => {
        const { length } = bytes
        await staged.write(chunkFileName(chunkId), bytes)
        deps.onProgress?.(length)
      },
      { chunkSize: wish.chunkSize },
    )
    await input.checkUnchanged()
    if (tags.cover !== undefined) await staged.write(tags.cover.type.fileName, tags.cover.bytes)
    const songId = wish.songId ?? songIdFor(title, song.sha256)
    if ((await staged.place(songId)) === 'occupied') await checkSameChunks(join(wish.storageDir, songId), songId, song)
    return { song, songId }
  } finally {
    await staged.discard()
  }
}

/** @throws EvaError `EVA_CHUNKS_CONFLICT` unless the directory holds exactly the song's chunks. */
async function checkSameChunks(directory: string, songId: SongId, { chunkHashes }: CutSong): Promise<void> {
  const conflict = (cause?: unknown): EvaError => new EvaError('EVA_CHUNKS_CONFLICT', { details: { songId }, cause })
  try {
    const stored = (await readdir(directory)).filter(isChunkFileName)
    if (stored.length !== chunkHashes.length) throw conflict()
    for (const [chunkId, expected] of chunkHashes.entries())
      if (hash('sha256', await readFile(join(directory, chunkFileName(chunkId)))) !== expected) throw conflict()
  } catch (cause) {
    const reason = errnoOf(cause)
    throw reason === 'ENOENT' || reason === 'ENOTDIR' ? conflict(cause) : cause
  }
}

function coverOf({ cover }: SongTags): { readonly coverHash?: string } {
  return cover === undefined ? {} : { coverHash: cover.hash }
}

interface Manuscript {
  readonly songId: SongId
  readonly song: CutSong
  readonly description: Omit<PublishBody, 'id' | 'fileSize' | 'chunkSize' | 'chunkCount' | 'chunks' | 'blockHashes'>
}

function publishBody({ songId, song, description }: Manuscript): PublishBody {
  const { fileSize, chunkSize, chunkCount, chunkHashes, blockHashes } = song
  return {
    id: songId,
    ...description,
    fileSize,
    chunkSize,
    chunkCount,
    chunks: chunkHashes.map((chunkHash, chunkId) => ({ chunkId, hash: chunkHash })),
    blockHashes: Buffer.from(blockHashes).toString('base64'),
  }
}
