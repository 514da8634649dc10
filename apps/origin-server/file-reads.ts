// How files are read: on the thread as long as they come out of memory, by the thread pool for a while once a disk was waited for.
// Not what is read, nor what a failure means (chunk-storage.ts).
// Invariant: after the first, at most one read in POOLED_MS keeps everybody else waiting for a disk.

import { read, readSync } from 'node:fs'
import { promisify } from 'node:util'
import { type Millis, SECOND_MS } from '@evastream/core/units'

/** Bytes of a file from a position on, as many as come at once. */
export interface FilePart {
  readonly descriptor: number
  readonly target: Uint8Array
  readonly position: number
}

/** Each answers how many bytes were read. */
export interface ReadingWays {
  onThread(part: FilePart): number
  inPool(part: FilePart): Promise<number>
  /** How often this process has waited for a disk so far. */
  diskReads(): number
}

/** Out of memory a chunk comes in 0.05 ms, and the way through the pool takes as much processor time again. */
const SLOW_READ_MS = 2
const POOLED_MS = SECOND_MS

const readAt = promisify(read)

const systemWays: ReadingWays = {
  onThread: ({ descriptor, target, position }) => readSync(descriptor, target, 0, target.length, position),
  inPool: async ({ descriptor, target, position }) => (await readAt(descriptor, target, 0, target.length, position)).bytesRead,
  diskReads: () => process.resourceUsage().fsRead,
}

export class FileReads {
  readonly #clock: { now(): Millis }
  readonly #ways: ReadingWays
  #pooledUntil: Millis = Number.NEGATIVE_INFINITY
  #diskReads: number | undefined

  constructor(deps: { readonly clock: { now(): Millis }; readonly ways?: ReadingWays }) {
    this.#clock = deps.clock
    this.#ways = deps.ways ?? systemWays
  }

  /** @returns how many bytes were read; 0 at the file's end. Throws what the system does. */
  read(part: FilePart): number | Promise<number> {
    const startedAt = this.#clock.now()
    if (startedAt < this.#pooledUntil) return this.#ways.inPool(part)
    const bytesRead = this.#ways.onThread(part)
    const endedAt = this.#clock.now()
    if (endedAt - startedAt > SLOW_READ_MS && this.#sawDisk()) this.#pooledUntil = endedAt + POOLED_MS
    return bytesRead
  }

  /** A read may also be slow because others have the processor; and the first look cannot tell. */
  #sawDisk(): boolean {
    const before = this.#diskReads
    this.#diskReads = this.#ways.diskReads()
    return before !== undefined && this.#diskReads !== before
  }
}
