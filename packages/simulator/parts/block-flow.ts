// A run of blocks on its way: cut into parcels small enough that slow links still show life.
// Not the sender's policy: who sends, and when, is decided by the uploads, the adversary and the origin.
// Invariant: every block's last parcel names the block; the sizes add up to the run's length.

import { blockLengthBytes, blockRunLengthBytes, type SongShape } from '@evastream/core/manifest'
import type { Flow, Host, Parcel } from './simulated-network.ts'

/** A run of blocks of one chunk, as everybody in the simulator speaks of it. */
export interface BlockRun {
  readonly songId: string
  readonly shape: SongShape
  readonly chunkId: number
  readonly firstBlock: number
  readonly blockCount: number
}

/** How a run is sent: honestly, or not. */
export interface SendingManner {
  isGood(block: number): boolean
  /** Whether the block is there to be sent; all are, when absent. */
  hasBlock?(block: number): boolean
  /** The block is being sent. */
  sending?(block: number): void
  /** All that is there has been sent, and more is to come. */
  ranShort?(): void
  /** Stop for ever this many bytes before the end of the run. */
  readonly stopBeforeEndBytes?: number
  /** Bytes per parcel; when absent, a quarter second of this flow's share of the links, one block at most. */
  readonly parcelBytesMax?: number
}

export interface BlockFlowEnds {
  readonly from: Host
  readonly to: Host
  arrived(parcel: Parcel): void
}

const PARCEL_BYTES_MIN = 1024

export class BlockFlow implements Flow {
  inFlightCount = 0
  isStopped = false
  sentBytes = 0
  readonly #run: BlockRun
  readonly #manner: SendingManner
  readonly #ends: BlockFlowEnds
  readonly #endBytes: number
  #block: number
  #offsetBytes = 0

  constructor(deps: { readonly ends: BlockFlowEnds }, options: { readonly run: BlockRun; readonly manner: SendingManner }) {
    this.#ends = deps.ends
    this.#run = options.run
    this.#manner = options.manner
    this.#block = options.run.firstBlock
    const { shape, chunkId, firstBlock, blockCount } = options.run
    this.#endBytes = blockRunLengthBytes(shape, chunkId, firstBlock, blockCount) - (options.manner.stopBeforeEndBytes ?? 0)
  }

  get from(): Host {
    return this.#ends.from
  }

  get to(): Host {
    return this.#ends.to
  }

  get isSpent(): boolean {
    return this.#block >= this.#run.firstBlock + this.#run.blockCount
  }

  /** Between two blocks, and the next one is not there yet. */
  get isShort(): boolean {
    return !this.isSpent && this.#offsetBytes === 0 && this.#manner.hasBlock?.(this.#block) === false
  }

  ranShort(): void {
    this.#manner.ranShort?.()
  }

  next(): Parcel | undefined {
    const { shape, chunkId } = this.#run
    if (this.isSpent || this.isShort || this.sentBytes >= this.#endBytes) return undefined
    if (this.#offsetBytes === 0) this.#manner.sending?.(this.#block)
    const lengthBytes = blockLengthBytes(shape, chunkId, this.#block)
    const sizeBytes = Math.min(lengthBytes - this.#offsetBytes, this.#parcelBytesMax(), this.#endBytes - this.sentBytes)
    const isGood = this.#manner.isGood(this.#block)
    const block = this.#block
    this.sentBytes += sizeBytes
    this.#offsetBytes += sizeBytes
    const endsBlock = this.#offsetBytes === lengthBytes
    if (endsBlock) {
      this.#block++
      this.#offsetBytes = 0
    }
    return endsBlock ? { sizeBytes, block, isGood } : { sizeBytes, isGood }
  }

  arrived(parcel: Parcel): void {
    if (!this.isStopped) this.#ends.arrived(parcel)
  }

  #parcelBytesMax(): number {
    const { from, to } = this.#ends
    const share = Math.min(from.link.upBytesPerSecond / from.flows.length, to.link.downBytesPerSecond / to.inboundCount)
    return this.#manner.parcelBytesMax ?? Math.max(PARCEL_BYTES_MIN, Math.floor(share / 4))
  }
}
