// The open fetches of one connection to an uploader: asked, filled, acknowledged, cancelled, ended.
// Not the conversation around them (peer-connection), and no request timeouts: the scheduler cancels.
// Invariant: every fetch settles once, and every DATA frame is one that was asked for, or EVA_PEER_PROTOCOL is thrown.
// What still comes of a cancelled fetch is drained and counted as waste.

import { EvaError } from '@evastream/core/errors'
import { type Millis, SECOND_MS } from '@evastream/core/units'
import { type DataHead, type PeerFrame, protocolError, type Reject } from '@evastream/protocol/peer-frames'
import type { Clock } from '@evastream/service-kit/system-clock'
import type { BlockRequest } from '../ports.ts'
import { OpenFetch } from './open-fetch.ts'

/** Blocks of a long frame are acknowledged this often, so that a slow link is not taken for a silent receiver. */
const ACK_INTERVAL_MS = 500
/** A listener that neither ends a cancelled request nor sends its rest is broken. */
const CANCEL_MAX_MS = 10 * SECOND_MS
/** What a fetch is told that would be one too many on this connection. */
const CROWDED_RETRY_AFTER_MS = 250
/** A stranger's retry-after beyond this is not believed. */
const RETRY_AFTER_MAX_MS = 60 * SECOND_MS

export interface FetchDeskDeps {
  readonly clock: Clock
  readonly send: (frame: PeerFrame) => void
  /** The handle of the request's song, subscribed to if need be; undefined when the connection has none left. */
  readonly handleOf: (request: BlockRequest) => number | undefined
  readonly onBytesWasted: (sizeBytes: number) => void
}

export class FetchDesk {
  readonly #deps: FetchDeskDeps
  /** By request id; cancelled ones until they end. */
  readonly #asked = new Map<number, OpenFetch>()
  /** Until the hello is answered. */
  readonly #waiting = new Set<OpenFetch>()
  /** Those of which something came in that is not acknowledged. */
  readonly #touched = new Set<OpenFetch>()
  #current: OpenFetch | undefined
  /** 0 until the hello is answered. */
  #requestsMax = 0
  #lastRequestId = 0

  constructor(deps: FetchDeskDeps) {
    this.#deps = deps
  }

  /** Fetches that somebody waits for. */
  get openCount(): number {
    return this.#waiting.size + [...this.#asked.values()].filter(fetch => fetch.cancelledAt === undefined).length
  }

  /** The uploader takes this many requests at once: ask for what waited. */
  open(requestsMax: number): void {
    this.#requestsMax = requestsMax
    for (const fetch of this.#waiting) this.#ask(fetch)
    this.#waiting.clear()
  }

  /** The caller has checked the request. @throws EvaError as the uploader rejects, or `EVA_CANCELLED` */
  async fetch(request: BlockRequest, onBytes: (filledBytes: number) => void, signal: AbortSignal): Promise<void> {
    let stopListening: () => void = () => undefined
    const settled = new Promise<void>((resolve, reject) => {
      const fetch = new OpenFetch(request, { onBytes, resolve, reject })
      const abort = () => this.#abort(fetch, signal.reason)
      signal.addEventListener('abort', abort, { once: true })
      stopListening = () => signal.removeEventListener('abort', abort)
      if (this.#requestsMax === 0) this.#waiting.add(fetch)
      else this.#ask(fetch)
    })
    return settled.finally(stopListening)
  }

  dataStarted(head: DataHead): void {
    const fetch = this.#asked.get(head.requestId)
    if (fetch === undefined) throw protocolError('data of a request that is not open')
    fetch.start(head)
    this.#current = fetch
  }

  dataRead(bytes: Uint8Array): void {
    const fetch = this.#current
    if (fetch === undefined) return
    if (fetch.cancelledAt !== undefined) this.#deps.onBytesWasted(bytes.length)
    if (!fetch.take(bytes)) this.#cancel(fetch)
  }

  dataEnded(): void {
    const fetch = this.#current
    this.#current = undefined
    if (fetch === undefined) return
    this.#touched.add(fetch)
    if (!fetch.isComplete) return
    this.#asked.delete(fetch.requestId)
    if (fetch.cancelledAt === undefined) fetch.resolve()
  }

  /** To be called when all that came in at once has been read: one ACK for each fetch is enough. */
  acknowledge(now: Millis): void {
    if (this.#current !== undefined && now - this.#current.acknowledgedAt >= ACK_INTERVAL_MS) this.#touched.add(this.#current)
    for (const fetch of this.#touched) {
      const blocksReceived = fetch.cancelledAt === undefined ? fetch.blocksToAcknowledge : 0
      if (blocksReceived === 0) continue
      fetch.acknowledged(blocksReceived, now)
      this.#deps.send({ kind: 'ack', requestId: fetch.requestId, blocksReceived })
    }
    this.#touched.clear()
  }

  rejected({ requestId, code, retryAfterMs }: Reject): void {
    const fetch = this.#asked.get(requestId)
    if (fetch === undefined) throw protocolError('a reject of a request that is not open')
    const isCancelled = fetch.cancelledAt !== undefined
    if (!isCancelled && (code === 'cancelled' || code === 'version')) throw protocolError(`a request rejected as ${code}`)
    this.#asked.delete(requestId)
    if (!isCancelled) fetch.reject(code === 'busy' ? busyError(retryAfterMs) : new EvaError('EVA_PEER_CHUNK_MISSING'))
  }

  hasUnendedCancel(now: Millis): boolean {
    for (const { cancelledAt } of this.#asked.values()) if (cancelledAt !== undefined && now - cancelledAt >= CANCEL_MAX_MS) return true
    return false
  }

  /** The connection ended. */
  close(error: EvaError): void {
    const fetches = [...this.#waiting, ...this.#asked.values()]
    this.#waiting.clear()
    this.#asked.clear()
    this.#current = undefined
    for (const fetch of fetches) fetch.reject(error)
  }

  #ask(fetch: OpenFetch): void {
    const { chunkId, firstBlock, blockCount, priority } = fetch.request
    const handle = this.#asked.size < this.#requestsMax ? this.#deps.handleOf(fetch.request) : undefined
    if (handle === undefined) {
      fetch.reject(busyError(CROWDED_RETRY_AFTER_MS))
      return
    }
    const requestId = ++this.#lastRequestId
    fetch.asked({ handle, requestId, at: this.#deps.clock.now() })
    this.#asked.set(requestId, fetch)
    this.#deps.send({ kind: 'request', handle, requestId, chunkId, priority, firstBlock, blockCount })
  }

  #abort(fetch: OpenFetch, reason: unknown): void {
    this.#waiting.delete(fetch)
    this.#cancel(fetch)
    fetch.reject(new EvaError('EVA_CANCELLED', { cause: reason }))
  }

  #cancel(fetch: OpenFetch): void {
    if (this.#asked.get(fetch.requestId) !== fetch || fetch.cancelledAt !== undefined) return
    fetch.cancelledAt = this.#deps.clock.now()
    this.#deps.send({ kind: 'cancel', requestId: fetch.requestId })
  }
}

export function busyError(retryAfterMs: number): EvaError {
  return new EvaError('EVA_PEER_BUSY', { details: { retryAfterMs: Math.min(retryAfterMs, RETRY_AFTER_MAX_MS) } })
}
