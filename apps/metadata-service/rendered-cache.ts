// The documents served last, by song, in memory.
// Not the truth: whatever is missing here is read from the database.
// Invariant: a document read before a write to its song never enters after it.

import { LRUCache } from 'lru-cache'
import type { RenderedDocument } from './manifest-rendering.ts'

export type DocumentKind = 'manifest' | 'blocks'

export interface RenderedCacheOptions {
  /** Default 64 MiB: some thousand songs of usual length. */
  readonly sizeMaxBytes?: number
}

const SIZE_MAX_BYTES = 64 * 1024 * 1024
/** What an entry costs besides its body. */
const OVERHEAD_BYTES = 256

export class RenderedCache {
  readonly #documents: LRUCache<string, RenderedDocument>
  #writes = 0

  constructor(options: RenderedCacheOptions = {}) {
    this.#documents = new LRUCache({
      maxSize: options.sizeMaxBytes ?? SIZE_MAX_BYTES,
      sizeCalculation: document => document.body.length + OVERHEAD_BYTES,
    })
  }

  /** The cached document, or the one that `read` finds; undefined is not remembered. */
  async take(kind: DocumentKind, songId: string, read: () => Promise<RenderedDocument | undefined>): Promise<RenderedDocument | undefined> {
    const key = `${kind}/${songId}`
    const cached = this.#documents.get(key)
    if (cached !== undefined) return cached
    const writesBefore = this.#writes
    const document = await read()
    if (document !== undefined && this.#writes === writesBefore) this.#documents.set(key, document)
    return document
  }

  /** Call after each write that changed a song. */
  forget(songId: string): void {
    this.#writes++
    this.#documents.delete(`manifest/${songId}`)
    this.#documents.delete(`blocks/${songId}`)
  }
}
