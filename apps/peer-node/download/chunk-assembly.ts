// One chunk on its way in: its blocks as they arrive from one source or several, each hashed as soon as it is whole; or all of them
// at once by the chunk's own hash, when they came in one go.
// Not the requests themselves (chunk-downloads.ts).
// Invariant: a block that verified is never written to again, also when a late, cancelled or lying source goes on writing;
// so it may be played and handed on at once.

import { hash } from 'node:crypto'
import type { ChunkId, PeerId } from '@evastream/core/ids'
import { blockCountOf, blockLengthBytes, blockRunLengthBytes, chunkLengthBytes, type SongShape } from '@evastream/core/manifest'
import { BLOCK_SIZE_BYTES, HASH_SIZE_BYTES } from '@evastream/core/units'
import type { LentChunk } from '../store/chunk-loans.ts'
import type { ArrivalWatcher, ChunkArrival } from './chunk-arrivals.ts'

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
  /** The chunk's own; absent: blocks are only ever looked at one by one. */
  readonly chunkHash?: string | undefined
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
  /** How many more blocks matched their hash. */
  readonly verifiedCount: number
  /** The block after them did not match its own. */
  readonly isSpoiled: boolean
}

export class ChunkAssembly implements ChunkArrival {
  readonly shape: SongShape
  readonly chunkId: ChunkId
  readonly blockHashes: Uint8Array | undefined
  readonly #buffer: Uint8Array
  readonly #chunkHash: string | undefined
  /** For each block that is here, the run that brought it. */
  readonly #kept: (AssemblyRun | undefined)[]
  /** Blocks of the shared buffer that a run which has not ended may still write to: 1, else 0. */
  readonly #reserved: Uint8Array
  readonly #watchers = new Set<ArrivalWatcher>()
  #keptCount = 0
  #isHashed = false
  #isClosed = false
  #isProven = false
  #isRelayable: boolean
  /** Parts of it were given to readers, who do not say when they have done. */
  #isShared = false

  constructor(options: ChunkAssemblyOptions) {
    this.shape = options.shape
    this.chunkId = options.chunkId
    this.blockHashes = options.blockHashes
    const blockCount = blockCountOf(options.shape, options.chunkId)
    this.#chunkHash = options.chunkHash
    this.#buffer = options.buffer ?? Buffer.allocUnsafeSlow(chunkLengthBytes(options.shape, options.chunkId))
    this.#kept = Array.from({ length: blockCount })
    this.#reserved = new Uint8Array(blockCount)
    this.#isRelayable = options.blockHashes !== undefined
  }

