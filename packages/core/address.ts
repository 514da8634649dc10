// The addresses of peers: which spelling is accepted, how far an address reaches, and who may be dialled.
// Not a resolver: names are refused, only literals count, so nothing can change between the check and the dial.
// Invariant: whatever is not the one canonical spelling of a known kind of address is `forbidden`;
// the net module takes `127.1`, `0x7f.1` and `2130706433` for loopback, this file takes them for nothing.

import ipaddr from 'ipaddr.js'

/** How far an address reaches. `forbidden`: not canonical, a name, or of a range no peer can live in. */
export type AddressScope = 'loopback' | 'private' | 'public' | 'forbidden'

/** A range of addresses, as an operator lists them; made by `parseAddressRange` alone. */
export interface AddressRange {
  readonly network: ipaddr.IPv4 | ipaddr.IPv6
  readonly prefixBits: number
}

// The library's names for special ranges, as far as a peer may live there. Tunnels, translators (64:ff9b::, 2002::, Teredo),
// mapped, link-local, multicast, documentation and unassigned ranges are absent on purpose.
const scopeOfRange: ReadonlyMap<string, AddressScope> = new Map([
  ['loopback', 'loopback'],
  ['private', 'private'],
  ['carrierGradeNat', 'private'],
  ['uniqueLocal', 'private'],
  ['unicast', 'public'],
])

const globalUnicast6: readonly [ipaddr.IPv6, number] = [ipaddr.IPv6.parse('2000::'), 3]

/** The reach of a canonical IP literal; `forbidden` for anything else. */
export function addressScope(host: string): AddressScope {
  const address = parseCanonical(host)
  if (address === undefined) return 'forbidden'
  const scope = scopeOfRange.get(address.range()) ?? 'forbidden'
  return scope === 'public' && address instanceof ipaddr.IPv6 && !address.match(globalUnicast6[0], globalUnicast6[1]) ? 'forbidden' : scope
}

/** What a socket calls its other end, as the literal we list: an IPv4 address seen through an IPv6 socket is that IPv4 address. */
export function observedHost(remoteAddress: string | undefined): string | undefined {
  if (remoteAddress === undefined) return undefined
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(remoteAddress)
  const host = mapped?.[1] ?? remoteAddress
  return parseCanonical(host) === undefined ? undefined : host
}

/** A range in CIDR form with all host bits zero, or a single address; undefined for anything else. */
export function parseAddressRange(text: string): AddressRange | undefined {
  const [host = '', prefix, ...rest] = text.split('/')
  const network = parseCanonical(host)
  if (network === undefined || rest.length > 0) return undefined
  const addressBits = network.toByteArray().length * 8
  if (prefix === undefined) return { network, prefixBits: addressBits }
  const prefixBits = Number(prefix)
  if (!/^(0|[1-9]\d{0,2})$/.test(prefix) || prefixBits > addressBits) return undefined
  return hasHostBits(network.toByteArray(), prefixBits) ? undefined : { network, prefixBits }
}

/** Whether a canonical literal lies in one of the ranges. A forbidden address lies in none. */
export function isInRanges(host: string, ranges: readonly AddressRange[]): boolean {
  if (addressScope(host) === 'forbidden') return false
  const address = parseCanonical(host)
  return (
    address !== undefined && ranges.some(range => address.kind() === range.network.kind() && address.match(range.network, range.prefixBits))
  )
}

/**
 * Whether a peer may dial what its tracker named: a stranger's tracker must not send us into our own network.
 * A public address always; a private one from a private (or loopback) tracker; a loopback one from a loopback tracker.
 */
export function mayDial(target: { readonly host: string; readonly trackerScope: AddressScope }): boolean {
  const { host, trackerScope } = target
  switch (addressScope(host)) {
    case 'public':
      return trackerScope !== 'forbidden'
    case 'private':
      return trackerScope === 'private' || trackerScope === 'loopback'
    case 'loopback':
      return trackerScope === 'loopback'
    case 'forbidden':
      return false
  }
}

function parseCanonical(host: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  if (host.length > 39) return undefined
  if (ipaddr.IPv4.isValidFourPartDecimal(host)) return ipaddr.IPv4.parse(host)
  if (host.includes('%') || !ipaddr.IPv6.isValid(host)) return undefined
  const address = ipaddr.IPv6.parse(host)
  return address.toRFC5952String() === host ? address : undefined
}

function hasHostBits(bytes: readonly number[], prefixBits: number): boolean {
  return bytes.some((byte, index) => {
    const networkBits = Math.min(8, Math.max(0, prefixBits - index * 8))
    return (byte & (0xff >> networkBits)) !== 0
  })
}
