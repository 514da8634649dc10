// Whether anybody answers at a peer's address: the tracker's own look at a peer that another one called dead.
// Not a handshake: a connection that opens is enough, for what follows only the peers' protocol can tell.
// Invariant: one dial at a time for each peer, DIALS_MAX at once, none longer than its timeout; what was not tried counts as reachable.

import { connect } from 'node:net'
import { SECOND_MS } from '@evastream/core/units'
import type { PeerRecord } from './swarm-registry.ts'

const DIAL_TIMEOUT_MS = 2 * SECOND_MS
const DIALS_MAX = 64

export class ReachabilityCheck {
  readonly #dialled = new Set<string>()

  async isReachable({ peerId, host, port }: Pick<PeerRecord, 'peerId' | 'host' | 'port'>): Promise<boolean> {
    if (this.#dialled.size >= DIALS_MAX || this.#dialled.has(peerId)) return true
    this.#dialled.add(peerId)
    try {
      return await answers(host, port)
    } finally {
      this.#dialled.delete(peerId)
    }
  }
}

function answers(host: string, port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ host, port, timeout: DIAL_TIMEOUT_MS })
    const end = (isReachable: boolean) => {
      socket.destroy()
      resolve(isReachable)
    }
    socket.once('connect', () => end(true))
    socket.once('timeout', () => end(false))
    socket.once('error', () => end(false))
  })
}
