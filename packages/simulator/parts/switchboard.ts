// Who can be dialled: finds the serving end of a peer id, and keeps every connection so that faults can reach them.
// Not the dialling itself (simulated-connection.ts) nor whom to dial (simulated-dialer.ts).
// Invariant: at most one serving end per peer id, the one of its present process.

import { assert } from '@evastream/core/assert'
import type { PeerId } from '@evastream/core/ids'
import type { VirtualClock } from '../virtual-clock.ts'
import { type AskingEnd, type ServingEnd, SimulatedConnection } from './simulated-connection.ts'
import type { SimulatedNetwork } from './simulated-network.ts'

export class Switchboard {
  readonly #clock: VirtualClock
  readonly #network: SimulatedNetwork
  readonly #servers = new Map<PeerId, ServingEnd>()
  readonly #powerless = new Set<PeerId>()
  #connections: SimulatedConnection[] = []

  constructor(deps: { readonly clock: VirtualClock; readonly network: SimulatedNetwork }) {
    this.#clock = deps.clock
    this.#network = deps.network
  }

  plugIn(server: ServingEnd): void {
    this.#powerless.delete(server.peerId)
    this.#servers.set(server.peerId, server)
  }

  /** @returns the connection being made. */
  dial(asker: AskingEnd, peerId: PeerId): SimulatedConnection {
    const server = this.#servers.get(peerId)
    assert(server !== undefined, `${peerId} was listed and never there`)
    const connection = new SimulatedConnection({ clock: this.#clock, network: this.#network }, { asker, server })
    this.#connections = this.#connections.filter(other => !other.isOver)
    this.#connections.push(connection)
    connection.dial(this.#powerless.has(peerId))
    return connection
  }

  /** The process of these two ends is gone; loudly (its sockets are reset) or silently (its machine is off). */
  unplug(server: ServingEnd, asker: AskingEnd | undefined, isSilent: boolean): void {
    if (isSilent) this.#powerless.add(server.peerId)
    for (const connection of this.#connections) {
      const end = connection.asker === asker ? 'asker' : connection.server === server ? 'server' : undefined
      if (end === undefined || connection.isOver) continue
      if (isSilent) {
        connection.forgetEnd(end)
        connection.goMute()
      } else if (end === 'asker') connection.hangUp()
      else connection.reset()
    }
  }

  /** Cuts what a peer has open, both ways; both ends notice at once. */
  cut(server: ServingEnd, asker: AskingEnd): void {
    for (const connection of this.#connections) if (connection.asker === asker || connection.server === server) connection.breakNow()
  }

  /** After hosts changed their groups: lines between groups go dead. */
  muteSevered(): void {
    for (const connection of this.#connections)
      if (this.#network.areApart(connection.asker.host, connection.server.host)) connection.goMute()
  }
}
