// At which address a peer is listed: the one its registration came from, unless a claim may count.
// Not a check that anybody answers there.
// Invariant: whoever registers over the network cannot list a stranger's address, so the tracker is nobody's weapon.
//
// A claimed `host` counts when the registration came over loopback (a peer beside the tracker says where others find it),
// or when the claimed address lies in a range that the operator listed (`--trusted-ranges`).

import { type AddressRange, addressScope, isInRanges, observedHost } from '@evastream/core/address'
import { EvaError } from '@evastream/core/errors'

export interface AddressClaim {
  /** What the socket calls its other end. */
  readonly remoteAddress: string | undefined
  readonly claimedHost: string | undefined
}

export interface AddressVerdict {
  /** Where the registration came from. */
  readonly observedHost: string
  /** Where others are told to find the peer. */
  readonly host: string
}

/** @throws EvaError `EVA_HOST_NOT_ALLOWED` */
export function judgeAddress(claim: AddressClaim, trustedRanges: readonly AddressRange[]): AddressVerdict {
  const observed = observedHost(claim.remoteAddress)
  if (observed === undefined || addressScope(observed) === 'forbidden') throw notAllowed(claim.remoteAddress ?? 'unknown')
  const claimed = claim.claimedHost ?? observed
  const mayClaim =
    claimed === observed ||
    isInRanges(claimed, trustedRanges) ||
    (addressScope(observed) === 'loopback' && addressScope(claimed) !== 'forbidden')
  if (!mayClaim) throw notAllowed(claimed)
  return { observedHost: observed, host: claimed }
}

function notAllowed(host: string): EvaError {
  return new EvaError('EVA_HOST_NOT_ALLOWED', { details: { host: host.slice(0, 64) } })
}
