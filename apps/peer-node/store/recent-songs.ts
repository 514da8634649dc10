// The songs of this node in the order of their last use, kept in a small file so that the order survives restarts.
// Not when they were used, and not what is done with the order.
// Invariant: the file holds one whole order or another, and losing it costs nothing but the order.

import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isId, parseSongId, type SongId } from '@evastream/core/ids'
import { SECOND_MS } from '@evastream/core/units'
import type { Timers } from '@evastream/service-kit/system-clock'
import { lossless } from './storage-fault.ts'

export interface RecentSongsDeps {
  readonly timers: Pick<Timers, 'after'>
}

/** A crash forgets so much of the order; a use costs nothing but memory until then. */
const WRITE_AFTER_MS = 10 * SECOND_MS
const FILE_NAME = 'recent-songs'

export class RecentSongs {
  readonly #timers: Pick<Timers, 'after'>
  readonly #path: string
  /** The least recently used first. */
  readonly #songIds: Set<SongId>
  #last: SongId | undefined
  #cancelWrite: (() => void) | undefined
  #writing: Promise<void> = Promise.resolve()

  private constructor(deps: RecentSongsDeps, path: string, songIds: Iterable<SongId>) {
    this.#timers = deps.timers
    this.#path = path
    this.#songIds = new Set(songIds)
  }

  static async open(deps: RecentSongsDeps, options: { readonly directory: string }): Promise<RecentSongs> {
    const path = join(options.directory, FILE_NAME)
    // Without the file no song was used before the others.
    const lines = ((await readFile(path, 'utf8').catch(lossless)) ?? '').split('\n')
    return new RecentSongs(deps, path, lines.filter(isId).map(parseSongId))
  }

  used(songId: SongId): void {
    if (this.#last === songId) return
    this.#last = songId
    this.#songIds.delete(songId)
    this.#songIds.add(songId)
    this.#cancelWrite ??= this.#timers.after(WRITE_AFTER_MS, () => this.#write())
  }

  /** These songs with the least recently used first; those never used come before all others, as they stand. */
  inOrder(songIds: readonly SongId[]): SongId[] {
    const present = new Set(songIds)
    return [...songIds.filter(songId => !this.#songIds.has(songId)), ...[...this.#songIds].filter(songId => present.has(songId))]
  }

  /** Forgets all others. */
  retain(songIds: Iterable<SongId>): void {
    const present = new Set(songIds)
    for (const songId of this.#songIds) if (!present.has(songId)) this.#songIds.delete(songId)
  }

  /** Writes what was not written yet. */
  async close(): Promise<void> {
    if (this.#cancelWrite !== undefined) this.#write()
    await this.#writing
  }

  #write(): void {
    this.#cancelWrite?.()
    this.#cancelWrite = undefined
    const text = [...this.#songIds].join('\n')
    const replace = async () => {
      await writeFile(`${this.#path}.new`, text)
      await rename(`${this.#path}.new`, this.#path)
    }
    // The order is written again after the next use; until then an older one does.
    this.#writing = this.#writing.then(() => replace().catch(lossless))
  }
}
