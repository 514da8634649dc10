// Directories of the store whose song nobody knows any more (its manifest is spoiled or missing): they take room all the same.
// Not the songs: one that becomes known again claims its directory, and its chunks with it.
// Invariant: a stray's room is counted until it is claimed or removed, and a directory that was claimed is never removed.

import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { StorageRoom } from './song-extents.ts'
import { lossless, toStorageError } from './storage-fault.ts'
import { PINNED_MARK, songsDirectory, WANTED_MARK } from './store-layout.ts'

interface Stray {
  readonly sizeBytes: number
  /** Somebody wanted to keep it: it stays, whoever it is. */
  readonly isMarked: boolean
}

export class StrayDirectories {
  readonly #room: Pick<StorageRoom, 'found' | 'give'>
  readonly #root: string
  readonly #claimed = new Set<string>()
  readonly #strays = new Map<string, Stray>()
  #removal: Promise<void> = Promise.resolve()

  constructor(deps: { readonly room: Pick<StorageRoom, 'found' | 'give'> }, options: { readonly root: string }) {
    this.#room = deps.room
    this.#root = options.root
  }

  /** The directory belongs to a song; resolves when it is not being removed (any more). */
  async claim(directory: string): Promise<void> {
    this.#claimed.add(directory)
    const stray = this.#strays.get(directory)
    this.#strays.delete(directory)
    if (stray !== undefined) this.#room.give(stray.sizeBytes)
    await this.#removal
  }

  /** Counts every directory that was not claimed until now. */
  async count(): Promise<void> {
    const songs = songsDirectory(this.#root)
    for (const name of (await readdir(songs).catch(lossless)) ?? []) {
      const directory = join(songs, name)
      if (this.#claimed.has(directory) || this.#strays.has(directory)) continue
      const stray = await measure(directory)
      if (this.#claimed.has(directory)) continue
      this.#strays.set(directory, stray)
      this.#room.found(stray.sizeBytes)
    }
  }

  /** @returns whether there was one to remove. @throws EvaError `EVA_STORAGE_FAILED` */
  async removeOne(): Promise<boolean> {
    for (const [directory, { sizeBytes, isMarked }] of this.#strays) {
      if (isMarked) continue
      this.#strays.delete(directory)
      const removal = rm(directory, { recursive: true, force: true })
      this.#removal = removal.catch(lossless)
      await removal.catch(error => {
        throw toStorageError(error)
      })
      this.#room.give(sizeBytes)
      return true
    }
    return false
  }
}

async function measure(directory: string): Promise<Stray> {
  const names = (await readdir(directory).catch(lossless)) ?? []
  const sizes = await Promise.all(names.map(async name => (await stat(join(directory, name)).catch(lossless))?.size ?? 0))
  return { sizeBytes: sizes.reduce((sum, size) => sum + size, 0), isMarked: names.includes(PINNED_MARK) || names.includes(WANTED_MARK) }
}
