// How far this node's tracker is: it decides which addresses the node lets itself be sent to.
// Not the rule itself (packages/core/address.ts).
// Invariant: while the tracker's address is not known it counts as a public one, which may name the fewest addresses.

import { lookup } from 'node:dns/promises'
import { type AddressScope, addressScope, mayDial } from '@evastream/core/address'
import { lossless } from '../store/storage-fault.ts'

export type ResolveHost = (name: string) => Promise<{ readonly address: string }>

export class TrackerScope {
  readonly #resolveHost: ResolveHost
  readonly #hostname: string
  #scope: AddressScope = 'public'

  constructor(deps: { readonly resolveHost?: ResolveHost }, options: { readonly trackerUrl: string }) {
    this.#resolveHost = deps.resolveHost ?? lookup
    this.#hostname = new URL(options.trackerUrl).hostname.replace(/^\[|\]$/g, '')
  }

  /** Looks the tracker's name up, again whenever it may have moved; a failed look-up changes nothing. */
  async refresh(): Promise<void> {
    const address = (await this.#resolveHost(this.#hostname).catch(lossless))?.address
    const scope = address === undefined ? undefined : addressScope(address)
    if (scope !== undefined && scope !== 'forbidden') this.#scope = scope
  }

  mayDial(host: string): boolean {
    return mayDial({ host, trackerScope: this.#scope })
  }
}
