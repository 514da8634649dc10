// The open requests of one connection: taken in, put in the queue for a slot, served, ended.
// Not the conversation around them (upload-session), nor the order among connections (upload-slots).
// Invariant: every request ends once: all its blocks acknowledged, or one REJECT (never when its last block was sent), or given up
// or the connection's end; its slot is given back at that moment, and only requests in service hold audio.

import { toEvaError } from '@evastream/core/errors'
import type { ChunkId, SongId } from '@evastream/core/ids'
import type { Millis } from '@evastream/core/units'
import type { UploadWish } from '@evastream/engine/uploads/upload-admission'
import type { UploadSlots } from '@evastream/engine/uploads/upload-slots'
import { type Ack, protocolError, type RejectCode, type Request } from '@evastream/protocol/peer-frames'
import type { Clock } from '@evastream/service-kit/system-clock'
import type { ChunkArrivals } from '../download/chunk-arrivals.ts'
import type { NodeLog } from '../ports.ts'
import type { ChunkLoan, ChunkLoans } from '../store/chunk-loans.ts'
import type { UploadPump } from './upload-pump.ts'
import { UploadRelay } from './upload-relay.ts'
import { type UploadOwner, UploadRequest } from './upload-request.ts'

export interface UploadDeskDeps {
  readonly pump: UploadPump
  readonly store: Pick<ChunkLoans, 'hasChunk' | 'borrow' | 'giveBack'>
  readonly arrivals: ChunkArrivals
  readonly slots: UploadSlots<UploadRequest>
  readonly clock: Clock
  readonly log: NodeLog
  /** `retryAfterMs` is for `busy`, when it is known better than by the options. */
  readonly reject: (requestId: number, code: RejectCode, retryAfterMs?: number) => void
  /** How long this node uploads nothing at all; 0 while it does. */
  readonly closedForMs: () => number
  /** After how long (ms) to come back: the whole node owes much, and others have what is asked for; undefined: it is taken on. */
  readonly refusalMs: (wish: UploadWish) => Millis | undefined
  /** The other side asked for a chunk that is not held here: what it knows is old. */
  readonly onChunkAbsent: (songId: SongId, chunkId: ChunkId) => void
  /** A chunk that was held turned out to be gone: nobody should ask for it. */
  readonly onChunkLost: (songId: SongId, chunkId: ChunkId) => void
  /** The other side broke the protocol in a way that showed late. */
  readonly onBroken: (reason: string) => void
}

export interface UploadDeskOptions {
  /** Requests open at once, in service or waiting; one more is told to come back. */
  readonly requestsMax: number
  /** A receiver that acknowledges nothing for this long loses its place. */
  readonly silenceMaxMs: number
  readonly busyRetryAfterMs: number
  /** Open requests for chunks that are still arriving here; one more is told to come back. */
  readonly relaysMax: number
  /** How long such a request waits for one block. */
  readonly blockWaitMaxMs: number
  /** What is told to one that waited for nothing, or one too many: others may have the block. */
  readonly relayRetryAfterMs: number
}

export class UploadDesk implements UploadOwner {
  readonly #deps: UploadDeskDeps
  readonly #options: UploadDeskOptions
  readonly #requests = new Map<number, UploadRequest>()
  readonly #relay: UploadRelay
  #lastRequestId = 0
  #busyUntil: Millis = Number.NEGATIVE_INFINITY

