// Under which address this machine is known in the local network.
// Not name resolution: people and peers are given a number that works.
// Invariant: a private IPv4 address of an interface that is up, or an error that says what to do.

import { networkInterfaces } from 'node:os'
import { EvaError } from '@evastream/core/errors'

/** Bridges of containers and virtual machines are private too, and nobody else is on them. */
const VIRTUAL_NAME = /^(docker|br-|veth|virbr|vmnet|tun|tap|wg|zt|tailscale)/
const PRIVATE_ADDRESS = /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.)/

type Interfaces = ReturnType<typeof networkInterfaces>

/** @throws EvaError `EVA_HOST_UNAVAILABLE` on a machine without one */
export function lanAddress(interfaces: Interfaces = networkInterfaces()): string {
  const candidates = Object.entries(interfaces).flatMap(([name, addresses = []]) =>
    addresses
      .filter(({ family, internal, address }) => family === 'IPv4' && !internal && PRIVATE_ADDRESS.test(address))
      .map(({ address }) => ({ address, isVirtual: VIRTUAL_NAME.test(name) })),
  )
  const best = candidates.find(({ isVirtual }) => !isVirtual) ?? candidates[0]
  if (best === undefined) throw new EvaError('EVA_HOST_UNAVAILABLE', { details: { host: 'in a local network', flag: '--host' } })
  return best.address
}
