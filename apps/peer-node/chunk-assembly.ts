// One chunk on its way in: its blocks as they arrive from one source or several, each hashed as soon as it is whole.
// Not the requests themselves (chunk-downloads.ts), and not the chunk's own hash: the store compares that.
// Invariant: a block that verified is never written to again, also when a late, cancelled or lying source goes on writing;
// so it may be played and handed on at once.

import { hash } from 'node:crypto'
import type { ChunkId, PeerId } from '@evastream/core/ids'
import { blockCountOf, blockLengthBytes, blockRunLengthBytes, chunkLengthBytes, type SongShape } from '@evastream/core/manifest'
import { BLOCK_SIZE_BYTES, HASH_SIZE_BYTES } from '@evastream/core/units'
import type { ArrivalWatcher, ChunkArrival } from './chunk-arrivals.ts'
import type { LentChunk } from './chunk-loans.ts'

export type SourceKind = 'origin' | 'peer'

/** Bytes of one chunk by where they came from. */
export interface SourceSplit {
  readonly originBytes: number
  readonly peerBytes: number
}

export interface ChunkAssemblyOptions {
  readonly shape: SongShape
  readonly chunkId: ChunkId
  /** 32 bytes a block of this chunk; undefined for a song published without. */
  readonly blockHashes: Uint8Array | undefined
  /** What is at hand, as long as the chunk; absent: one is made. */
  readonly buffer?: Uint8Array
}

export interface RunOptions {
  readonly firstBlock: number
  readonly blockCount: number
  readonly source: SourceKind
  /** Who sends it, when that is a peer. */
  readonly peerId?: PeerId | undefined
  /** Whether each block is checked as it arrives; otherwise the chunk's own hash judges all of them together. */
  readonly checksBlocks: boolean
}

export interface RunProgress {
  /** The blocks that matched their hash, in order. */
  readonly verified: readonly number[]
  /** The block after them did not match its own. */
  readonly isSpoiled: boolean
}

interface KeptBlock {
  readonly bytes: Uint8Array
  readonly source: SourceKind
  readonly peerId?: PeerId | undefined
  /** It matched a hash of its own. */
  readonly isVerified: boolean
}

export class ChunkAssembly implements ChunkArrival {
  readonly shape: SongShape
  readonly chunkId: ChunkId
  readonly blockHashes: Uint8Array | undefined
  readonly #buffer: Uint8Array
  readonly #kept: (KeptBlock | undefined)[]
  /** Blocks of the shared buffer that a run which has not ended may still write to. */
  readonly #reserved = new Set<number>()
  readonly #watchers = new Set<ArrivalWatcher>()
  #isClosed = false
  #isProven = false
  #isRelayable: boolean
  /** Parts of it were given to readers, who do not say when they have done. */
  #isShared = false

  constructor(options: ChunkAssemblyOptions) {
    this.shape = options.shape
    this.chunkId = options.chunkId
    this.blockHashes = options.blockHashes
    this.#buffer = options.buffer ?? Buffer.allocUnsafeSlow(chunkLengthBytes(options.shape, options.chunkId))
    this.#kept = Array.from({ length: blockCountOf(options.shape, options.chunkId) })
    this.#isRelayable = options.blockHashes !== undefined
  }

