// The blocks of one chunk that have arrived, each remembered as right or wrong bytes.
// Not real bytes: a simulated block is its size and whether it is what the publisher cut.
// Invariant: a block that is in stays; a second copy of it is refused.

import type { ChunkId, SongId } from '@evastream/core/ids'

export interface BufferedBlock {
  readonly isGood: boolean
  readonly sizeBytes: number
  /** It matched its own hash, so it may be played before its chunk is complete. */
  readonly isVerified: boolean
}

export class ChunkBuffer {
  readonly songId: SongId
  readonly chunkId: ChunkId
  readonly #blocks = new Map<number, BufferedBlock>()
  #sizeBytes = 0
  #badCount = 0

  constructor(songId: SongId, chunkId: ChunkId) {
    this.songId = songId
    this.chunkId = chunkId
  }

  get count(): number {
    return this.#blocks.size
  }

  get isEmpty(): boolean {
    return this.#blocks.size === 0
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  get isAllGood(): boolean {
    return this.#badCount === 0
  }

  /** The block, if it may be played. */
  verifiedBlock(index: number): BufferedBlock | undefined {
    const block = this.#blocks.get(index)
    return block?.isVerified ? block : undefined
  }

  /** The numbers of the blocks that may be played, in ascending order. */
  verifiedBlocks(): number[] {
    const numbers: number[] = []
    for (const [index, { isVerified }] of this.#blocks) if (isVerified) numbers.push(index)
    return numbers.sort((a, b) => a - b)
  }

  /** @returns false when the block was here already. */
  put(index: number, block: BufferedBlock): boolean {
    if (this.#blocks.has(index)) return false
    this.#blocks.set(index, block)
    this.#sizeBytes += block.sizeBytes
    if (!block.isGood) this.#badCount++
    return true
  }

  /** Takes over what another buffer holds. @returns the bytes that were here already. */
  takeAll(other: ChunkBuffer): number {
    let spareBytes = 0
    for (const [index, block] of other.#blocks) if (!this.put(index, block)) spareBytes += block.sizeBytes
    return spareBytes
  }
}
