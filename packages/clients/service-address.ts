// Where a service is: its base URL in two parts, as requests need them.
// Not a look-up, and not what is asked there.
// Invariant: only http and https, with nothing in it that a request would have to carry along.

import { EvaError } from '@evastream/core/errors'

/** `path` is empty or a prefix without a slash at its end. */
export interface ServiceAddress {
  readonly origin: string
  readonly path: string
}

/** @throws EvaError `EVA_CONFIG_INVALID` */
export function parseServiceAddress(service: string, baseUrl: string): ServiceAddress {
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : undefined
  if (url === undefined || !['http:', 'https:'].includes(url.protocol) || url.search !== '' || url.hash !== '' || url.username !== '')
    throw new EvaError('EVA_CONFIG_INVALID', { details: { key: service, reason: `"${baseUrl}" is not an http:// or https:// address` } })
  return { origin: url.origin, path: url.pathname.replace(/\/+$/, '') }
}
