// Chunks lent to uploads: the last few that were stored or loaded stay in memory, because a chunk is asked for in several runs of
// blocks and, when many listen together, by several peers at once, most of all when it has just come.
// Not the chunk store and not its verification: what is lent came from `loadChunk`, or was stored a moment ago, so it matched its hash.
// Invariant: a chunk is loaded once however many ask at the same time, at most LENT_MAX_BYTES are kept beside what is borrowed, and a
// buffer is used again only when its last borrower has given it back, and it was the node's own.

import type { ChunkId, SongId } from '@evastream/core/ids'
import { MIB } from '@evastream/core/units'
import type { ChunkStorePort } from '../ports.ts'
import type { ChunkBuffers } from './chunk-buffers.ts'

/** The part of the chunk store that uploading needs. */
export type ChunkReader = Pick<ChunkStorePort, 'heldChunks' | 'hasChunk' | 'loadChunk'>

/** Two chunks of the largest size, 32 of the usual one. */
const LENT_MAX_BYTES = 8 * MIB

/** A whole chunk that matched its hash; it is read, never written. */
export interface LentChunk {
  readonly bytes: Uint8Array
  /** Nobody else has it: it may be used again afterwards. */
  readonly isSole: boolean
}

export interface ChunkLoan {
  readonly bytes: Uint8Array
}

class Lent implements ChunkLoan {
  readonly bytes: Uint8Array
  isSole: boolean
  borrowerCount = 0
  isKept = true

  constructor({ bytes, isSole }: LentChunk) {
    this.bytes = bytes
    this.isSole = isSole
  }
}

export interface ChunkLoansDeps {
  readonly store: ChunkReader
  readonly buffers: ChunkBuffers
}

export class ChunkLoans {
  readonly #store: ChunkReader
  readonly #buffers: ChunkBuffers
  /** In order of last use, the oldest first. */
  readonly #lent = new Map<string, Lent>()
  readonly #loading = new Map<string, Promise<Lent>>()
  #lentBytes = 0

  constructor(deps: ChunkLoansDeps) {
    this.#store = deps.store
    this.#buffers = deps.buffers
  }

  heldChunks(songId: SongId): ChunkId[] {
    return this.#store.heldChunks(songId)
  }

  hasChunk(songId: SongId, chunkId: ChunkId): boolean {
    return this.#store.hasChunk(songId, chunkId)
  }

  /** A chunk that was stored just now, and will be asked for. */
  lend(songId: SongId, chunkId: ChunkId, chunk: LentChunk): void {
    this.#keep(`${songId}/${chunkId}`, new Lent(chunk))
  }

  /** To be given back. A promise when it is to be loaded first. @throws as the store's `loadChunk` */
  borrow(songId: SongId, chunkId: ChunkId): ChunkLoan | Promise<ChunkLoan> {
    const name = `${songId}/${chunkId}`
    const lent = this.#lent.get(name)
    if (lent === undefined) return this.#load(name, songId, chunkId).then(borrowed)
    this.#lent.delete(name)
    this.#lent.set(name, lent)
    return borrowed(lent)
  }

  /** `isStillRead`: parts of it are on their way out, and nobody tells when they are gone. */
  giveBack(loan: ChunkLoan, isStillRead: boolean): void {
    const lent = loan as Lent
    lent.borrowerCount--
    if (isStillRead) lent.isSole = false
    this.#reuse(lent)
  }

  /** What was loaded is ours alone. */
  #load(name: string, songId: SongId, chunkId: ChunkId): Promise<Lent> {
    const loading = this.#loading.get(name)
    if (loading !== undefined) return loading
    const loaded = this.#store
      .loadChunk(songId, chunkId, lengthBytes => this.#buffers.take(lengthBytes))
      .then(bytes => this.#keep(name, new Lent({ bytes, isSole: true })))
      .finally(() => this.#loading.delete(name))
    this.#loading.set(name, loaded)
    return loaded
  }

  #keep(name: string, lent: Lent): Lent {
    this.#drop(name)
    this.#lent.set(name, lent)
    this.#lentBytes += lent.bytes.length
    for (const oldest of this.#lent.keys()) {
      if (this.#lentBytes <= LENT_MAX_BYTES) break
      this.#drop(oldest)
    }
    return lent
  }

  #drop(name: string): void {
    const lent = this.#lent.get(name)
    if (lent === undefined) return
    this.#lent.delete(name)
    this.#lentBytes -= lent.bytes.length
    lent.isKept = false
    this.#reuse(lent)
  }

  #reuse(lent: Lent): void {
    if (lent.isKept || lent.borrowerCount > 0 || !lent.isSole) return
    lent.isSole = false
    this.#buffers.give(lent.bytes)
  }
}

function borrowed(lent: Lent): ChunkLoan {
  lent.borrowerCount++
  return lent
}
