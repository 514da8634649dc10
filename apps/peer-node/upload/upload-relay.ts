// The requests of one connection for chunks that are still arriving here: who waits for its next block, and since when.
// Not their sending: with its next block here, a request queues for a slot like any other (upload-desk).
// Invariant: a request waits here or has a place among the slots, never both, and is watched for until it ends or its chunk does.

import type { Millis } from '@evastream/core/units'
import type { Clock } from '@evastream/service-kit/system-clock'
import type { ArrivalWatcher, ChunkArrival } from '../download/chunk-arrivals.ts'
import type { UploadRequest } from './upload-request.ts'

export interface UploadRelayDeps {
  readonly clock: Clock
  /** Its next block is here. */
  readonly ready: (request: UploadRequest) => void
  /** The chunk is stored, and the request goes on with what the store gives; it had been waiting here, or not. */
  readonly stored: (request: UploadRequest, wasWaiting: boolean) => void
  readonly givenUp: (request: UploadRequest) => void
}

interface Followed {
  readonly arrival: ChunkArrival
  readonly watcher: ArrivalWatcher
}

export class UploadRelay {
  readonly #deps: UploadRelayDeps
  readonly #followed = new Map<UploadRequest, Followed>()
  /** Since when. */
  readonly #waiting = new Map<UploadRequest, Millis>()

  constructor(deps: UploadRelayDeps) {
    this.#deps = deps
  }

  /** Requests for chunks that are arriving. */
  get followedCount(): number {
    return this.#followed.size
  }

  follow(request: UploadRequest, arrival: ChunkArrival): void {
    const watcher = {
      arrived: () => {
        if (!request.canSend || !this.#waiting.delete(request)) return
        this.#deps.ready(request)
      },
      ended: (isStored: boolean) => this.#ended(request, isStored),
    }
    this.#followed.set(request, { arrival, watcher })
    arrival.watch(watcher)
  }

  /** All that is here of it has been sent. */
  wait(request: UploadRequest): void {
    this.#waiting.set(request, this.#deps.clock.now())
  }

  /** Those that have waited for one block for `waitMaxMs`. */
  overdue(now: Millis, waitMaxMs: number): UploadRequest[] {
    return [...this.#waiting].filter(([, since]) => now - since >= waitMaxMs).map(([request]) => request)
  }

  forget(request: UploadRequest): void {
    const followed = this.#followed.get(request)
    followed?.arrival.unwatch(followed.watcher)
    this.#followed.delete(request)
    this.#waiting.delete(request)
  }

  #ended(request: UploadRequest, isStored: boolean): void {
    const wasWaiting = this.#waiting.has(request)
    this.forget(request)
    request.unfollow()
    if (isStored) this.#deps.stored(request, wasWaiting)
    else this.#deps.givenUp(request)
  }
}
