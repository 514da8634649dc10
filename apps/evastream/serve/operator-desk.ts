// What an operator does with songs: publishes files, edits what is said of songs, and takes songs away.
// Not the parts of a publication (the preprocessor), and not who may do it (operator-routes.ts).
// Invariant: a song is forgotten by the metadata service before its chunks go, so that nobody is sent to what is not there.

import { readdir } from 'node:fs/promises'
import type { MetadataClient } from '@evastream/clients/metadata-client'
import { toEvaError } from '@evastream/core/errors'
import { parseSongId, type SongId } from '@evastream/core/ids'
import { KIB } from '@evastream/core/units'
import type { PublishedSong, SongDesk } from '@evastream/music-library/song-desk'
import { openInputFile } from '@evastream/preprocessor/input-file'
import { Publisher } from '@evastream/preprocessor/publisher'
import { removeSongFiles } from '@evastream/preprocessor/song-removal'
import type { StagingOwner } from '@evastream/preprocessor/staged-directory'
import { LIST_LIMIT_MAX, type SongEdit, type SongList, type SongSummary } from '@evastream/protocol/metadata-http'
import type { Logger } from '@evastream/service-kit/logger'
import type { WallClock } from '@evastream/service-kit/system-clock'

export interface OperatorDeskDeps {
  readonly metadata: MetadataClient
  readonly owner: StagingOwner
  readonly wallClock: WallClock
  readonly logger: Logger
}

const CHUNK_SIZE_BYTES = 256 * KIB

export class OperatorDesk implements SongDesk {
  readonly #deps: OperatorDeskDeps
  readonly #storageDir: string
  #isPrepared = false

  /** @param options its `storageDir` exists and can be written */
  constructor(deps: OperatorDeskDeps, options: { readonly storageDir: string }) {
    this.#deps = deps
    this.#storageDir = options.storageDir
  }

  async listPlayable(signal: AbortSignal): Promise<ReadonlySet<string>> {
    const stored = new Set(await readdir(this.#storageDir))
    const playable = new Set<string>()
    for (let cursor: string | undefined, isLast = false; !isLast; ) {
      const page: SongList = await this.#deps.metadata.listSongs(
        { limit: LIST_LIMIT_MAX, ...(cursor === undefined ? {} : { cursor }) },
        signal,
      )
      for (const { id } of page.songs) if (stored.has(id)) playable.add(id)
      cursor = page.nextCursor
      isLast = cursor === undefined
    }
    return playable
  }

  async publish(path: string, signal: AbortSignal): Promise<PublishedSong> {
    const { metadata, owner, wallClock, logger } = this.#deps
    const input = await openInputFile(path)
    try {
      const listener = {
        reached: () => undefined,
        progressed: () => undefined,
        noted: (note: string) => logger.info({ path, note }, 'a note on a song'),
      }
      const deps = { input, metadata, listener, owner, nowMs: () => wallClock.epochMs() }
      const wish = {
        inputPath: path,
        songId: undefined,
        chunkSize: CHUNK_SIZE_BYTES,
        storageDir: this.#storageDir,
        overrides: {},
        audioOnly: true,
        isPrepared: this.#isPrepared,
      }
      const { songId, title, result } = await new Publisher(deps, wish).publish(signal)
      this.#isPrepared = true
      return { songId, title, result }
    } finally {
      await input.close()
    }
  }

  async unpublish(songId: string): Promise<boolean> {
    const id = parseSongId(songId)
    const wasKnown = await this.#deps.metadata.deleteSong(id).then(
      () => true,
      thrown => {
        if (toEvaError(thrown).code !== 'EVA_SONG_NOT_FOUND') throw thrown
        return false
      },
    )
    const hadFiles = await removeSongFiles(id, { storageDir: this.#storageDir, owner: this.#deps.owner })
    return wasKnown || hadFiles
  }

  /** @throws EvaError `EVA_SONG_NOT_FOUND` */
  edit(songId: SongId, edit: SongEdit): Promise<SongSummary> {
    return this.#deps.metadata.updateSong(songId, edit)
  }
}
