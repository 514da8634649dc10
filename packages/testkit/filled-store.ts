// A memory chunk store that holds whole songs: what an uploader needs to have something to give.
// Not a fixture of its own: songs come from song-fixture.
// Invariant: every chunk of every song given is held, unless a test takes it away.

import { MemoryChunkStore } from './memory-chunk-store.ts'
import type { SongFixture } from './song-fixture.ts'

export async function filledStore(...songs: readonly SongFixture[]): Promise<MemoryChunkStore> {
  const store = new MemoryChunkStore()
  for (const { manifest, chunkBytes } of songs) {
    await store.openSong(manifest)
    for (const { chunkId } of manifest.chunks) await store.saveChunk(manifest.id, chunkId, chunkBytes(chunkId))
  }
  return store
}
