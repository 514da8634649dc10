// One song's news as the frames that tell it, made once for all subscribers who know the song by the same handle.
// Not when it is told (gathered-news) and not to whom (upload-server.ts).
// Invariant: what came whole is told before what is still arriving, and no frame is longer than the protocol allows.

import type { ArrivingChunk } from '@evastream/core/arriving-chunk'
import type { ChunkId, SongId } from '@evastream/core/ids'
import { arrivingFrames } from '@evastream/protocol/arriving-payload'
import { encodeFrame } from '@evastream/protocol/peer-frame-writer'
import { HAVE_CHUNKS_MAX, type Have } from '@evastream/protocol/peer-frames'

export interface ToldNews {
  readonly songId: SongId
  readonly held: readonly ChunkId[]
  readonly arriving: readonly ArrivingChunk[]
}

export class NewsFrames {
  readonly songId: SongId
  readonly #news: ToldNews
  readonly #encoded = new Map<number, readonly Uint8Array[]>()

  constructor(news: ToldNews) {
    this.songId = news.songId
    this.#news = news
  }

  /** Not to be written to: others send the same bytes. */
  encodedFor(handle: number): readonly Uint8Array[] {
    const known = this.#encoded.get(handle)
    if (known !== undefined) return known
    const { held, arriving } = this.#news
    const frames = [...haveFrames('have', handle, held), ...arrivingFrames(handle, arriving)].map(encodeFrame)
    this.#encoded.set(handle, frames)
    return frames
  }
}

export function haveFrames(kind: Have['kind'], handle: number, chunkIds: readonly ChunkId[]): Have[] {
  const frames: Have[] = []
  for (let from = 0; from < chunkIds.length; from += HAVE_CHUNKS_MAX)
    frames.push({ kind, handle, chunkIds: chunkIds.slice(from, from + HAVE_CHUNKS_MAX) })
  return frames
}