  /**
   * A place for a run of blocks. It lies in the chunk's own buffer where nobody else writes or has written, so that the usual
   * run is never copied; a hedge, or the successor of a run that has not ended yet, gets a buffer of its own.
   */
  begin(options: RunOptions): AssemblyRun {
    if (!options.checksBlocks) this.#isRelayable = false
    const { firstBlock, blockCount } = options
    const lengthBytes = blockRunLengthBytes(this.shape, this.chunkId, firstBlock, blockCount)
    if (!this.#isFree(options)) return new AssemblyRun(this, Buffer.allocUnsafeSlow(lengthBytes), options)
    const startBytes = firstBlock * BLOCK_SIZE_BYTES
    this.#reserved.fill(1, firstBlock, firstBlock + blockCount)
    return new AssemblyRun(this, this.#buffer.subarray(startBytes, startBytes + lengthBytes), options)
  }

  /** A run that `begin` made will not write any more. */
  release(run: AssemblyRun): void {
    if (this.isOwn(run)) this.#reserved.fill(0, run.firstBlock, run.endBlock)
  }

  /** It lies in the chunk's own buffer. */
  isOwn(run: AssemblyRun): boolean {
    return run.target.buffer === this.#buffer.buffer
  }

  /** @returns whether the block was wanted; a second copy is not. */
  keep(block: number, run: AssemblyRun): boolean {
    if (this.#isClosed || this.#kept[block] !== undefined) return false
    this.#kept[block] = run
    this.#keptCount++
    return true
  }

  /** Whether a run that is all of the chunk, and the first of it that is here, matches the chunk's own hash: its blocks need no look of their own. */
  proves(run: AssemblyRun): boolean {
    const isAlone = this.#keptCount === 0 && this.isOwn(run) && run.target.length === this.#buffer.length
    if (!isAlone || this.#isClosed || this.#chunkHash === undefined || hash('sha256', run.target) !== this.#chunkHash) return false
    this.#isHashed = true
    return true
  }

  /** Whether a block of a run matches its own hash. */
  fits(block: number, run: AssemblyRun): boolean {
    const expected = this.blockHashes?.subarray(block * HASH_SIZE_BYTES, (block + 1) * HASH_SIZE_BYTES)
    return expected !== undefined && hash('sha256', run.bytesOf(block), 'buffer').equals(expected)
  }

  /** All of it was seen to match the chunk's own hash, and has not changed since. */
  get isHashed(): boolean {
    return this.#isHashed
  }

  /** Somebody waits for its next block. */
  get isWatched(): boolean {
    return this.#watchers.size > 0
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

  /** Those that can be handed on, in ascending order. */
  verifiedBlocks(): number[] {
    const blocks: number[] = []
    for (let block = 0; block < this.#kept.length; block++) if (this.#isVerified(block)) blocks.push(block)
    return blocks
  }

  get isWhole(): boolean {
    return this.#keptCount === this.#kept.length
  }

  /** The whole chunk; call it once all of its blocks are here. */
  toBytes(): Uint8Array {
    const isInPlace = this.#kept.every(run => run === undefined || this.isOwn(run))
    return isInPlace ? this.#buffer : Buffer.concat(this.#kept.map((run, block) => run?.bytesOf(block) ?? new Uint8Array(0)))
  }

  /** The whole chunk, once it was stored; nobody changes it any more. */
  toLend(): LentChunk {
    const bytes = this.toBytes()
    return { bytes, isSole: bytes === this.#buffer && !this.#isShared && !this.#reserved.includes(1) }
  }

  split(): SourceSplit {
    const split = { origin: 0, peer: 0 }
    this.#kept.forEach((run, block) => {
      if (run !== undefined) split[run.source] += blockLengthBytes(this.shape, this.chunkId, block)
    })
    return { originBytes: split.origin, peerBytes: split.peer }
  }

  /** The peers whose blocks it is made of. */
  peerIds(): PeerId[] {
    const peerIds: PeerId[] = []
    for (const run of this.#kept) if (run?.peerId !== undefined && !peerIds.includes(run.peerId)) peerIds.push(run.peerId)
    return peerIds
  }

  /** Takes no further blocks: the chunk is being stored, or was given up. */
  close(): void {
    this.#isClosed = true
  }

  #isFree({ firstBlock, blockCount }: RunOptions): boolean {
    for (let block = firstBlock; block < firstBlock + blockCount; block++)
      if (this.#kept[block] !== undefined || this.#reserved[block] !== 0) return false
    return true
  }

  #verifiedBlock(block: number): Uint8Array | undefined {
    return this.#isVerified(block) ? this.#kept[block]?.bytesOf(block) : undefined
  }

  #isVerified(block: number): boolean {
    const run = this.#kept[block]
    return run !== undefined && (run.checksBlocks || this.#isProven)
  }
}

/** One request's share of an assembly. */
export class AssemblyRun {
  /** What the source writes into, from its beginning to its end. */
  readonly target: Uint8Array
  readonly firstBlock: number
  readonly source: SourceKind
  readonly peerId: PeerId | undefined
  /** Blocks are kept only when they matched a hash of their own, or the chunk's. */
  readonly checksBlocks: boolean
  readonly #assembly: ChunkAssembly
  readonly #blockCount: number
  #nextBlock: number
  #arrivedBytes = 0
  #keptBytes = 0

  constructor(assembly: ChunkAssembly, target: Uint8Array, options: RunOptions) {
    this.target = target
    this.firstBlock = options.firstBlock
    this.source = options.source
    this.peerId = options.peerId
    this.checksBlocks = options.checksBlocks && assembly.blockHashes !== undefined
    this.#assembly = assembly
    this.#blockCount = options.blockCount
    this.#nextBlock = options.firstBlock
  }

  /** The block after its last one. */
  get endBlock(): number {
    return this.firstBlock + this.#blockCount
  }

  get arrivedBytes(): number {
    return this.#arrivedBytes
  }

  /** How many of its blocks, from its first, have matched their hash. */
  get verifiedCount(): number {
    return this.checksBlocks ? this.#nextBlock - this.firstBlock : 0
  }

  /** What arrived and was of no use: spoiled, cut short, or here already. */
  get wastedBytes(): number {
    return this.#arrivedBytes - this.#keptBytes
  }

  /** So many bytes of the target are filled: verifies the blocks that became whole by it. */
  arrived(filledBytes: number): RunProgress {
    const progress = this.#check(filledBytes)
    if (progress.verifiedCount > 0) this.#assembly.grown()
    return progress
  }

  /** So many bytes of the target are filled, and nothing is looked at yet: a later `arrived` does. */
  filled(filledBytes: number): void {
    this.#arrivedBytes = Math.max(this.#arrivedBytes, filledBytes)
  }

  #check(filledBytes: number): RunProgress {
    this.filled(filledBytes)
    const firstBlock = this.#nextBlock
    const isProven =
      firstBlock === this.firstBlock && filledBytes === this.target.length && this.checksBlocks && this.#assembly.proves(this)
    let isSpoiled = false
    for (; this.checksBlocks && this.#nextBlock < this.endBlock; this.#nextBlock++) {
      const endBytes = this.#offsetOf(this.#nextBlock) + blockLengthBytes(this.#assembly.shape, this.#assembly.chunkId, this.#nextBlock)
      if (endBytes > filledBytes) break
      isSpoiled = !isProven && !this.#assembly.fits(this.#nextBlock, this)
      if (isSpoiled) break
      this.#keep(this.#nextBlock)
    }
    return { verifiedCount: this.#nextBlock - firstBlock, isSpoiled }
  }

  /** The source has filled the target: blocks that were not checked one by one are taken over now, all from this one run. */
  finished(): void {
    for (; this.#nextBlock < this.endBlock; this.#nextBlock++) this.#keep(this.#nextBlock)
  }

  /** The source will not write any more: its room is free for others. */
  settled(): void {
    this.#assembly.release(this)
  }

  /** One of its blocks. */
  bytesOf(block: number): Uint8Array {
    const { shape, chunkId } = this.#assembly
    const offset = this.#offsetOf(block)
    return this.target.subarray(offset, offset + blockLengthBytes(shape, chunkId, block))
  }

  #keep(block: number): void {
    const { shape, chunkId } = this.#assembly
    if (this.#assembly.keep(block, this)) this.#keptBytes += blockLengthBytes(shape, chunkId, block)
  }

  #offsetOf(block: number): number {
    return (block - this.firstBlock) * BLOCK_SIZE_BYTES
  }
}
