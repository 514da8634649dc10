// One chunk being put together: which of its blocks are here, which request brings each of the others, and who sent what is here.
// Not the bytes (the coordinator's buffer) and not the requests (request-table).
// Invariant: a block is here, or on its way by exactly one owner, or free; a hedge owns nothing until the request it doubles is gone.

import { assert } from '@evastream/core/assert'
import type { ChunkId } from '@evastream/core/ids'
import type { Millis } from '@evastream/core/units'
import type { Source } from '../commands.ts'

const NOBODY = 0
const HERE = -1

export interface BlockRun {
  readonly firstBlock: number
  readonly blockCount: number
}

/** `fetching` blocks, `completing` (its hash is being checked, it is being stored), or `unstored` (to be tried again). */
export type ChunkPhase = 'fetching' | 'completing' | 'unstored'

export class ChunkProgress {
  readonly chunkId: ChunkId
  readonly blockCount: number
  readonly verify: 'blocks' | 'chunk'
  phase: ChunkPhase = 'fetching'
  /** Of `unstored`. */
  storeFailures = 0
  retryAt: Millis = 0
  /** When something last happened for it: a chunk that waits long gives way to another. */
  activeAt: Millis
  /** When the first of its blocks came. */
  firstBlockAt: Millis | undefined
  readonly #owners: Int32Array
  #hereCount = 0
  #ownedCount = 0
  #senders: Source[] = []

  constructor(chunk: { readonly chunkId: ChunkId; readonly blockCount: number; readonly verify: 'blocks' | 'chunk' }, at: Millis) {
    this.chunkId = chunk.chunkId
    this.blockCount = chunk.blockCount
    this.verify = chunk.verify
    this.activeAt = at
    this.#owners = new Int32Array(chunk.blockCount)
  }

  get blocksHere(): number {
    return this.#hereCount
  }

  get isFull(): boolean {
    return this.#hereCount === this.blockCount
  }

  /** No block of it is on its way. */
  get isIdle(): boolean {
    return this.#ownedCount === 0
  }

  /** Who sent the blocks that are here. */
  get senders(): readonly Source[] {
    return this.#senders
  }

  /** Neither here nor on its way. */
  isFree(block: number): boolean {
    return this.#owners[block] === NOBODY
  }

  isHere(block: number): boolean {
    return this.#owners[block] === HERE
  }

  /** The first run of blocks that are neither here nor on their way, as long as possible; those from `fromBlock` on come first. */
  freeRun(fromBlock = 0): BlockRun | undefined {
    if (this.#hereCount + this.#ownedCount === this.blockCount) return undefined
    const fromHere = this.#firstRun({ firstBlock: fromBlock, blockCount: this.blockCount - fromBlock }, NOBODY)
    return fromHere ?? this.#firstRun({ firstBlock: 0, blockCount: this.blockCount }, NOBODY)
  }

  /** The first run of blocks, within a request's, that are still on their way with it. */
  missingRunOf(requestId: number, run: BlockRun): BlockRun | undefined {
    return this.#firstRun(run, requestId)
  }

  isRunHere(run: BlockRun): boolean {
    for (let block = run.firstBlock; block < run.firstBlock + run.blockCount; block++) if (this.#owners[block] !== HERE) return false
    return true
  }

  /** A request takes over a run of free blocks. */
  claim(requestId: number, run: BlockRun): void {
    for (let block = run.firstBlock; block < run.firstBlock + run.blockCount; block++) {
      assert(this.#owners[block] === NOBODY, 'a block has one owner')
      this.#owners[block] = requestId
    }
    this.#ownedCount += run.blockCount
  }

  /** A request is gone: its blocks that are not here become its heir's, or free. */
  release(requestId: number, run: BlockRun, heir?: { readonly requestId: number; readonly run: BlockRun }): void {
    for (let block = run.firstBlock; block < run.firstBlock + run.blockCount; block++) {
      if (this.#owners[block] !== requestId) continue
      const isInherited = heir !== undefined && block >= heir.run.firstBlock && block < heir.run.firstBlock + heir.run.blockCount
      this.#owners[block] = isInherited ? heir.requestId : NOBODY
      if (!isInherited) this.#ownedCount--
    }
  }

  /** @returns whether it was not here before. */
  arrived(block: number, sender: Source): boolean {
    const owner = this.#owners[block]
    if (owner === undefined || owner === HERE) return false
    if (owner !== NOBODY) this.#ownedCount--
    this.#owners[block] = HERE
    this.#hereCount++
    this.#noteSender(sender)
    return true
  }

  /** Most chunks have one, and are noted block by block. */
  #noteSender(sender: Source): void {
    if (this.#senders.at(-1) === sender || this.#senders.some(known => isSameSource(known, sender))) return
    this.#senders.push(sender)
  }

  #firstRun(within: BlockRun, owner: number): BlockRun | undefined {
    const end = within.firstBlock + within.blockCount
    let first = within.firstBlock
    while (first < end && this.#owners[first] !== owner) first++
    let last = first
    while (last < end && this.#owners[last] === owner) last++
    return last > first ? { firstBlock: first, blockCount: last - first } : undefined
  }
}

export function isSameSource(a: Source, b: Source): boolean {
  return a.kind === 'origin' ? b.kind === 'origin' : b.kind === 'peer' && a.peerId === b.peerId
}
