// How many connections to other peers there are: in both directions together, and let in from one address.
// Not a ban, and not a rate: whoever leaves makes room.
// Why the two directions share like this: somebody's dialled connection is somebody else's accepted one, so in a swarm of equals each
// direction needs about half. Dialled ones take at most half, for more neighbours find no more; accepted ones may use what is
// left, so that a node that has every song serves many, but a quarter stays free for dialling: strangers who
// come first must not keep a listener from its music.
// Invariant: dialled and accepted together never exceed `connectionsMax`; loopback has no limit of its own, because everybody on this
// machine shares it.

import { addressScope } from '@evastream/core/address'

/** Half of them dialled: enough neighbours to find every chunk early, few enough that each uplink serves each of them well. */
export const DEFAULT_CONNECTIONS_MAX = 60
/** From one address that is not loopback: a household behind one router, not a crowd of one. */
const DEFAULT_CONNECTIONS_PER_ADDRESS_MAX = 16

export interface ConnectionLimitsOptions {
  readonly connectionsMax?: number
  readonly connectionsPerAddressMax?: number
}

export class ConnectionLimits {
  readonly dialledMax: number
  readonly #connectionsMax: number
  readonly #perAddressMax: number
  readonly #acceptedByHost = new Map<string, number>()
  #acceptedCount = 0
  #dialledCount = 0

  constructor({ connectionsMax, connectionsPerAddressMax }: ConnectionLimitsOptions = {}) {
    this.#connectionsMax = connectionsMax ?? DEFAULT_CONNECTIONS_MAX
    this.#perAddressMax = connectionsPerAddressMax ?? DEFAULT_CONNECTIONS_PER_ADDRESS_MAX
    this.dialledMax = Math.ceil(this.#connectionsMax / 2)
  }

  get acceptedMax(): number {
    if (this.#connectionsMax === 1) return 1
    return this.#connectionsMax - Math.max(1, Math.floor(this.#connectionsMax / 4))
  }

  get mayDial(): boolean {
    return this.#dialledCount < this.dialledMax && this.#hasRoom
  }

  /** A connection is being dialled; given back with `hungUp`. To be asked before: `mayDial`. */
  dialled(): void {
    this.#dialledCount++
  }

  hungUp(): void {
    this.#dialledCount--
  }

  /** @returns false when there is no room; a connection that was let in is given back with `leave`. */
  enter(host: string): boolean {
    const fromHost = this.#acceptedByHost.get(host) ?? 0
    if (this.#acceptedCount >= this.acceptedMax || !this.#hasRoom) return false
    if (fromHost >= this.#perAddressMax && addressScope(host) !== 'loopback') return false
    this.#acceptedCount++
    this.#acceptedByHost.set(host, fromHost + 1)
    return true
  }

  leave(host: string): void {
    const fromHost = (this.#acceptedByHost.get(host) ?? 0) - 1
    this.#acceptedCount--
    if (fromHost > 0) this.#acceptedByHost.set(host, fromHost)
    else this.#acceptedByHost.delete(host)
  }

  get #hasRoom(): boolean {
    return this.#dialledCount + this.#acceptedCount < this.#connectionsMax
  }
}
