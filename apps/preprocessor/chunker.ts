// Cuts a stream of bytes into chunks and hashes them: each chunk, each 16 KiB block, and the whole.
// Not a reader of files and not a writer: bytes come from any stream, and each chunk is lent to whoever takes it.
// Invariant: however the stream is fragmented the chunks are the same, and at most `inFlightMax` + 1 buffers exist at once.

import { createHash, hash } from 'node:crypto'
import { BLOCK_SIZE_BYTES, HASH_SIZE_BYTES } from '@evastream/core/units'

export interface CutChunk {
  readonly chunkId: number
  /** Lent: it holds the chunk until the promise of whoever took it settles, then another one. */
  readonly bytes: Uint8Array
  /** Lower-case hexadecimal SHA-256. */
  readonly hash: string
}

/** What is known of a song once its last byte was seen. */
export interface CutSong {
  readonly fileSize: number
  readonly chunkSize: number
  readonly chunkCount: number
  readonly chunkHashes: readonly string[]
  /** 32 bytes a block, in order; blocks restart in each chunk. */
  readonly blockHashes: Uint8Array
  /** Lower-case hexadecimal SHA-256 of the whole. */
  readonly sha256: string
}

export interface CutOptions {
  readonly chunkSize: number
  /** How many chunks may be out on loan at once; default 4, which keeps a disk busy while the next chunk is hashed. */
  readonly inFlightMax?: number
  readonly allocate?: (sizeBytes: number) => Uint8Array
}

const IN_FLIGHT_MAX = 4

/**
 * Reads the stream to its end. A part of the stream is not kept past the next one, so its source may use one buffer.
 * @throws what the stream or `takeChunk` throws first, after every chunk out on loan came back.
 */
export async function cutIntoChunks(
  source: AsyncIterable<Uint8Array>,
  takeChunk: (chunk: CutChunk) => Promise<void> | void,
  options: CutOptions,
): Promise<CutSong> {
  const cutter = new Cutter(takeChunk, options)
  try {
    for await (const part of source) await cutter.add(part)
    return await cutter.finish()
  } finally {
    await cutter.settle()
  }
}

class Cutter {
  readonly #takeChunk: (chunk: CutChunk) => Promise<void> | void
  readonly #options: CutOptions
  readonly #whole = createHash('sha256')
  readonly #chunkHashes: string[] = []
  readonly #blockHashes: Uint8Array[] = []
  readonly #free: Uint8Array[] = []
  readonly #loans = new Set<Promise<void>>()
  #failure: { readonly thrown: unknown } | undefined
  #buffer: Uint8Array | undefined
  #filledBytes = 0
  #fileSize = 0

  constructor(takeChunk: (chunk: CutChunk) => Promise<void> | void, options: CutOptions) {
    this.#takeChunk = takeChunk
    this.#options = options
  }

  async add(part: Uint8Array): Promise<void> {
    const { chunkSize } = this.#options
    this.#whole.update(part)
    this.#fileSize += part.length
    for (let position = 0; position < part.length; ) {
      this.#buffer ??= this.#free.pop() ?? this.#allocate()
      const slice = part.subarray(position, position + chunkSize - this.#filledBytes)
      this.#buffer.set(slice, this.#filledBytes)
      this.#filledBytes += slice.length
      position += slice.length
      if (this.#filledBytes === chunkSize) await this.#lend(this.#buffer)
    }
  }

  async finish(): Promise<CutSong> {
    if (this.#buffer !== undefined) await this.#lend(this.#buffer)
    await this.settle()
    this.#throwFailure()
    return {
      fileSize: this.#fileSize,
      chunkSize: this.#options.chunkSize,
      chunkCount: this.#chunkHashes.length,
      chunkHashes: this.#chunkHashes,
      blockHashes: new Uint8Array(Buffer.concat(this.#blockHashes)),
      sha256: this.#whole.digest('hex'),
    }
  }

  async settle(): Promise<void> {
    await Promise.all(this.#loans)
  }

  /** Hashes the chunk, hands it over, and waits only if that was the last loan allowed. */
  async #lend(buffer: Uint8Array): Promise<void> {
    const bytes = buffer.subarray(0, this.#filledBytes)
    const chunk = { chunkId: this.#chunkHashes.length, bytes, hash: hash('sha256', bytes, 'hex') }
    this.#chunkHashes.push(chunk.hash)
    this.#blockHashes.push(hashBlocks(bytes))
    this.#buffer = undefined
    this.#filledBytes = 0
    const loan = this.#handOver(chunk).finally(() => {
      this.#free.push(buffer)
      this.#loans.delete(loan)
    })
    this.#loans.add(loan)
    if (this.#loans.size >= (this.#options.inFlightMax ?? IN_FLIGHT_MAX)) await Promise.race(this.#loans)
    this.#throwFailure()
  }

  /** Never rejects: a loan that fails while another is waited for must not be lost. */
  async #handOver(chunk: CutChunk): Promise<void> {
    try {
      await this.#takeChunk(chunk)
    } catch (thrown) {
      this.#failure ??= { thrown }
    }
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.thrown
  }

  #allocate(): Uint8Array {
    const { allocate, chunkSize } = this.#options
    return allocate === undefined ? new Uint8Array(chunkSize) : allocate(chunkSize)
  }
}

function hashBlocks(chunk: Uint8Array): Uint8Array {
  const hashes = new Uint8Array(Math.ceil(chunk.length / BLOCK_SIZE_BYTES) * HASH_SIZE_BYTES)
  for (let start = 0, at = 0; start < chunk.length; start += BLOCK_SIZE_BYTES, at += HASH_SIZE_BYTES)
    hashes.set(hash('sha256', chunk.subarray(start, start + BLOCK_SIZE_BYTES), 'buffer'), at)
  return hashes
}
