// All songs this peer knows, which of them have something to do, and whose turn it is.
// Not the peers who hold them.
// Invariant: among songs with something to do every one comes first equally often, so none starves another.

import type { SongId } from '@evastream/core/ids'
import type { SongState } from './song-state.ts'

export class SongTable {
  readonly #songs = new Map<SongId, SongState>()
  readonly #active = new Map<SongId, SongState>()
  readonly #listened = new Set<SongState>()

  get(songId: SongId): SongState | undefined {
    return this.#songs.get(songId)
  }

  add(song: SongState): void {
    this.#songs.set(song.songId, song)
    this.changed(song)
  }

  delete(songId: SongId): void {
    const song = this.#songs.get(songId)
    this.#songs.delete(songId)
    this.#active.delete(songId)
    if (song !== undefined) this.#listened.delete(song)
  }

  all(): Iterable<SongState> {
    return this.#songs.values()
  }

  /** Songs with chunks wanted or in progress, in the order of their turns. */
  active(): Iterable<SongState> {
    return this.#active.values()
  }

  /** Songs that have readers, whether anything of them is wanted or not. */
  listened(): Iterable<SongState> {
    return this.#listened
  }

  /** What a song wants or has in progress changed, or who reads it. */
  changed(song: SongState): void {
    if (!song.hasReaders) this.#listened.delete(song)
    else if (this.#songs.get(song.songId) === song) this.#listened.add(song)
    const isActive = song.wantedCount > 0 || song.progress.size > 0
    if (!isActive) this.#active.delete(song.songId)
    else if (!this.#active.has(song.songId) && this.#songs.get(song.songId) === song) this.#active.set(song.songId, song)
  }

  /** The song had its turn: the others come first now. */
  hadTurn(song: SongState): void {
    if (this.#active.delete(song.songId)) this.#active.set(song.songId, song)
  }
}
