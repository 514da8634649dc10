// A chunk store in memory: for tests of what stands on one, and the second party of the store's contract suite.
// Not durable, and not bounded: a test's songs are small.
// Invariant: like the disk's, it takes in only chunks that match their hash.

import { createHash } from 'node:crypto'
import { EvaError } from '@evastream/core/errors'
import type { ChunkId, SongId } from '@evastream/core/ids'
import { isChunkOf, type Manifest } from '@evastream/core/manifest'

interface MemorySong {
  readonly manifest: Manifest
  readonly chunks: Map<ChunkId, Uint8Array>
}

export class MemoryChunkStore {
  readonly #songs = new Map<SongId, MemorySong>()

  async openSong(manifest: Manifest): Promise<void> {
    const present = this.#songs.get(manifest.id)
    if (present === undefined) this.#songs.set(manifest.id, { manifest, chunks: new Map() })
    else if (JSON.stringify(present.manifest.chunks) !== JSON.stringify(manifest.chunks))
      throw new EvaError('EVA_SONG_CONFLICT', { details: { songId: manifest.id } })
  }

  async saveChunk(songId: SongId, chunkId: ChunkId, bytes: Uint8Array): Promise<void> {
    const { manifest, chunks } = this.#songOf(songId)
    if (!isChunkOf(manifest, chunkId)) throw notFound(songId, chunkId)
    const hash = createHash('sha256').update(bytes).digest('hex')
    if (hash !== manifest.chunks[chunkId]?.hash) throw new EvaError('EVA_CHUNK_HASH_MISMATCH')
    chunks.set(chunkId, bytes.slice())
  }

  async saveVerified(songId: SongId, chunkId: ChunkId, bytes: Uint8Array): Promise<void> {
    await this.saveChunk(songId, chunkId, bytes)
  }

  hasChunk(songId: SongId, chunkId: ChunkId): boolean {
    return this.#songs.get(songId)?.chunks.has(chunkId) ?? false
  }

  async loadChunk(songId: SongId, chunkId: ChunkId): Promise<Uint8Array> {
    const bytes = this.#songs.get(songId)?.chunks.get(chunkId)
    if (bytes === undefined) throw notFound(songId, chunkId)
    return bytes.slice()
  }

  heldChunks(songId: SongId): ChunkId[] {
    return [...(this.#songs.get(songId)?.chunks.keys() ?? [])].sort((left, right) => left - right)
  }

  async readRange(songId: SongId, offsetBytes: number, lengthBytes: number): Promise<Uint8Array> {
    const { manifest, chunks } = this.#songOf(songId)
    const { fileSize, chunkSize } = manifest
    const end = offsetBytes + lengthBytes
    if (offsetBytes < 0 || lengthBytes < 0 || end > fileSize)
      throw new EvaError('EVA_RANGE_NOT_SATISFIABLE', { details: { sizeBytes: fileSize } })
    const range = new Uint8Array(lengthBytes)
    for (let chunkId = Math.floor(offsetBytes / chunkSize); chunkId * chunkSize < end; chunkId++) {
      const chunk = chunks.get(chunkId)
      if (chunk === undefined) throw notFound(songId, chunkId)
      const start = chunkId * chunkSize
      range.set(chunk.subarray(Math.max(0, offsetBytes - start), end - start), Math.max(0, start - offsetBytes))
    }
    return range
  }

  /** Forgets a chunk, as rot on a disk does. */
  loseChunk(songId: SongId, chunkId: ChunkId): void {
    this.#songs.get(songId)?.chunks.delete(chunkId)
  }

  async close(): Promise<void> {
    this.#songs.clear()
  }

  #songOf(songId: SongId): MemorySong {
    const song = this.#songs.get(songId)
    if (song === undefined) throw new EvaError('EVA_SONG_NOT_FOUND', { details: { songId } })
    return song
  }
}

function notFound(songId: SongId, chunkId: ChunkId): EvaError {
  return new EvaError('EVA_CHUNK_NOT_FOUND', { details: { songId, chunkId } })
}
