// What the keeper of a folder needs of those who publish songs, and whom it tells what it did.
// Not the publishing: whoever runs the keeper brings it.

import type { SongId } from '@evastream/core/ids'

export interface PublishedSong {
  readonly songId: SongId
  readonly title: string
  readonly result: 'created' | 'unchanged'
}

export interface SongDesk {
  /** The songs that can be played: they are known, and their chunks lie in the storage. */
  listPlayable(signal: AbortSignal): Promise<ReadonlySet<string>>
  /** Publishes the song of a file. @throws EvaError `EVA_INPUT_*` for a file that is none, or changed meanwhile */
  publish(path: string, signal: AbortSignal): Promise<PublishedSong>
  /** Takes a song away, its chunks included. @returns whether there was anything of it */
  unpublish(songId: string): Promise<boolean>
}

/** Told what happens, as it happens; paths are below the folder. */
export interface LibraryListener {
  published(song: PublishedSong, path: string): void
  /** It is left out; the reason is a sentence for people. */
  refused(path: string, reason: string): void
  removed(songId: string, path: string): void
  /** The folder, or a directory of it, cannot be looked into: its songs stay. */
  away(path: string, reason: string): void
  /** Everything that was found is dealt with. */
  settled(state: LibraryState): void
}

/** Where the work on the folder stands. */
export interface LibraryState {
  readonly folder: string
  /** Why it cannot be looked into; its songs stay as they are. */
  readonly awayReason?: string
  /** Not every file of the last look is dealt with. */
  readonly isBusy: boolean
  /** Audio files at the last look. */
  readonly fileCount: number
  /** Songs that files of the folder stand for. */
  readonly songCount: number
  /** Files that are still to be read. */
  readonly pendingCount: number
  /** Files that are away, and will be taken for deleted unless they come back. */
  readonly missingCount: number
  /** Files that are no songs, or could not be published. */
  readonly refused: readonly { readonly path: string; readonly reason: string }[]
}
