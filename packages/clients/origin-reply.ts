// One answer of the origin on its way into a buffer: what its head promises is checked before its body is believed.
// Not the request and not the clock: the client sends, aborts and times out.
// Invariant: it settles once; after that no byte of the target changes and no progress is told.

import { EvaError } from '@evastream/core/errors'
import { KIB } from '@evastream/core/units'
import { onlyValue, type ReplyHeaders, retryAfterMsOf } from './retry-after.ts'

/** What is wanted of a chunk: `target.length` bytes from `offsetBytes` on. */
export interface ChunkRun {
  readonly offsetBytes: number
  readonly chunkBytes: number
  readonly target: Uint8Array
}

// The body of a refusal is read on, so that its connection can be used again, but not for ever.
const REFUSAL_BODY_MAX_BYTES = 64 * KIB

/** The request it answers, as far as a reply may touch it. */
export interface ReplyConnection {
  abort(): void
}

type State = 'waiting' | 'filling' | 'draining'

export class OriginReply {
  readonly #run: ChunkRun
  readonly #onBytes: (filledBytes: number) => void
  readonly #settled: Promise<void>
  #resolve: () => void = () => undefined
  #reject: (reason: unknown) => void = () => undefined
  #connection: ReplyConnection | undefined
  #abortReason: Error | undefined
  #state: State = 'waiting'
  /** Bytes of a full answer that come before the run. */
  #skipBytes = 0
  /** A full answer goes on past the run; it is cut off there. */
  #isSliced = false
  #filledBytes = 0
  #drainedBytes = 0

  constructor(run: ChunkRun, onBytes: (filledBytes: number) => void) {
    this.#run = run
    this.#onBytes = onBytes
    this.#settled = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  /** None for a whole chunk: a plain answer is the easiest for caches between here and the origin. */
  get rangeHeader(): Record<string, string> {
    const { offsetBytes, chunkBytes, target } = this.#run
    return target.length === chunkBytes ? {} : { range: `bytes=${offsetBytes}-${offsetBytes + target.length - 1}` }
  }

  settled(): Promise<void> {
    return this.#settled
  }

  /** Ends it at once, even before a connection was found for it; the connection, when there is one, is closed. */
  abort(reason: Error): void {
    this.#abortReason = reason
    this.#fail(reason)
    this.#connection?.abort()
  }

  began(connection: ReplyConnection): void {
    this.#connection = connection
    if (this.#abortReason !== undefined) connection.abort()
  }

  headCame(status: number, headers: ReplyHeaders): void {
    const refusal = status === 200 || status === 206 ? this.#headFault(status, headers) : refusalOf(status, headers)
    if (refusal === undefined) this.#begin(status)
    else this.#fail(refusal)
  }

  #begin(status: number): void {
    this.#skipBytes = status === 200 ? this.#run.offsetBytes : 0
    this.#isSliced = status === 200 && this.#run.target.length < this.#run.chunkBytes
    this.#state = 'filling'
  }

  /** Where the next bytes may be written at once, `lengthMaxBytes` at most; `bytesCame` is then given this very place. */
  room(lengthMaxBytes: number): Uint8Array | undefined {
    if (this.#state !== 'filling' || this.#skipBytes > 0) return undefined
    const free = this.#run.target.subarray(this.#filledBytes, this.#filledBytes + lengthMaxBytes)
    return free.length > 0 ? free : undefined
  }

  bytesCame(received: Uint8Array): void {
    if (this.#state === 'filling') this.#take(received)
    else this.#drainedBytes += received.length
    if (this.#drainedBytes > REFUSAL_BODY_MAX_BYTES) this.#connection?.abort()
  }

  ended(): void {
    if (this.#filledBytes === this.#run.target.length) this.#succeed()
    else this.#fail(this.#truncated(this.#filledBytes))
  }

  /** A body cut off midway is told as such: it says more than "the other side closed". */
  failed(error: Error): void {
    const isCutOff = this.#state === 'filling' && 'code' in error && error.code === 'ECONNRESET'
    this.#fail(isCutOff ? this.#truncated(this.#filledBytes, error) : error)
  }

  #take(received: Uint8Array): void {
    const { target } = this.#run
    const skipped = Math.min(this.#skipBytes, received.length)
    this.#skipBytes -= skipped
    const wanted = received.subarray(skipped, skipped + target.length - this.#filledBytes)
    const surplusBytes = received.length - skipped - wanted.length
    if (surplusBytes > 0 && !this.#isSliced) {
      this.abort(this.#truncated(this.#filledBytes + wanted.length + surplusBytes))
      return
    }
    const isInPlace = wanted.buffer === target.buffer && wanted.byteOffset === target.byteOffset + this.#filledBytes
    if (!isInPlace) target.set(wanted, this.#filledBytes)
    this.#filledBytes += wanted.length
    if (wanted.length > 0) this.#onBytes(this.#filledBytes)
    if (this.#isSliced && this.#filledBytes === target.length) this.#cutOff()
  }

  #cutOff(): void {
    this.#succeed()
    this.#connection?.abort()
  }

  #headFault(status: number, headers: ReplyHeaders): EvaError | undefined {
    const { offsetBytes, chunkBytes, target } = this.#run
    const encoding = onlyValue(headers['content-encoding']) ?? 'identity'
    if (encoding !== 'identity') return invalidReply(`it is encoded as ${encoding.slice(0, 20)}`)
    const expectedBytes = status === 200 ? chunkBytes : target.length
    if (status === 206) {
      const [, first, last] = /^bytes (\d{1,15})-(\d{1,15})\//.exec(onlyValue(headers['content-range']) ?? '') ?? []
      if (Number(first) !== offsetBytes) return invalidReply('it is not the range that was asked for')
      if (Number(last) !== offsetBytes + expectedBytes - 1) return this.#truncated(Number(last) - offsetBytes + 1)
    }
    const length = headers['content-length']
    return length === undefined || Number(length) === expectedBytes ? undefined : this.#truncated(Number(length), undefined, expectedBytes)
  }

  #truncated(receivedBytes: number, cause?: unknown, expectedBytes = this.#run.target.length): EvaError {
    return new EvaError('EVA_ORIGIN_TRUNCATED', { details: { receivedBytes, expectedBytes }, cause })
  }

  #succeed(): void {
    this.#state = 'draining'
    this.#resolve()
  }

  #fail(reason: Error): void {
    this.#state = 'draining'
    this.#reject(reason)
  }
}

function refusalOf(status: number, headers: ReplyHeaders): EvaError {
  const retryAfterMs = retryAfterMsOf(headers)
  const pause = retryAfterMs === undefined ? {} : { retryAfterMs }
  if (status === 404) return new EvaError('EVA_ORIGIN_CHUNK_MISSING', { details: pause })
  if (status === 429 || status === 503) return new EvaError('EVA_ORIGIN_OVERLOADED', { details: pause })
  return new EvaError('EVA_ORIGIN_STATUS', { details: { status, ...pause } })
}

function invalidReply(reason: string): EvaError {
  return new EvaError('EVA_ORIGIN_REPLY_INVALID', { details: { reason } })
}
