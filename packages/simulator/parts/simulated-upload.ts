// One run that another peer asked of us: from the store, or following a chunk that is still arriving.
// Not the order of service (the slots) and not the sending (the connection).
// Invariant: a block is there to be sent only when it is stored, or verified in the buffer of its chunk.

import type { PriorityClass } from '@evastream/engine/commands'
import type { SlotRequest } from '@evastream/engine/uploads/upload-slots'
import type { ArrivalWatcher, ArrivingChunk } from './arriving-chunks.ts'
import type { PeerRequest, SimulatedConnection } from './simulated-connection.ts'
import type { StoredBytes } from './simulated-store.ts'

export class SimulatedUpload implements SlotRequest {
  readonly owner: SimulatedConnection
  readonly request: PeerRequest
  readonly isStuck = false
  hasBegun = false
  isOver = false
  /** What the store has of its chunk, once it is asked. */
  storedBytes: StoredBytes | undefined
  /** Since when it waits for its next block. */
  waitingSince: number | undefined
  #arrival: ArrivingChunk | undefined
  #watcher: ArrivalWatcher | undefined
  /** The first block that has not been begun. */
  #nextBlock: number
  /** The bytes of a block are fixed when its sending begins, whatever becomes of its chunk meanwhile. */
  #isGood = false

  constructor(owner: SimulatedConnection, request: PeerRequest, arrival: ArrivingChunk | undefined) {
    this.owner = owner
    this.request = request
    this.#arrival = arrival
    this.#nextBlock = request.firstBlock
  }

  get priority(): PriorityClass {
    return this.request.priority
  }

  get isArriving(): boolean {
    return this.#arrival !== undefined
  }

  get isSent(): boolean {
    return this.#nextBlock >= this.request.firstBlock + this.request.blockCount
  }

  get owedBlocks(): number {
    return this.request.firstBlock + this.request.blockCount - this.#nextBlock
  }

  /** Its next block is there. */
  get canSend(): boolean {
    return !this.isSent && this.hasBlock(this.#nextBlock)
  }

  watcher(watcher: ArrivalWatcher): ArrivalWatcher {
    this.#watcher = {
      arrived: watcher.arrived,
      ended: isStored => {
        this.#arrival = undefined
        watcher.ended(isStored)
      },
    }
    return this.#watcher
  }

  hasBlock(block: number): boolean {
    return this.#arrival === undefined || this.#arrival.verifiedBlock(block) !== undefined
  }

  /** Of the block that is being sent. */
  get isGood(): boolean {
    return this.#isGood
  }

  sendingBlock(block: number): void {
    this.#nextBlock = block + 1
    this.#isGood = this.#arrival === undefined ? this.storedBytes === 'good' : this.#arrival.verifiedBlock(block)?.isGood === true
  }

  end(): void {
    this.isOver = true
    if (this.#watcher !== undefined) this.#arrival?.unwatch(this.#watcher)
    this.#arrival = undefined
  }
}
