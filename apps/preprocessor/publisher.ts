// Publishes one song: cut and hashed, its files in place in the storage, then registered with the metadata service.
// Not the parts of that work, and not what is said about it: the listener does the talking.
// Invariant: registered last, so that whoever finds a song finds all its chunks; killed at any moment, a second run completes it.

import { join } from 'node:path'
import { type ErrorCode, EvaError, toEvaError } from '@evastream/core/errors'
import { parseSongId, type SongId } from '@evastream/core/ids'
import type { Manifest, SongDescription } from '@evastream/core/manifest'
import type { PublishBody, SongEdit } from '@evastream/protocol/metadata-http'
import { chunkFileName } from '@evastream/protocol/storage-layout'
import { type CutChunk, type CutSong, cutIntoChunks } from './chunker.ts'
import type { PublishWish } from './config.ts'
import type { InputFile } from './input-file.ts'
import { checkRegistrable, publishBodyOf } from './publish-body.ts'
import { compareSong, hasSongDirectory, isComplete, isSameAudio, repairSong, syncSong } from './song-directory.ts'
import { songIdFor } from './song-id.ts'
import { isProcessAlive, type StagingOwner, stageDirectory, sweepStaging } from './staged-directory.ts'
import { readTags, type SongTags } from './tag-reader.ts'

export type PublishStep = 'checked' | 'staged' | 'placed' | 'registered'

/** Told what happens, as it happens. */
export interface PublishListener {
  reached(step: PublishStep): void
  /** Of `totalBytes`, so many are cut, hashed and (unless they lay there already) written. */
  progressed(doneBytes: number, totalBytes: number): void
  /** Worth a line: something was left out, found or put right. */
  noted(text: string): void
}

export interface MetadataPort {
  lookUpSong(
    songId: SongId,
    knownVersion: undefined,
    signal?: AbortSignal,
  ): Promise<{ kind: 'found'; manifest: Manifest } | { kind: 'unchanged' | 'missing' }>
  publish(body: PublishBody, signal?: AbortSignal): Promise<'created' | 'unchanged'>
  updateSong(songId: SongId, edit: SongEdit, signal?: AbortSignal): Promise<unknown>
}

export interface PublisherDeps {
  readonly input: InputFile
  readonly metadata: MetadataPort
  readonly listener: PublishListener
  readonly owner: StagingOwner
  readonly nowMs: () => number
}

export interface Publication {
  readonly songId: SongId
  readonly title: string
  readonly chunkCount: number
  readonly chunkSize: number
  readonly fileSize: number
  /** Of the whole file, in lower-case hexadecimal. */
  readonly sha256: string
  readonly result: 'created' | 'unchanged'
}

interface PlacedSong {
  readonly songId: SongId
  readonly cut: CutSong
}

/** What makes the long work pointless; any other answer to the question is one from a service that is there. */
const FATAL_AT_CHECK: ReadonlySet<ErrorCode> = new Set([
  'EVA_SERVICE_UNREACHABLE',
  'EVA_SERVICE_TIMEOUT',
  'EVA_TOKEN_REQUIRED',
  'EVA_TOKEN_REJECTED',
  'EVA_NOT_READY',
  'EVA_CANCELLED',
])
const ANY_SONG_ID = parseSongId('any-song')

export class Publisher {
  readonly #deps: PublisherDeps
  readonly #wish: PublishWish

  /** @param wish its `storageDir` exists and can be written */
  constructor(deps: PublisherDeps, wish: PublishWish) {
    this.#deps = deps
    this.#wish = wish
  }

