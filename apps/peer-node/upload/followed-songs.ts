// The songs one connection has subscribed to, under the handles it gave them.
// Not what the peer holds: that is told to the scheduler and remembered there.
// Invariant: handles only grow, so a frame about an ended subscription is told from one about a song that never was.

import type { ChunkId, SongId } from '@evastream/core/ids'
import { blockCountOf, type SongShape } from '@evastream/core/manifest'
import { type Arriving, type BitfieldPart, HANDLE_MAX, type Have, protocolError } from '@evastream/protocol/peer-frames'
import { BitfieldGatherer } from './bitfield-parts.ts'

export interface FollowedSong {
  readonly handle: number
  readonly songId: SongId
  readonly shape: SongShape
  readonly bitfield: BitfieldGatherer
}

export class FollowedSongs {
  readonly #byHandle = new Map<number, FollowedSong>()
  readonly #bySong = new Map<SongId, FollowedSong>()
  #lastHandle = 0

  get(songId: SongId): FollowedSong | undefined {
    return this.#bySong.get(songId)
  }

  /** @returns undefined when the connection has no handle left. */
  add(songId: SongId, shape: SongShape): FollowedSong | undefined {
    if (this.#lastHandle === HANDLE_MAX) return undefined
    const song = { handle: ++this.#lastHandle, songId, shape, bitfield: new BitfieldGatherer(shape.chunkCount) }
    this.#byHandle.set(song.handle, song)
    this.#bySong.set(songId, song)
    return song
  }

  remove(song: FollowedSong): void {
    this.#byHandle.delete(song.handle)
    if (this.#bySong.get(song.songId) === song) this.#bySong.delete(song.songId)
  }

  /** The uploader has no room for the subscription. */
  refused(handle: number): void {
    const song = this.#byHandleOf(handle)
    if (song !== undefined) this.remove(song)
  }

  /** @returns the song and all its chunks held, once the last part is here. */
  partRead(part: BitfieldPart): { readonly song: FollowedSong; readonly chunkIds: readonly ChunkId[] } | undefined {
    const song = this.#byHandleOf(part.handle)
    const chunkIds = song?.bitfield.take(part)
    return song === undefined || chunkIds === undefined ? undefined : { song, chunkIds }
  }

  /** @returns the song whose chunks came or went; undefined when nobody follows it any more. */
  changeRead({ handle, chunkIds }: Have): FollowedSong | undefined {
    const song = this.#listedOf(handle)
    if (song !== undefined) for (const chunkId of chunkIds) checkChunk(song, chunkId)
    return song
  }

  /** @returns the song whose chunks are on their way; undefined when nobody follows it any more. */
  arrivingRead({ handle, chunks }: Arriving): FollowedSong | undefined {
    const song = this.#listedOf(handle)
    if (song === undefined) return undefined
    for (const { chunkId, blocks } of chunks) {
      checkChunk(song, chunkId)
      if ((blocks.at(-1) ?? 0) >= blockCountOf(song.shape, chunkId)) throw protocolError('a change of a block that the chunk does not have')
    }
    return song
  }

  #listedOf(handle: number): FollowedSong | undefined {
    const song = this.#byHandleOf(handle)
    if (song?.bitfield.isComplete === false) throw protocolError('a change before the bitfield')
    return song
  }

  /** Undefined for a subscription that has ended. @throws EvaError `EVA_PEER_PROTOCOL` for one that never was. */
  #byHandleOf(handle: number): FollowedSong | undefined {
    if (handle > this.#lastHandle) throw protocolError('a handle that was never given')
    return this.#byHandle.get(handle)
  }
}

function checkChunk({ shape }: FollowedSong, chunkId: ChunkId): void {
  if (chunkId >= shape.chunkCount) throw protocolError('a change of a chunk that the song does not have')
}
