// How many connections are let in: in all, and from one address.
// Not a ban, and not a rate: whoever leaves makes room.
// Invariant: loopback has no limit of its own, because everybody on this machine shares it.

import { addressScope } from '@evastream/core/address'

export interface ConnectionLimitsOptions {
  readonly connectionsMax: number
  readonly connectionsPerAddressMax: number
}

export class ConnectionLimits {
  readonly #options: ConnectionLimitsOptions
  readonly #countByHost = new Map<string, number>()
  #count = 0

  constructor(options: ConnectionLimitsOptions) {
    this.#options = options
  }

  /** @returns false when there is no room; a connection that was let in is given back with `leave`. */
  enter(host: string): boolean {
    const { connectionsMax, connectionsPerAddressMax } = this.#options
    const fromHost = this.#countByHost.get(host) ?? 0
    if (this.#count >= connectionsMax || (fromHost >= connectionsPerAddressMax && addressScope(host) !== 'loopback')) return false
    this.#count++
    this.#countByHost.set(host, fromHost + 1)
    return true
  }

  leave(host: string): void {
    const fromHost = (this.#countByHost.get(host) ?? 0) - 1
    this.#count--
    if (fromHost > 0) this.#countByHost.set(host, fromHost)
    else this.#countByHost.delete(host)
  }
}
