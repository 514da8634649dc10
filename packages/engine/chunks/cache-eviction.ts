// Which extent leaves the cache next when room is needed: a policy over facts, beside the Scheduler and not a part of it.
// Not the acting (the peer node's cache keeper), and no clock: the order of last use comes with the facts.
// Invariant: nothing of a kept song is ever chosen, and of a song being played only what all its readers have left behind.

import type { ChunkId, SongId } from '@evastream/core/ids'

/** One file of a song's audio; it goes as a whole. */
export interface CachedExtent {
  readonly extent: number
  /** Held chunks that lie in it, wholly or in part: they go with it. */
  readonly heldChunkIds: readonly ChunkId[]
  /** Where the last chunk that goes with it ends in the song. */
  readonly endByte: number
}

export interface CachedSong {
  readonly songId: SongId
  readonly fileSize: number
  /** Pinned, or wanted whole. */
  readonly isKept: boolean
  /** Where its readers are, in bytes; undefined while nobody plays it. */
  readonly readerPositions: readonly number[] | undefined
  /** How many others hold each chunk; undefined when that is not known. */
  readonly copies: ArrayLike<number> | undefined
  readonly extents: readonly CachedExtent[]
}

export interface Victim {
  readonly songId: SongId
  readonly extent: number
  /** Why it may go: others hold it, nobody knows whether they do, nobody else does, or all readers are past it. */
  readonly standing: 'elsewhere' | 'unknown' | 'only-here' | 'behind-readers'
}

export interface CacheRoom {
  /** What songs that are not kept may take together. */
  readonly roomBytes: number
}

/**
 * The next extent to go; `songs` come in the order of last use, the oldest first. Of a song the last extent goes first, so that its
 * beginning stays for a quick start. A chunk known to be held only here goes after all others; a song being played is touched only
 * when it is larger than the cache's room. @returns undefined when nothing may go.
 */
export function nextVictim(songs: Iterable<CachedSong>, { roomBytes }: CacheRoom): Victim | undefined {
  let onlyHere: Victim | undefined
  let behindReaders: Victim | undefined
  for (const song of songs) {
    if (song.isKept) continue
    if (song.readerPositions === undefined) {
      for (const extent of song.extents.toReversed()) {
        const victim = { songId: song.songId, extent: extent.extent, standing: standingOf(song, extent) } as const
        if (victim.standing !== 'only-here') return victim
        onlyHere ??= victim
      }
    } else if (song.fileSize > roomBytes) behindReaders ??= leftBehind(song, song.readerPositions)
  }
  return onlyHere ?? behindReaders
}

function standingOf(song: CachedSong, { heldChunkIds }: CachedExtent): 'elsewhere' | 'unknown' | 'only-here' {
  const { copies } = song
  if (heldChunkIds.length === 0) return 'elsewhere'
  if (copies === undefined) return 'unknown'
  return heldChunkIds.some(chunkId => !((copies[chunkId] ?? 0) > 0)) ? 'only-here' : 'elsewhere'
}

/** What lies longest behind the hindmost reader. */
function leftBehind({ songId, extents }: CachedSong, readerPositions: readonly number[]): Victim | undefined {
  const hindmost = Math.min(...readerPositions)
  if (!Number.isFinite(hindmost)) return undefined
  const extent = extents.find(({ endByte }) => endByte <= hindmost)
  return extent === undefined ? undefined : { songId, extent: extent.extent, standing: 'behind-readers' }
}
