// The door of a server that only this machine's own user may drive: it refuses what other web pages send.
// Not authentication: programs of this machine get in; strangers' pages and rebound DNS names do not.
// Invariant: a request passes only when Host names loopback (or a listed host) and its page, if it has one, is our own (or listed).

import type { IncomingHttpHeaders } from 'node:http'
import { EvaError } from '@evastream/core/errors'

export interface LoopbackGuardOptions {
  /** Further hosts that may stand in Host, for one port (`player.lan:8090`) or for any (`192.168.1.5`). */
  readonly allowedHosts?: readonly string[]
  /** Further origins whose pages may drive us: `http://127.0.0.1:8081`. */
  readonly allowedOrigins?: readonly string[]
}

const LOOPBACK_HOST_EXPRESSION = /^(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/i

const PORT_EXPRESSION = /:\d{1,5}$/

/** A Fastify `onRequest` hook; it throws EvaError `EVA_ORIGIN_FORBIDDEN`. */
export function loopbackGuard(options: LoopbackGuardOptions = {}): (request: { readonly headers: IncomingHttpHeaders }) => Promise<void> {
  const hosts = new Set((options.allowedHosts ?? []).map(host => host.toLowerCase()))
  const origins = new Set((options.allowedOrigins ?? []).map(origin => origin.toLowerCase()))
  return async ({ headers }) => {
    const host = (headers.host ?? '').toLowerCase()
    if (!LOOPBACK_HOST_EXPRESSION.test(host) && !hosts.has(host) && !hosts.has(host.replace(PORT_EXPRESSION, '')))
      throw forbidden(`the host "${host.slice(0, 64)}"`)
    const origin = headers.origin?.toLowerCase()
    if (origin !== undefined) {
      if (origin !== `http://${host}` && origin !== `https://${host}` && !origins.has(origin))
        throw forbidden(`the page at "${origin.slice(0, 64)}"`)
    } else if (headers['sec-fetch-site'] === 'cross-site' && headers['sec-fetch-mode'] !== 'navigate')
      throw forbidden('a page of another site')
  }
}

function forbidden(value: string): EvaError {
  return new EvaError('EVA_ORIGIN_FORBIDDEN', { details: { value } })
}
