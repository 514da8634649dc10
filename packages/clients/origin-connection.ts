// One connection to the origin, over which one answer after another is read straight into the buffer that wants it.
// Not HTTP at large (reply-head.ts says how little of it), and not the choice of a connection (origin-line.ts).
// Invariant: a buffer of a reply is lent to the system only while that reply fills it; every call that `send` took ends in one of
// `answered` and `gone`.

import { connect, type Socket } from 'node:net'
import { KIB } from '@evastream/core/units'
import type { Timers } from '@evastream/service-kit/system-clock'
import { CONNECT_TIMEOUT_MS, connectTimeout, keptSilent } from './http-line.ts'
import type { OriginReply } from './origin-reply.ts'
import { parseReplyHead } from './reply-head.ts'

export interface OriginCall {
  /** The request, head and all. */
  readonly text: string
  readonly reply: OriginReply
}

export interface ConnectionListener {
  /** The answer has ended, and the connection is free. */
  answered(): void
  /** It has ended. Of its call, if it had one, `outcome` tells what became. */
  gone(outcome: ConnectionEnd): void
}

export type ConnectionEnd =
  /** The call is settled, or there is none. */
  | { readonly kind: 'over' }
  /** Nothing came for it, because the connection was at its end before. */
  | { readonly kind: 'unasked'; readonly call: OriginCall }
  /** The answer is not one that is understood here. */
  | { readonly kind: 'odd'; readonly call: OriginCall }

/** As much as Node allows a head. What of a body comes with it is copied. */
const HEAD_MAX_BYTES = 16 * KIB
const REPLY_BEGINNING = 'HTTP/1.'
const END_OF_HEAD = '\r\n\r\n'

export interface ConnectionOptions {
  readonly host: string
  readonly port: number
  /** The longest that it may keep silent; one at rest is given up after as long. */
  readonly silenceTimeoutMs: number
}

export class OriginConnection {
  readonly #socket: Socket
  readonly #listener: ConnectionListener
  readonly #scratch = Buffer.allocUnsafeSlow(HEAD_MAX_BYTES)
  #headBytes = 0
  #call: OriginCall | undefined
  /** Of the body under way; undefined before its head is here. */
  #bodyLeftBytes: number | undefined
  #isKept = true
  #isUsed = false
  #isOver = false

  constructor(deps: { readonly listener: ConnectionListener; readonly timers: Pick<Timers, 'after'> }, options: ConnectionOptions) {
    const { host, port, silenceTimeoutMs } = options
    this.#listener = deps.listener
    // The system asks for a buffer after each call of `callback`, and holds it until the next bytes come.
    const onread = {
      buffer: () => this.#room(),
      callback: (sizeBytes: number, buffer: Uint8Array) => {
        this.#received(buffer.subarray(0, sizeBytes))
        return true
      },
    }
    const socket = connect({ host, port, noDelay: true, timeout: silenceTimeoutMs, onread })
    this.#socket = socket
    const stop = deps.timers.after(CONNECT_TIMEOUT_MS, () => this.#end(connectTimeout()))
    socket
      .once('connect', stop)
      .on('error', error => this.#end(error))
      .once('end', () => this.#end(hungUp()))
      .once('close', () => {
        stop()
        this.#end(hungUp())
      })
      .on('timeout', () => this.#end(keptSilent()))
  }

  /** It is free: there is no other call on it. */
  send(call: OriginCall): void {
    this.#call = call
    this.#socket.ref()
    this.#socket.write(call.text, 'latin1')
  }

  /** Ends it, and says nothing to its call. */
  destroy(): void {
    this.#call = undefined
    this.#close({ kind: 'over' })
  }

  #room(): Uint8Array {
    const body = this.#bodyLeftBytes === undefined ? undefined : this.#call?.reply.room(this.#bodyLeftBytes)
    return body ?? this.#scratch.subarray(this.#headBytes)
  }

  #received(bytes: Uint8Array): void {
    if (this.#isOver) return
    if (this.#call === undefined) this.#end(hungUp())
    else if (this.#bodyLeftBytes === undefined) this.#headCame(this.#call, bytes.length)
    else this.#bodyCame(this.#call, this.#bodyLeftBytes, bytes)
  }

  #headCame(call: OriginCall, sizeBytes: number): void {
    this.#headBytes += sizeBytes
    const received = this.#scratch.subarray(0, this.#headBytes)
    const endBytes = received.indexOf(END_OF_HEAD, Math.max(0, this.#headBytes - sizeBytes - END_OF_HEAD.length), 'latin1')
    if (endBytes < 0 && this.#headBytes < HEAD_MAX_BYTES) return
    const head = endBytes < 0 ? undefined : parseReplyHead(received.toString('latin1', 0, endBytes))
    const isRefusal = head !== undefined && head.status !== 200 && head.status !== 206
    if (head === undefined || (head.lengthBytes === undefined && !isRefusal)) {
      this.#call = undefined
      this.#close({ kind: 'odd', call })
      return
    }
    call.reply.headCame(head.status, head.headers)
    if (head.lengthBytes === undefined) {
      this.destroy()
      return
    }
    this.#isKept = head.isKept
    this.#headBytes = 0
    this.#bodyCame(call, head.lengthBytes, received.subarray(endBytes + END_OF_HEAD.length))
  }

  #bodyCame({ reply }: OriginCall, leftBytes: number, bytes: Uint8Array): void {
    const own = bytes.subarray(0, leftBytes)
    this.#bodyLeftBytes = leftBytes - own.length
    if (own.length > 0) reply.bytesCame(own)
    if (this.#isOver || this.#bodyLeftBytes > 0) return
    this.#call = undefined
    this.#bodyLeftBytes = undefined
    this.#isUsed = true
    reply.ended()
    // Nobody has asked for more.
    if (!this.#isKept || bytes.length > own.length) this.#close({ kind: 'over' })
    else {
      // A connection at rest keeps no process alive.
      this.#socket.unref()
      this.#listener.answered()
    }
  }

  #end(error: Error): void {
    if (this.#isOver) return
    const call = this.#call
    const kind = call === undefined ? 'over' : this.#endOf(error)
    this.#call = undefined
    if (call === undefined || kind === 'over') {
      call?.reply.failed(error)
      this.#close({ kind: 'over' })
    } else this.#close({ kind, call })
  }

  #endOf(error: Error): ConnectionEnd['kind'] {
    if (this.#bodyLeftBytes !== undefined || error.name === 'TimeoutError') return 'over'
    // A head that is cut says nothing of the origin's ways, unless it is none.
    if (this.#headBytes > 0) return this.#beginsAsReply() ? 'over' : 'odd'
    return this.#isUsed ? 'unasked' : 'over'
  }

  #beginsAsReply(): boolean {
    const beginning = this.#scratch.toString('latin1', 0, Math.min(this.#headBytes, REPLY_BEGINNING.length))
    return REPLY_BEGINNING.startsWith(beginning)
  }

  #close(end: ConnectionEnd): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#socket.destroy()
    this.#listener.gone(end)
  }
}

function hungUp(): Error {
  return Object.assign(new Error('The other side closed the connection.'), { code: 'ECONNRESET' })
}
