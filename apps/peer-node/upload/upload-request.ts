// One request that another peer made of us: which blocks, how many were sent, how many arrived.
// Not a queue and not a sender: upload-slots says when, upload-pump sends.
// Invariant: 0 <= blocks acknowledged <= blocks sent <= block count, and audio is held only from `load` to `unload`, or while a
// chunk that is still arriving is followed.

import type { SongId } from '@evastream/core/ids'
import { BLOCK_SIZE_BYTES } from '@evastream/core/units'
import type { DataHead, Request, WirePriority } from '@evastream/protocol/peer-frames'
import type { ChunkArrival } from '../download/chunk-arrivals.ts'
import type { SentFrame } from '../network/link-meter.ts'
import type { ChunkLoan } from '../store/chunk-loans.ts'

export interface Acknowledgement {
  readonly sizeBytes: number
  readonly frames: readonly SentFrame[]
}

/** Whose requests they are: one for each connection. */
export interface UploadOwner {
  /** What was sent lies unacknowledged: more cannot be sent now. */
  readonly isStuck: boolean
  /** A slot is there: send. */
  serve(request: UploadRequest): void
  /** The slot went to another; unless all is sent, one comes back. */
  displaced(request: UploadRequest): void
}

export class UploadRequest {
  readonly wish: Request
  readonly songId: SongId
  readonly owner: UploadOwner
  readonly #framesInFlight: { readonly endBlock: number; readonly sent: SentFrame }[] = []
  #loan: ChunkLoan | undefined
  #run: Uint8Array | undefined
  #arrival: ChunkArrival | undefined
  /** Known since it was loaded first. */
  #runSizeBytes = 0
  #sentBlocks = 0
  #ackedBlocks = 0

  constructor(wish: Request, origin: { readonly songId: SongId; readonly owner: UploadOwner }) {
    this.wish = wish
    this.songId = origin.songId
    this.owner = origin.owner
  }

  get priority(): WirePriority {
    return this.wish.priority
  }

  get isStuck(): boolean {
    return this.owner.isStuck
  }

  get isLoaded(): boolean {
    return this.#run !== undefined
  }

  /** Its chunk is not stored yet. */
  get isArriving(): boolean {
    return this.#arrival !== undefined
  }

  /** Its next block is here. */
  get canSend(): boolean {
    return !this.isSent && (this.isLoaded || this.#nextAudio(1).length > 0)
  }

  get isSent(): boolean {
    return this.#sentBlocks === this.wish.blockCount
  }

  get owedBlocks(): number {
    return this.wish.blockCount - this.#sentBlocks
  }

  get isAcknowledged(): boolean {
    return this.#ackedBlocks === this.wish.blockCount
  }

  /** What has not arrived yet, a short last block counted as a whole one. */
  get owedBytes(): number {
    return (this.wish.blockCount - this.#ackedBlocks) * BLOCK_SIZE_BYTES
  }

  get unacknowledgedBytes(): number {
    return this.#sizeBetween(this.#ackedBlocks, this.#sentBlocks)
  }

  /** Takes the bytes from the whole chunk. @returns false when the run lies past the chunk's end. */
  load(loan: ChunkLoan): boolean {
    if (!this.#fits(loan.bytes.length)) return false
    this.#loan = loan
    this.#run = loan.bytes.subarray(this.#startBytes, this.#startBytes + this.#runSizeBytes)
    return true
  }

  /** Takes the bytes from a chunk that is still arriving, as they come. @returns false when the run lies past the chunk's end. */
  follow(arrival: ChunkArrival): boolean {
    if (!this.#fits(arrival.lengthBytes)) return false
    this.#arrival = arrival
    return true
  }

  /** To be loaded to go on. */
  unfollow(): void {
    this.#arrival = undefined
  }

  /** Lets go of the bytes; to be loaded again to go on. @returns what it was loaded from, to be given back. */
  unload(): ChunkLoan | undefined {
    const loan = this.#loan
    this.#loan = undefined
    this.#run = undefined
    return loan
  }

  /** The next blocks that fit `sizeBytesMax` and are here, at least one. It can send, or it is a mistake of ours. */
  nextFrame(sizeBytesMax: number): { readonly head: DataHead; readonly audio: Uint8Array } {
    const { handle, requestId, chunkId, firstBlock } = this.wish
    const audio = this.#nextAudio(Math.max(1, Math.floor(sizeBytesMax / BLOCK_SIZE_BYTES)))
    const blockCount = Math.ceil(audio.length / BLOCK_SIZE_BYTES)
    const head = { handle, requestId, chunkId, firstBlock: firstBlock + this.#sentBlocks, blockCount, sizeBytes: audio.length }
    return { head, audio }
  }

  frameSent({ blockCount }: DataHead, sent: SentFrame): void {
    this.#sentBlocks += blockCount
    this.#framesInFlight.push({ endBlock: this.#sentBlocks, sent })
  }

  /** @returns undefined when that many blocks were never sent, or fewer are said to have arrived than before. */
  acknowledge(blocksReceived: number): Acknowledgement | undefined {
    if (blocksReceived < this.#ackedBlocks || blocksReceived > this.#sentBlocks) return undefined
    const sizeBytes = this.#sizeBetween(this.#ackedBlocks, blocksReceived)
    this.#ackedBlocks = blocksReceived
    const arrived = this.#framesInFlight.findIndex(frame => frame.endBlock > blocksReceived)
    const frames = this.#framesInFlight.splice(0, arrived === -1 ? this.#framesInFlight.length : arrived)
    return { sizeBytes, frames: frames.map(frame => frame.sent) }
  }

  #sizeBetween(fromBlock: number, toBlock: number): number {
    return Math.min(toBlock * BLOCK_SIZE_BYTES, this.#runSizeBytes) - Math.min(fromBlock * BLOCK_SIZE_BYTES, this.#runSizeBytes)
  }

  get #startBytes(): number {
    return this.wish.firstBlock * BLOCK_SIZE_BYTES
  }

  #fits(chunkBytes: number): boolean {
    const { blockCount } = this.wish
    if (this.#startBytes + (blockCount - 1) * BLOCK_SIZE_BYTES >= chunkBytes) return false
    this.#runSizeBytes = Math.min(blockCount * BLOCK_SIZE_BYTES, chunkBytes - this.#startBytes)
    return true
  }

  #nextAudio(blocksMax: number): Uint8Array {
    const from = this.#sentBlocks * BLOCK_SIZE_BYTES
    const sizeBytes = Math.min(this.#runSizeBytes - from, blocksMax * BLOCK_SIZE_BYTES)
    if (this.#run !== undefined) return this.#run.subarray(from, from + sizeBytes)
    return this.#arrival?.verifiedBytes(this.#startBytes + from, sizeBytes) ?? new Uint8Array()
  }
}
