// The line to an origin that speaks plain HTTP: connections that are kept, bounded in number, and read into the chunks' own buffers.
// Not for TLS, and not for answers that do not tell their length: those go by Node's client (http-line.ts). No redirect is followed.
// Invariant: a call ends with its reply's, or is handed to `onOdd`; asked again is only what a connection at its end could not ask.

import { systemTimers, type Timers } from '@evastream/service-kit/system-clock'
import { type ConnectionEnd, type OriginCall, OriginConnection } from './origin-connection.ts'
import type { OriginReply } from './origin-reply.ts'
import type { ServiceAddress } from './service-address.ts'

export interface OriginLineOptions {
  readonly connectionsMax: number
  readonly silenceTimeoutMs: number
}

interface LineCall extends OriginCall {
  /** Told of an answer that only Node's client can read; nothing of it has reached the reply. */
  readonly onOdd: () => void
}

const HTTP_PORT = 80

export class OriginLine {
  readonly #address: ServiceAddress
  readonly #url: URL
  readonly #options: OriginLineOptions
  readonly #timers: Pick<Timers, 'after'>
  /** With the call that each has; the idle ones stand in `#idle` as well. */
  readonly #connections = new Map<OriginConnection, LineCall | undefined>()
  readonly #idle: OriginConnection[] = []
  readonly #waiting: LineCall[] = []

  constructor(address: ServiceAddress, options: OriginLineOptions, timers: Pick<Timers, 'after'> = systemTimers) {
    this.#address = address
    this.#url = new URL(address.origin)
    this.#options = options
    this.#timers = timers
  }

  fetch(path: string, reply: OriginReply, onOdd: () => void): void {
    const { range } = reply.rangeHeader
    const asked = range === undefined ? '' : `range: ${range}\r\n`
    const text = `GET ${this.#address.path}${path} HTTP/1.1\r\naccept: application/octet-stream\r\n${asked}host: ${this.#url.host}\r\nconnection: keep-alive\r\n\r\n`
    const call: LineCall = { text, reply, onOdd }
    reply.began({ abort: () => this.#abort(call) })
    this.#waiting.push(call)
    this.#serve()
  }

  /** Connections end at once; their calls are the caller's, who knows why. */
  close(): void {
    const calls = [...this.#connections.values(), ...this.#waiting.splice(0)]
    for (const connection of [...this.#connections.keys()]) connection.destroy()
    for (const call of calls) call?.reply.failed(new DOMException('The line was closed.', 'AbortError'))
  }

  #abort(call: LineCall): void {
    const place = this.#waiting.indexOf(call)
    if (place >= 0) this.#waiting.splice(place, 1)
    for (const [connection, its] of this.#connections) if (its === call) connection.destroy()
  }

  #serve(): void {
    while (this.#waiting.length > 0) {
      const connection = this.#idle.pop() ?? this.#open()
      const call = connection === undefined ? undefined : this.#waiting.shift()
      if (connection === undefined || call === undefined) return
      this.#connections.set(connection, call)
      connection.send(call)
    }
  }

  #open(): OriginConnection | undefined {
    const { connectionsMax, silenceTimeoutMs } = this.#options
    if (this.#connections.size >= connectionsMax) return undefined
    const host = this.#url.hostname.replace(/^\[(.*)\]$/, '$1')
    const port = this.#url.port === '' ? HTTP_PORT : Number(this.#url.port)
    const connection: OriginConnection = new OriginConnection(
      {
        timers: this.#timers,
        listener: {
          answered: () => this.#answered(connection),
          gone: end => this.#gone(connection, end),
        },
      },
      { host, port, silenceTimeoutMs },
    )
    this.#connections.set(connection, undefined)
    return connection
  }

  #answered(connection: OriginConnection): void {
    this.#connections.set(connection, undefined)
    this.#idle.push(connection)
    this.#serve()
  }

  #gone(connection: OriginConnection, end: ConnectionEnd): void {
    const call = this.#connections.get(connection)
    this.#connections.delete(connection)
    const place = this.#idle.indexOf(connection)
    if (place >= 0) this.#idle.splice(place, 1)
    if (call !== undefined && end.kind === 'unasked') this.#waiting.unshift(call)
    if (call !== undefined && end.kind === 'odd') call.onOdd()
    this.#serve()
  }
}