  async publish(signal?: AbortSignal): Promise<Publication> {
    const { input, listener } = this.#deps
    checkRegistrable(input.sizeBytes, this.#wish.chunkSize)
    if (this.#wish.isPrepared !== true) await this.#prepare(signal)
    listener.reached('checked')
    const tags = await readTags(input.path, signal)
    if (this.#wish.audioOnly === true && !tags.isAudio) throw new EvaError('EVA_INPUT_NOT_AUDIO', { details: { path: input.path } })
    for (const note of tags.notes) listener.noted(note)
    const description = { ...tags.description, ...this.#wish.overrides }
    const { songId, cut } = await this.#place(tags, description.title, signal)
    listener.reached('placed')
    const coverHash = tags.cover === undefined ? {} : { coverHash: tags.cover.hash }
    const result = await this.#register({ songId, cut }, { ...description, ...coverHash }, signal)
    listener.reached('registered')
    const { chunkCount, chunkSize, fileSize, sha256 } = cut
    return { songId, title: description.title, chunkCount, chunkSize, fileSize, sha256, result }
  }

  async #prepare(signal?: AbortSignal): Promise<void> {
    const { listener, owner, nowMs } = this.#deps
    await this.#checkService(signal)
    const sweptCount = await sweepStaging(this.#wish.storageDir, owner, { nowMs, isAlive: isProcessAlive })
    if (sweptCount > 0)
      listener.noted(`swept away what ${sweptCount === 1 ? 'an unfinished publication' : `${sweptCount} unfinished publications`} had left`)
  }

  /** Whether the service is there, takes the token and has no other song of this name: asked before the long work. */
  async #checkService(signal?: AbortSignal): Promise<void> {
    const { metadata, input } = this.#deps
    const { songId = ANY_SONG_ID, chunkSize } = this.#wish
    try {
      // An edit of nothing is refused, but only after its token was judged.
      await metadata.updateSong(songId, {}, signal)
    } catch (thrown) {
      if (FATAL_AT_CHECK.has(toEvaError(thrown).code)) throw thrown
    }
    const known = await metadata.lookUpSong(songId, undefined, signal)
    if (known.kind !== 'found' || this.#wish.songId === undefined) return
    if (known.manifest.fileSize !== input.sizeBytes || known.manifest.chunkSize !== chunkSize) throw songConflict(songId)
  }

  /** Brings the files in place, or finds them there. */
  async #place(tags: SongTags, title: string, signal?: AbortSignal): Promise<PlacedSong> {
    const { storageDir, songId } = this.#wish
    if (songId !== undefined && (await hasSongDirectory(join(storageDir, songId)))) {
      const cut = await this.#cut(() => {}, signal)
      const difference = await compareSong(join(storageDir, songId), { cut, cover: tags.cover }, signal)
      const isRegistered = await this.#isRegistered({ songId, cut }, signal)
      if (isComplete(difference)) {
        await syncSong(join(storageDir, songId), { cut, cover: tags.cover })
        return { songId, cut }
      }
      if (!isSameAudio(difference) && !isRegistered) throw new EvaError('EVA_CHUNKS_CONFLICT', { details: { songId } })
    }
    return this.#stageAndPlace(tags, title, signal)
  }

  async #stageAndPlace(tags: SongTags, title: string, signal?: AbortSignal): Promise<PlacedSong> {
    const { storageDir } = this.#wish
    const { cover } = tags
    const staged = await stageDirectory(storageDir, this.#deps.owner)
    try {
      this.#deps.listener.reached('staged')
      const cut = await this.#cut(({ chunkId, bytes }) => staged.write(chunkFileName(chunkId), bytes), signal)
      if (cover !== undefined) await staged.write(cover.type.fileName, cover.bytes)
      const songId = this.#wish.songId ?? songIdFor(title, cut.sha256)
      const isRegistered = await this.#isRegistered({ songId, cut }, signal)
      const directory = join(storageDir, songId)
      if ((await staged.moveTo(directory)) === 'occupied') {
        const difference = await compareSong(directory, { cut, cover }, signal)
        if (!isSameAudio(difference) && !isRegistered) throw new EvaError('EVA_CHUNKS_CONFLICT', { details: { songId } })
        if (!isComplete(difference)) this.#deps.listener.noted(`put right in the storage: ${namesOf(difference)}`)
        await repairSong(directory, staged, difference)
        await syncSong(directory, { cut, cover })
      }
      return { songId, cut }
    } finally {
      await staged.discard()
    }
  }

  async #cut(takeChunk: (chunk: CutChunk) => Promise<void> | void, signal?: AbortSignal): Promise<CutSong> {
    const { input, listener } = this.#deps
    const { chunkSize } = this.#wish
    let doneBytes = 0
    const cut = await cutIntoChunks(
      input.bytes(signal),
      async chunk => {
        const { length } = chunk.bytes
        await takeChunk(chunk)
        doneBytes += length
        listener.progressed(doneBytes, input.sizeBytes)
      },
      { chunkSize },
    )
    await input.checkUnchanged()
    return cut
  }

  /** @throws EvaError `EVA_SONG_CONFLICT` when the id belongs to other audio. */
  async #isRegistered({ songId, cut }: PlacedSong, signal?: AbortSignal): Promise<boolean> {
    const known = await this.#deps.metadata.lookUpSong(songId, undefined, signal)
    if (known.kind !== 'found') return false
    const { fileSize, chunkSize, chunks } = known.manifest
    const isSame = fileSize === cut.fileSize && chunkSize === cut.chunkSize && chunks.every(({ hash }, id) => hash === cut.chunkHashes[id])
    if (!isSame) throw songConflict(songId)
    return true
  }

  async #register({ songId, cut }: PlacedSong, description: SongDescription, signal?: AbortSignal): Promise<'created' | 'unchanged'> {
    const { metadata, listener } = this.#deps
    const body = publishBodyOf(songId, cut, description)
    if (body.blockHashes === undefined) listener.noted('the song is too large for block hashes: peers will fetch it by whole chunks')
    try {
      return await metadata.publish(body, signal)
    } catch (thrown) {
      if (toEvaError(thrown).code !== 'EVA_SONG_CONFLICT' || !(await this.#isRegistered({ songId, cut }, signal))) throw thrown
      listener.noted('the song is registered with another description, which was kept: edit it there, or publish under another --songId')
      return 'unchanged'
    }
  }
}

function namesOf({ damaged, surplus }: { readonly damaged: readonly string[]; readonly surplus: readonly string[] }): string {
  const names = [...damaged, ...surplus]
  return names.length > 3 ? `${names.slice(0, 3).join(', ')} and ${names.length - 3} more` : names.join(', ')
}

function songConflict(songId: SongId): EvaError {
  return new EvaError('EVA_SONG_CONFLICT', { details: { songId } })
}