  constructor(deps: UploadDeskDeps, options: UploadDeskOptions) {
    this.#deps = deps
    this.#options = options
    this.#relay = new UploadRelay({
      clock: deps.clock,
      ready: request => deps.slots.enqueue(request),
      stored: (request, wasWaiting) => this.#stored(request, wasWaiting),
      givenUp: request => this.#arrivalGivenUp(request),
    })
  }

  get isStuck(): boolean {
    return this.#deps.pump.isStuck
  }

  get owedBytes(): number {
    let sum = 0
    for (const request of this.#requests.values()) sum += request.owedBytes
    return sum
  }

  /** `songId` is undefined for a handle that is no longer, or was never let be, subscribed. */
  take(wish: Request, songId: SongId | undefined): void {
    const { requestId, chunkId } = wish
    const { clock, store, slots, reject, closedForMs } = this.#deps
    const closedMs = closedForMs()
    if (requestId <= this.#lastRequestId) throw protocolError('a request id that does not grow')
    this.#lastRequestId = requestId
    if (closedMs > 0) reject(requestId, 'busy', closedMs)
    else if (songId === undefined || this.#requests.size >= this.#options.requestsMax || clock.now() < this.#busyUntil)
      reject(requestId, 'busy')
    else if (store.hasChunk(songId, chunkId)) {
      if (this.#isRefused(wish, songId)) return
      const request = new UploadRequest(wish, { songId, owner: this })
      this.#requests.set(requestId, request)
      slots.enqueue(request)
    } else this.#takeArriving(wish, songId)
  }

  acknowledge({ requestId, blocksReceived }: Ack): void {
    const request = this.#find(requestId)
    if (request === undefined) return
    const { pump, slots } = this.#deps
    const wasStuck = pump.isStuck
    if (!pump.acknowledge(request, blocksReceived)) throw protocolError('an ack of what was not sent')
    if (request.isAcknowledged) this.#forget(request)
    if (wasStuck) slots.review()
    pump.run()
  }

  cancel(requestId: number): void {
    const request = this.#find(requestId)
    if (request === undefined) return
    this.#giveUp(request, 'cancelled')
    this.#deps.pump.run()
  }

  serve(request: UploadRequest): void {
    const { pump } = this.#deps
    pump.begin(request)
    // The slots are in the middle of handing out: sending, which may give this one back, comes after.
    if (request.isArriving) queueMicrotask(() => pump.run())
    else this.#load(request)
  }

  /** All that is here of a request has been sent: it waits for its next block, and others have its slot meanwhile. */
  ranShort(request: UploadRequest): void {
    this.#deps.pump.pause(request)
    this.#relay.wait(request)
    this.#deps.slots.release(request)
  }

  displaced(request: UploadRequest): void {
    this.#deps.pump.pause(request)
    this.#unload(request)
  }

  tick(now: Millis): void {
    const { blockWaitMaxMs, relayRetryAfterMs } = this.#options
    for (const request of this.#relay.overdue(now, blockWaitMaxMs)) this.#giveUp(request, 'busy', relayRetryAfterMs)
    if (this.#deps.pump.silentForMs(now, this.#requests.size > 0) < this.#options.silenceMaxMs) return
    this.#deps.log.debug({ requests: this.#requests.size }, 'a silent receiver loses its place')
    this.#busyUntil = now + this.#options.busyRetryAfterMs
    for (const request of [...this.#requests.values()]) this.#giveUp(request, 'busy')
  }

  close(): void {
    for (const request of [...this.#requests.values()]) this.#forget(request)
    this.#deps.pump.close()
  }

  /** The node uploads nothing for now: every open request is told when to come back. */
  endAll(retryAfterMs: number): void {
    for (const request of [...this.#requests.values()]) this.#giveUp(request, 'busy', retryAfterMs)
  }

  #takeArriving(wish: Request, songId: SongId): void {
    const { requestId, chunkId } = wish
    const { arrivals, reject, onChunkAbsent, slots } = this.#deps
    const arrival = arrivals.arrivalOf(songId, chunkId)
    if (arrival === undefined) {
      reject(requestId, 'chunk-missing')
      onChunkAbsent(songId, chunkId)
    } else if (this.#relay.followedCount >= this.#options.relaysMax) reject(requestId, 'busy', this.#options.relayRetryAfterMs)
    else {
      if (this.#isRefused(wish, songId)) return
      const request = new UploadRequest(wish, { songId, owner: this })
      if (!request.follow(arrival)) throw protocolError('a run past the end of its chunk')
      this.#requests.set(requestId, request)
      this.#relay.follow(request, arrival)
      if (request.canSend) slots.enqueue(request)
      else this.#relay.wait(request)
    }
  }

  #isRefused(wish: Request, songId: SongId): boolean {
    const retryAfterMs = this.#deps.refusalMs({ ...wish, songId })
    if (retryAfterMs !== undefined) this.#deps.reject(wish.requestId, 'busy', Math.round(retryAfterMs))
    return retryAfterMs !== undefined
  }

  #stored(request: UploadRequest, wasWaiting: boolean): void {
    if (wasWaiting) this.#deps.slots.enqueue(request)
    else if (this.#deps.pump.isServing(request) && !request.isSent) this.#load(request)
  }

  #arrivalGivenUp(request: UploadRequest): void {
    if (!request.isSent) this.#giveUp(request, 'chunk-missing')
    this.#deps.pump.run()
  }

  #load(request: UploadRequest): void {
    const loan = this.#deps.store.borrow(request.songId, request.wish.chunkId)
    if (loan instanceof Promise)
      loan.then(
        loaded => this.#loaded(request, loaded),
        error => this.#loadFailed(request, error),
      )
    else queueMicrotask(() => this.#loaded(request, loan))
  }

  #loaded(request: UploadRequest, loan: ChunkLoan): void {
    const isWanted = this.#awaitsLoad(request)
    if (isWanted && request.load(loan)) this.#deps.pump.run()
    else {
      this.#deps.store.giveBack(loan, false)
      if (isWanted) this.#deps.onBroken('a run past the end of its chunk')
    }
  }

  #unload(request: UploadRequest): void {
    const loan = request.unload()
    if (loan !== undefined) this.#deps.store.giveBack(loan, this.#deps.pump.isSending)
  }

  #loadFailed(request: UploadRequest, error: unknown): void {
    const { code, message } = toEvaError(error)
    const { songId, wish } = request
    const isMissing = code === 'EVA_CHUNK_NOT_FOUND' || code === 'EVA_STORED_CHUNK_ROTTEN' || code === 'EVA_SONG_NOT_FOUND'
    this.#deps.log.warn({ songId, chunkId: wish.chunkId, code }, `a chunk cannot be uploaded: ${message}`)
    if (this.#awaitsLoad(request)) this.#giveUp(request, isMissing ? 'chunk-missing' : 'busy')
    if (isMissing) this.#deps.onChunkLost(songId, wish.chunkId)
  }

  /** Not when it ended or lost its slot meanwhile, nor when it had the slot back and was loaded for that. */
  #awaitsLoad(request: UploadRequest): boolean {
    return this.#deps.pump.isServing(request) && !request.isLoaded
  }

  /** Once its last block is sent the other side may hold it as ended, and a REJECT would break the protocol. */
  #giveUp(request: UploadRequest, code: RejectCode, retryAfterMs?: number): void {
    if (!request.isSent) this.#deps.reject(request.wish.requestId, code, retryAfterMs)
    this.#forget(request)
  }

  /** Undefined for one that has ended: its CANCEL or ACK was on its way already. */
  #find(requestId: number): UploadRequest | undefined {
    if (requestId > this.#lastRequestId) throw protocolError('a request that was never made')
    return this.#requests.get(requestId)
  }

  #forget(request: UploadRequest): void {
    this.#requests.delete(request.wish.requestId)
    this.#relay.forget(request)
    this.#deps.pump.forget(request)
    this.#unload(request)
    this.#deps.slots.release(request)
  }
}
