// The origin's HTTP interface as a peer uses it: runs of blocks, read straight into the buffer that wants them.
// Not a judge of bytes: it knows lengths, no hashes. Not a retry policy: the scheduler backs off, and cancels what takes too long
// for what it is needed for; here only silence ends a run, for a slow line that goes on delivering is not at fault.
// Invariant: nothing is ever written outside `target`, and a resolved fetch has filled all of it.

import { EvaError, toEvaError } from '@evastream/core/errors'
import type { ChunkId, SongId } from '@evastream/core/ids'
import { blockRunLengthBytes, chunkLengthBytes, type SongShape } from '@evastream/core/manifest'
import { BLOCK_SIZE_BYTES, MINUTE_MS, type Millis, SECOND_MS } from '@evastream/core/units'
import { chunkPathOf } from '@evastream/protocol/origin-http'
import { type Clock, systemClock } from '@evastream/service-kit/system-clock'
import { HttpLine, lineFailureOf } from './http-line.ts'
import { OriginLine } from './origin-line.ts'
import { OriginReply } from './origin-reply.ts'
import { parseServiceAddress } from './service-address.ts'

export interface OriginClientOptions {
  readonly baseUrl: string
  /** The longest that the origin may keep silent, before its answer and within it. A run may take as long as it takes. */
  readonly silenceTimeoutMs?: number
  /** More fetches than this wait for a connection. */
  readonly maxConnections?: number
}

/** One run of blocks of one chunk; `target` is exactly as long as the run. */
export interface OriginBlocksRequest {
  readonly songId: SongId
  readonly shape: SongShape
  readonly chunkId: ChunkId
  readonly firstBlock: number
  readonly blockCount: number
  readonly target: Uint8Array
}

const SILENCE_TIMEOUT_DEFAULT_MS = 10 * SECOND_MS
const CONNECTIONS_DEFAULT = 8
/** How long Node's client is asked instead of the short line, which costs more; a proxy's odd answer need not be the origin's. */
const ODD_FOR_MS = 5 * MINUTE_MS

export class OriginClient {
  readonly #line: HttpLine
  /** For plain HTTP. */
  readonly #shortLine: OriginLine | undefined
  #oddUntil: Millis = Number.NEGATIVE_INFINITY
  readonly #silenceTimeoutMs: number
  readonly #clock: Clock

  constructor(options: OriginClientOptions, clock: Clock = systemClock) {
    this.#clock = clock
    const address = parseServiceAddress('origin', options.baseUrl)
    const connectionsMax = options.maxConnections ?? CONNECTIONS_DEFAULT
    this.#silenceTimeoutMs = options.silenceTimeoutMs ?? SILENCE_TIMEOUT_DEFAULT_MS
    this.#line = new HttpLine(address, { connectionsMax })
    if (address.origin.startsWith('http:'))
      this.#shortLine = new OriginLine(address, { connectionsMax, silenceTimeoutMs: this.#silenceTimeoutMs })
  }

  /**
   * Resolves once `target` is full; `onBytes` tells, in order, how many of its bytes are filled.
   * @throws EvaError `EVA_ORIGIN_*` (with `details.retryAfterMs` where the origin asked for a pause), or `EVA_CANCELLED`.
   */
  async fetchBlocks(request: OriginBlocksRequest, onBytes: (filledBytes: number) => void, signal: AbortSignal): Promise<void> {
    const { songId, shape, chunkId, firstBlock, blockCount, target } = request
    const lengthBytes = blockRunLengthBytes(shape, chunkId, firstBlock, blockCount)
    if (firstBlock < 0 || lengthBytes < 1 || target.length !== lengthBytes)
      throw new EvaError('EVA_INTERNAL', { cause: `a run of ${lengthBytes} bytes does not fit a target of ${target.length}` })
    const run = { offsetBytes: firstBlock * BLOCK_SIZE_BYTES, chunkBytes: chunkLengthBytes(shape, chunkId), target }
    if (signal.aborted) throw cancelled(signal)
    const reply = new OriginReply(run, onBytes)
    const cancel = () => reply.abort(cancelled(signal))
    signal.addEventListener('abort', cancel, { once: true })
    try {
      this.#send(chunkPathOf(songId, chunkId), reply)
      await reply.settled()
    } catch (thrown) {
      throw this.#line.isClosed ? new EvaError('EVA_CANCELLED', { cause: thrown }) : asOriginError(thrown)
    } finally {
      signal.removeEventListener('abort', cancel)
    }
  }

  async close(): Promise<void> {
    this.#line.close()
    this.#shortLine?.close()
  }

  #send(path: string, reply: OriginReply): void {
    if (this.#line.isClosed) throw new EvaError('EVA_CANCELLED')
    if (this.#shortLine === undefined || this.#clock.now() < this.#oddUntil) this.#sendByNode(path, reply)
    else this.#shortLine.fetch(path, reply, () => this.#sendAgain(path, reply))
  }

  /** An origin whose answers do not tell their length, or tell it strangely, will do so again for a while. */
  #sendAgain(path: string, reply: OriginReply): void {
    this.#oddUntil = this.#clock.now() + ODD_FOR_MS
    try {
      this.#sendByNode(path, reply)
    } catch (thrown) {
      reply.abort(toEvaError(thrown))
    }
  }

  #sendByNode(path: string, reply: OriginReply): void {
    const headers = { accept: 'application/octet-stream', ...reply.rangeHeader }
    const request = this.#line.request({ method: 'GET', path, headers, silenceTimeoutMs: this.#silenceTimeoutMs })
    const failed = (error: Error): void => reply.failed(error)
    request.on('error', failed)
    request.once('response', response => {
      reply.headCame(response.statusCode ?? 0, response.headers)
      response
        .on('data', (bytes: Buffer) => reply.bytesCame(bytes))
        .once('end', () => reply.ended())
        .on('error', failed)
    })
    // Without its reason, which the reply has told already: amid a body's last bytes nobody would listen to the socket's error.
    reply.began({ abort: () => void request.destroy() })
    request.end()
  }
}

function cancelled(signal: AbortSignal): EvaError {
  return new EvaError('EVA_CANCELLED', { cause: signal.reason })
}

function asOriginError(thrown: unknown): EvaError {
  if (thrown instanceof EvaError) return thrown
  const { kind, reason } = lineFailureOf(thrown)
  if (kind === 'timeout') return new EvaError('EVA_ORIGIN_TIMEOUT', { cause: thrown })
  if (kind === 'garbled') return new EvaError('EVA_ORIGIN_REPLY_INVALID', { details: { reason }, cause: thrown })
  return new EvaError('EVA_ORIGIN_UNREACHABLE', { details: { reason: reason.slice(0, 200) }, cause: thrown })
}
