// A source of chunks that does nothing by itself: a test delivers its bytes, lets it finish, or lets it fail.
// Not a real source (the contract of those is chunk-source-contract.ts) and not honest: it writes whatever it is given.
// Invariant: like a real one it settles once, at an abort at the latest, and never writes to a target after that.

import { EvaError } from '@evastream/core/errors'

interface RunRequest {
  readonly target: Uint8Array
}

/** One call of `fetchBlocks`, in the test's hands. */
export class ScriptedFetch<Request extends RunRequest> {
  readonly request: Request
  readonly signal: AbortSignal
  readonly settled: Promise<void>
  readonly #onBytes: (filledBytes: number) => void
  #filledBytes = 0
  #isOver = false
  #resolve: () => void = () => undefined
  #reject: (error: EvaError) => void = () => undefined

  constructor(request: Request, onBytes: (filledBytes: number) => void, signal: AbortSignal) {
    this.request = request
    this.signal = signal
    this.#onBytes = onBytes
    this.settled = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    signal.addEventListener('abort', () => this.fail(new EvaError('EVA_CANCELLED')), { once: true })
  }

  /** The next bytes of the run arrive; what would not fit is left out. */
  deliver(bytes: Uint8Array): void {
    if (this.#isOver) return
    const { target } = this.request
    target.set(bytes.subarray(0, target.length - this.#filledBytes), this.#filledBytes)
    this.#filledBytes = Math.min(target.length, this.#filledBytes + bytes.length)
    this.#onBytes(this.#filledBytes)
  }

  succeed(): void {
    this.#isOver = true
    this.#resolve()
  }

  fail(error: EvaError): void {
    this.#isOver = true
    this.#reject(error)
  }
}

export class ScriptedSource<Request extends RunRequest> {
  /** In the order in which they were asked for. */
  readonly fetches: ScriptedFetch<Request>[] = []

  fetchBlocks(request: Request, onBytes: (filledBytes: number) => void, signal: AbortSignal): Promise<void> {
    const fetch = new ScriptedFetch(request, onBytes, signal)
    this.fetches.push(fetch)
    return fetch.settled
  }

  /** The n-th fetch, from 0. @throws EvaError `EVA_INTERNAL` when it was never asked for. */
  fetch(index: number): ScriptedFetch<Request> {
    const fetch = this.fetches[index]
    if (fetch === undefined) throw new EvaError('EVA_INTERNAL', { cause: `fetch ${index} was never asked for` })
    return fetch
  }
}