  /**
   * A place for a run of blocks. It lies in the chunk's own buffer where nobody else writes or has written, so that the usual
   * run is never copied; a hedge, or the successor of a run that has not ended yet, gets a buffer of its own.
   */
  begin(options: RunOptions): AssemblyRun {
    if (!options.checksBlocks) this.#isRelayable = false
    const blocks = Array.from({ length: options.blockCount }, (_, index) => options.firstBlock + index)
    const isFree = blocks.every(block => this.#kept[block] === undefined && !this.#reserved.has(block))
    const lengthBytes = blockRunLengthBytes(this.shape, this.chunkId, options.firstBlock, options.blockCount)
    if (!isFree) return new AssemblyRun(this, Buffer.allocUnsafeSlow(lengthBytes), { ...options, release: () => undefined })
    const startBytes = options.firstBlock * BLOCK_SIZE_BYTES
    for (const block of blocks) this.#reserved.add(block)
    const release = () => {
      for (const block of blocks) this.#reserved.delete(block)
    }
    return new AssemblyRun(this, this.#buffer.subarray(startBytes, startBytes + lengthBytes), { ...options, release })
  }

  /** @returns whether the block was wanted; a second copy is not. */
  keep(block: number, kept: KeptBlock): boolean {
    if (this.#isClosed || this.#kept[block] !== undefined) return false
    this.#kept[block] = kept
    return true
  }

  get isProven(): boolean {
    return this.#isProven
  }

  /** The chunk's own hash fits, whatever becomes of it on disk: all of it may be played. @returns whether that is news */
  prove(): boolean {
    const wasProven = this.#isProven
    this.#isProven = true
    return !wasProven
  }

  get lengthBytes(): number {
    return this.#buffer.length
  }

  /** Each of its blocks is checked as it arrives. */
  get isRelayable(): boolean {
    return this.#isRelayable
  }

  watch(watcher: ArrivalWatcher): void {
    this.#watchers.add(watcher)
  }

  unwatch(watcher: ArrivalWatcher): void {
    this.#watchers.delete(watcher)
  }

  /** More of it was verified. */
  grown(): void {
    for (const watcher of this.#watchers) watcher.arrived()
  }

  /** It is in the store, or was given up. */
  end(isStored: boolean): void {
    this.close()
    const watchers = [...this.#watchers]
    this.#watchers.clear()
    for (const watcher of watchers) watcher.ended(isStored)
  }

  /** Verified bytes of the chunk from an offset on, without a gap, `lengthMaxBytes` at most; none are an empty answer. */
  verifiedBytes(offsetBytes: number, lengthMaxBytes: number): Uint8Array {
    const first = this.#verifiedBlock(Math.floor(offsetBytes / BLOCK_SIZE_BYTES))
    if (first === undefined) return new Uint8Array(0)
    this.#isShared = true
    const offsetInBlock = offsetBytes % BLOCK_SIZE_BYTES
    if (first.buffer !== this.#buffer.buffer) return first.subarray(offsetInBlock, offsetInBlock + lengthMaxBytes)
    const lengthMax = Math.min(lengthMaxBytes, this.#buffer.length - offsetBytes)
    let endBytes = offsetBytes - offsetInBlock + first.length
    for (; endBytes - offsetBytes < lengthMax; ) {
      const next = this.#verifiedBlock(endBytes / BLOCK_SIZE_BYTES)
      if (next?.buffer !== this.#buffer.buffer) break
      endBytes += next.length
    }
    return this.#buffer.subarray(offsetBytes, Math.min(endBytes, offsetBytes + lengthMax))
  }

  get isWhole(): boolean {
    return this.#kept.every(kept => kept !== undefined)
  }

  /** The whole chunk; call it once all of its blocks are here. */
  toBytes(): Uint8Array {
    const blocks = this.#kept.map(kept => kept?.bytes ?? new Uint8Array(0))
    const isInPlace = blocks.every(bytes => bytes.buffer === this.#buffer.buffer)
    return isInPlace ? this.#buffer : Buffer.concat(blocks)
  }

  /** The whole chunk, once it was stored; nobody changes it any more. */
  toLend(): LentChunk {
    const bytes = this.toBytes()
    return { bytes, isSole: bytes === this.#buffer && !this.#isShared && this.#reserved.size === 0 }
  }

  split(): SourceSplit {
    const bytesFrom = (source: SourceKind) => this.#kept.reduce((sum, kept) => sum + (kept?.source === source ? kept.bytes.length : 0), 0)
    return { originBytes: bytesFrom('origin'), peerBytes: bytesFrom('peer') }
  }

  /** The peers whose blocks it is made of. */
  peerIds(): PeerId[] {
    return [...new Set(this.#kept.flatMap(kept => (kept?.peerId === undefined ? [] : [kept.peerId])))]
  }

  /** Takes no further blocks: the chunk is being stored, or was given up. */
  close(): void {
    this.#isClosed = true
  }

  #verifiedBlock(block: number): Uint8Array | undefined {
    const kept = this.#kept[block]
    return kept !== undefined && (kept.isVerified || this.#isProven) ? kept.bytes : undefined
  }
}

/** One request's share of an assembly. */
export class AssemblyRun {
  /** What the source writes into, from its beginning to its end. */
  readonly target: Uint8Array
  readonly #assembly: ChunkAssembly
  readonly #options: RunOptions & { readonly release: () => void }
  #nextBlock: number
  #arrivedBytes = 0
  #keptBytes = 0

  constructor(assembly: ChunkAssembly, target: Uint8Array, options: RunOptions & { readonly release: () => void }) {
    this.target = target
    this.#assembly = assembly
    this.#options = options
    this.#nextBlock = options.firstBlock
  }

  get arrivedBytes(): number {
    return this.#arrivedBytes
  }

  /** What arrived and was of no use: spoiled, cut short, or here already. */
  get wastedBytes(): number {
    return this.#arrivedBytes - this.#keptBytes
  }

  /** So many bytes of the target are filled: verifies the blocks that became whole by it. */
  arrived(filledBytes: number): RunProgress {
    const progress = this.#check(filledBytes)
    if (progress.verified.length > 0) this.#assembly.grown()
    return progress
  }

  #check(filledBytes: number): RunProgress {
    this.#arrivedBytes = Math.max(this.#arrivedBytes, filledBytes)
    const verified: number[] = []
    const blockHashes = this.#options.checksBlocks ? this.#assembly.blockHashes : undefined
    if (blockHashes === undefined) return { verified, isSpoiled: false }
    for (; this.#nextBlock < this.#endBlock; this.#nextBlock++) {
      const bytes = this.#bytesOf(this.#nextBlock)
      if (this.#offsetOf(this.#nextBlock) + bytes.length > filledBytes) break
      const expected = blockHashes.subarray(this.#nextBlock * HASH_SIZE_BYTES, (this.#nextBlock + 1) * HASH_SIZE_BYTES)
      if (!hash('sha256', bytes, 'buffer').equals(expected)) return { verified, isSpoiled: true }
      this.#keep(this.#nextBlock, true)
      verified.push(this.#nextBlock)
    }
    return { verified, isSpoiled: false }
  }

  /** The source has filled the target: blocks that were not checked one by one are taken over now, all from this one run. */
  finished(): void {
    for (; this.#nextBlock < this.#endBlock; this.#nextBlock++) this.#keep(this.#nextBlock, false)
  }

  /** The source will not write any more: its room is free for others. */
  settled(): void {
    this.#options.release()
  }

  get #endBlock(): number {
    return this.#options.firstBlock + this.#options.blockCount
  }

  #keep(block: number, isVerified: boolean): void {
    const { source, peerId } = this.#options
    const bytes = this.#bytesOf(block)
    if (this.#assembly.keep(block, { bytes, source, peerId, isVerified })) this.#keptBytes += bytes.length
  }

  #offsetOf(block: number): number {
    return (block - this.#options.firstBlock) * BLOCK_SIZE_BYTES
  }

  #bytesOf(block: number): Uint8Array {
    const { shape, chunkId } = this.#assembly
    const offset = this.#offsetOf(block)
    return this.target.subarray(offset, offset + blockLengthBytes(shape, chunkId, block))
  }
}
