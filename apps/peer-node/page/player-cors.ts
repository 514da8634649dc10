// Which pages of other origins may play songs from this peer, and the headers that let them (Fetch standard, "HTTP extensions").
// Not the guard itself (loopback-guard.ts) and not a way to drive the peer: only audio is let through, never /api.
// Invariant: a page that is not listed gets no Access-Control header at all.

import type { HttpReply, HttpRequest } from '@evastream/service-kit/http-app'

const EXPOSED_HEADERS = 'Accept-Ranges, Content-Length, Content-Range, Content-Type, ETag'
const ALLOWED_HEADERS = 'Range, If-Range, If-None-Match'
const ALLOWED_METHODS = 'GET, HEAD, OPTIONS'
const PREFLIGHT_MAX_AGE_SECONDS = 600

export class PlayerCors {
  readonly #origins: ReadonlySet<string>

  constructor(options: { readonly origins: readonly string[] }) {
    this.#origins = new Set(options.origins.map(origin => origin.toLowerCase()))
  }

  /** Lets a listed page read the answer. */
  allow(request: Pick<HttpRequest, 'headers'>, reply: Pick<HttpReply, 'headers'>): void {
    if (this.#origins.size === 0) return
    reply.headers({ vary: 'Origin' })
    const { origin } = request.headers
    if (origin === undefined || !this.#origins.has(origin.toLowerCase())) return
    reply.headers({ 'access-control-allow-origin': origin, 'access-control-expose-headers': EXPOSED_HEADERS })
  }

  /** Answers the question that a browser asks before a request with headers of its own. */
  answerPreflight(request: Pick<HttpRequest, 'headers'>, reply: HttpReply): HttpReply {
    this.allow(request, reply)
    reply.headers({
      'access-control-allow-methods': ALLOWED_METHODS,
      'access-control-allow-headers': ALLOWED_HEADERS,
      'access-control-max-age': PREFLIGHT_MAX_AGE_SECONDS,
    })
    // A page from the internet asks this before it may reach into the listener's own network.
    if (request.headers['access-control-request-private-network'] === 'true')
      reply.headers({ 'access-control-allow-private-network': 'true' })
    return reply.code(204).send()
  }
}
