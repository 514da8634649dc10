// One run of blocks that was asked of a peer, and how much of it is here.
// Not the asking: fetch-desk sends the request, the ACKs and the CANCEL.
// Invariant: the target is filled from its start without gaps, and never touched once the fetch has ended.

import { type EvaError, toEvaError } from '@evastream/core/errors'
import { blockRunLengthBytes } from '@evastream/core/manifest'
import { BLOCK_SIZE_BYTES, type Millis } from '@evastream/core/units'
import { type DataHead, protocolError } from '@evastream/protocol/peer-frames'
import type { BlockRequest } from '../ports.ts'

export interface FetchOutcome {
  readonly onBytes: (filledBytes: number) => void
  readonly resolve: () => void
  readonly reject: (error: EvaError) => void
}

export class OpenFetch {
  readonly request: BlockRequest
  /** Since when nobody wants the rest; it stays open until the other side says that nothing more comes. */
  cancelledAt: Millis | undefined
  readonly #outcome: FetchOutcome
  #requestId = 0
  #handle = 0
  #acknowledgedAt: Millis = 0
  #startedBlocks = 0
  #receivedBytes = 0
  #acknowledgedBlocks = 0

  constructor(request: BlockRequest, outcome: FetchOutcome) {
    this.request = request
    this.#outcome = outcome
  }

  /** 0 until it was asked for. */
  get requestId(): number {
    return this.#requestId
  }

  /** When blocks of it were last acknowledged, or it was asked for. */
  get acknowledgedAt(): Millis {
    return this.#acknowledgedAt
  }

  get isComplete(): boolean {
    return this.#receivedBytes === this.request.target.length
  }

  /** Whole blocks received and not acknowledged yet, counted from the first of the run; 0 for none. */
  get blocksToAcknowledge(): number {
    const blocks = this.isComplete ? this.request.blockCount : Math.floor(this.#receivedBytes / BLOCK_SIZE_BYTES)
    return blocks > this.#acknowledgedBlocks ? blocks : 0
  }

  asked({ handle, requestId, at }: { readonly handle: number; readonly requestId: number; readonly at: Millis }): void {
    this.#handle = handle
    this.#requestId = requestId
    this.#acknowledgedAt = at
  }

  acknowledged(blocks: number, at: Millis): void {
    this.#acknowledgedBlocks = blocks
    this.#acknowledgedAt = at
  }

  /** @throws EvaError `EVA_PEER_PROTOCOL` unless the frame holds just the next blocks. */
  start(head: DataHead): void {
    const { shape, chunkId, firstBlock, blockCount } = this.request
    if (head.handle !== this.#handle || head.chunkId !== chunkId) throw protocolError('data of another chunk than was asked for')
    if (head.firstBlock !== firstBlock + this.#startedBlocks) throw protocolError('blocks out of order')
    if (head.blockCount > blockCount - this.#startedBlocks) throw protocolError('more blocks than were asked for')
    if (head.sizeBytes !== blockRunLengthBytes(shape, chunkId, head.firstBlock, head.blockCount))
      throw protocolError('blocks of another length than the song has')
    this.#startedBlocks += head.blockCount
  }

  /** @returns false when the one who asked cannot take it: then the fetch has ended. */
  take(bytes: Uint8Array): boolean {
    if (this.cancelledAt === undefined) this.request.target.set(bytes, this.#receivedBytes)
    this.#receivedBytes += bytes.length
    if (this.cancelledAt !== undefined) return true
    try {
      this.#outcome.onBytes(this.#receivedBytes)
      return true
    } catch (error) {
      this.#outcome.reject(toEvaError(error))
      return false
    }
  }

  resolve(): void {
    this.#outcome.resolve()
  }

  reject(error: EvaError): void {
    this.#outcome.reject(error)
  }
}
