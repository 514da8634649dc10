// Sends a part of a stored file as the body of an HTTP answer, through a few buffers that are used again and again.
// Not a decision: which part, under which head, and whether at all, is the caller's. No promises: of a chunk that comes out of memory
// they would be half the work.
// Invariant: a buffer is filled again only once the system has taken its bytes or the connection is gone; `done` is told once.

import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { type EvaError, toEvaError } from '@evastream/core/errors'
import type { StoredFile } from './chunk-storage.ts'

export interface SendRequest {
  readonly socket: Socket
  readonly file: StoredFile
  readonly firstByte: number
  readonly lengthBytes: number
  /** Writes the head; called once, when the first bytes are at hand, so that a failure before can still be told properly. */
  readonly begin: () => ServerResponse
  /** Told each time that bytes were handed to the socket. */
  readonly onSent: (bytes: number) => void
  readonly done: (outcome: SendOutcome) => void
}

/** Of what failed after `begin` the connection is broken as well, which tells the client. */
export type SendOutcome =
  | { readonly kind: 'sent' }
  | { readonly kind: 'client-gone' }
  | { readonly kind: 'failed'; readonly error: EvaError; readonly hasBegun: boolean }

/** A default chunk goes out in one write, head included; a larger one takes turns with other clients. */
const SLICE_BYTES = 256 * 1024
const IDLE_BUFFERS_MAX = 32
const SENT: SendOutcome = Object.freeze({ kind: 'sent' })
const CLIENT_GONE: SendOutcome = Object.freeze({ kind: 'client-gone' })

export class FileSender {
  readonly #idle: Uint8Array[] = []

  send(request: SendRequest): void {
    const buffer = this.#idle.pop() ?? Buffer.allocUnsafeSlow(SLICE_BYTES)
    const giveBack = (): void => {
      if (this.#idle.length < IDLE_BUFFERS_MAX) this.#idle.push(buffer)
    }
    new Sending(request, buffer, giveBack).next()
  }
}

class Sending {
  readonly #request: SendRequest
  readonly #buffer: Uint8Array
  readonly #giveBack: () => void
  #response: ServerResponse | undefined
  #sentBytes = 0
  #isWriting = false
  #isOver = false

  constructor(request: SendRequest, buffer: Uint8Array, giveBack: () => void) {
    this.#request = request
    this.#buffer = buffer
    this.#giveBack = giveBack
  }

  /** Reads the next slice, and writes it. */
  next(): void {
    const { file, firstByte, lengthBytes } = this.#request
    const slice = this.#buffer.subarray(0, Math.min(this.#buffer.length, lengthBytes - this.#sentBytes))
    try {
      const reading = file.read(slice, firstByte + this.#sentBytes)
      if (reading === undefined) this.#write(slice)
      else void reading.then(() => this.#write(slice)).catch((thrown: unknown) => this.#fail(thrown))
    } catch (thrown) {
      this.#fail(thrown)
    }
  }

  #write(slice: Uint8Array): void {
    const { socket, lengthBytes, onSent } = this.#request
    if (socket.destroyed) {
      this.#end(CLIENT_GONE)
      return
    }
    const response = this.#response ?? this.#begin()
    this.#sentBytes += slice.length
    onSent(slice.length)
    this.#isWriting = true
    if (this.#sentBytes === lengthBytes) response.end(slice, this.#taken)
    else response.write(slice, this.#taken)
  }

  #begin(): ServerResponse {
    const { socket, begin } = this.#request
    // The socket's own event: an answer that waits behind another one on its connection never hears of the end.
    socket.once('close', this.#closed)
    this.#response = begin()
    return this.#response
  }

  /** A write that fails is followed by the socket's end, so only success needs to be told. */
  readonly #taken = (error?: Error | null): void => {
    if (error != null || this.#isOver) return
    this.#isWriting = false
    if (this.#sentBytes === this.#request.lengthBytes) this.#end(SENT)
    else this.next()
  }

  /** Amid a read the buffer is still being filled: the end is found when that is over. */
  readonly #closed = (): void => {
    if (this.#isWriting) this.#end(CLIENT_GONE)
  }

  #fail(thrown: unknown): void {
    this.#response?.destroy()
    this.#end({ kind: 'failed', error: toEvaError(thrown), hasBegun: this.#response !== undefined })
  }

  #end(outcome: SendOutcome): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#request.socket.off('close', this.#closed)
    this.#giveBack()
    this.#request.done(outcome)
  }
}
