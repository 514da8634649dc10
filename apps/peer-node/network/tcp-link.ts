// TCP sockets as links: one that was accepted, and one that is dialled.
// Not a policy: timeouts, limits and addresses are judged by whoever holds the link.
// Invariant: a dialled socket reads into one buffer of its own (`onread`), so receiving allocates nothing per packet, and writes once in
// each turn of the loop: what is acknowledged and what is asked for next is one packet, for both sides.

import { connect, type Socket } from 'node:net'
import { observedHost } from '@evastream/core/address'
import { KIB } from '@evastream/core/units'
import type { PeerLink, PeerLinkListener } from './peer-link.ts'

/** How much a dialled socket reads at once: fewer calls per megabyte against memory per connection. */
const READ_BUFFER_BYTES = 128 * KIB

export interface LinkAddress {
  readonly host: string
  readonly port: number
}

/** `onread` has no effect on accepted sockets; what comes in there is control frames only. */
export function acceptTcpLink(socket: Socket): PeerLink {
  return new TcpLink(listener => {
    socket.on('data', bytes => listener.received(bytes))
    listener.opened()
  }, socket)
}

/** Dials at once; whoever calls `listen` in the same turn of the event loop misses nothing. */
export function dialTcpLink({ host, port }: LinkAddress): PeerLink {
  let read: (bytes: Uint8Array) => void = () => undefined
  const socket = connect({
    host,
    port,
    noDelay: true,
    onread: {
      buffer: Buffer.allocUnsafeSlow(READ_BUFFER_BYTES),
      callback(sizeBytes, buffer) {
        read(sizeBytes === buffer.length ? buffer : buffer.subarray(0, sizeBytes))
        return true
      },
    },
  })
  return new DialledLink(listener => {
    read = bytes => listener.received(bytes)
    socket.once('connect', () => listener.opened())
  }, socket)
}

class TcpLink implements PeerLink {
  readonly #attach: (listener: PeerLinkListener) => void
  protected readonly socket: Socket

  constructor(attach: (listener: PeerLinkListener) => void, socket: Socket) {
    this.#attach = attach
    this.socket = socket
  }

  get remoteHost(): string {
    return observedHost(this.socket.remoteAddress) ?? ''
  }

  get bufferedBytes(): number {
    return this.socket.writableLength
  }

  listen(listener: PeerLinkListener): void {
    let cause: unknown
    this.socket.on('error', error => {
      cause = error
    })
    this.socket.on('drain', () => listener.drained())
    // Who says no more also hears no more: what waits would otherwise keep the socket for as long as they do not read.
    this.socket.once('end', () => this.socket.destroy())
    this.socket.once('close', () => listener.closed(cause))
    this.#attach(listener)
  }

  send(...parts: readonly Uint8Array[]): void {
    if (!this.socket.writable) return
    if (parts.length > 1) this.socket.cork()
    for (const part of parts) this.socket.write(part)
    if (parts.length > 1) this.socket.uncork()
  }

  end(): void {
    this.socket.end()
  }

  destroy(): void {
    this.socket.destroy()
  }
}

/** What it sends is small, and often followed by more. */
class DialledLink extends TcpLink {
  #waiting: Uint8Array[] = []

  override get bufferedBytes(): number {
    return this.#waiting.reduce((sum, { length }) => sum + length, super.bufferedBytes)
  }

  override send(...parts: readonly Uint8Array[]): void {
    if (!this.socket.writable) return
    if (this.#waiting.length === 0) setImmediate(() => this.#flush())
    this.#waiting.push(...parts)
  }

  override end(): void {
    this.#flush()
    super.end()
  }

  override destroy(): void {
    this.#flush()
    super.destroy()
  }

  #flush(): void {
    const parts = this.#waiting
    this.#waiting = []
    if (parts.length > 0) super.send(parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts))
  }
}
