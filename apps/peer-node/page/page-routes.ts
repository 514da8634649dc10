// The listener's page over the peer's own HTTP interface: its files at /, and what it may know of who serves it.
// Not behind a guard of its own: player-routes.ts guards the whole server.
// Invariant: the page runs its own scripts only, speaks to this address only, and stands in nobody's frame; and since it is served
// over plain HTTP at home, nothing asks the browser for another scheme.

import { readdirSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { EvaError } from '@evastream/core/errors'
import { PageAbout } from '@evastream/protocol/page-http'
import type { HttpApp, HttpReply, HttpRequest } from '@evastream/service-kit/http-app'

export interface PageRoutesDeps {
  about(): PageAbout
  /** Where the built page lies; undefined: it was not built. */
  readonly pageDirectory: string | undefined
}

const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "font-src 'self'",
  "img-src 'self' data: blob:",
  "media-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** Named by their content: another content has another name. */
const ASSETS_PREFIX = '/assets/'
const INDEX = 'index.html'
const UNDOCUMENTED: object = { hide: true }
const FOR_EVER = 'public, max-age=31536000, immutable'

export async function addPageRoutes(app: HttpApp, { about, pageDirectory }: PageRoutesDeps): Promise<void> {
  const schema = { tags: ['page'], summary: 'Who serves the page, and what it may do here', response: { 200: PageAbout } }
  app.get('/api/about', { schema }, async (_request, reply) => {
    reply.header('cache-control', 'no-store')
    return about()
  })
  if (pageDirectory === undefined) {
    app.get('/', async () => {
      throw new EvaError('EVA_PAGE_NOT_BUILT')
    })
    return
  }
  await app.register(async pages => {
    pages.addHook('onRequest', async ({ url }, reply) => {
      reply.headers({ 'content-security-policy': PAGE_POLICY, 'cache-control': url.startsWith(ASSETS_PREFIX) ? FOR_EVER : 'no-cache' })
    })
    // One route for each file there is: whatever else is asked for is no file of the page, and no path leads out of it.
    for (const path of filesBelow(pageDirectory)) {
      const handler = async (request: HttpRequest, reply: HttpReply) => sendFile(request, reply, { root: pageDirectory, path })
      for (const url of path === INDEX ? ['/', `/${INDEX}`] : [`/${path}`])
        pages.route({ method: ['GET', 'HEAD'], exposeHeadRoute: false, url, handler, schema: UNDOCUMENTED })
    }
  })
}

/** Relative, with slashes. */
function filesBelow(root: string): string[] {
  const entries = readdirSync(root, { recursive: true, withFileTypes: true })
  return entries.filter(entry => entry.isFile()).map(({ parentPath, name }) => relative(root, join(parentPath, name)).replaceAll(sep, '/'))
}

/** Loaded with the first file somebody asks for: most peers show their page to nobody. */
async function sendFile({ raw }: HttpRequest, reply: HttpReply, { root, path }: { root: string; path: string }): Promise<HttpReply> {
  const { send } = await import('@fastify/send')
  const name = path.split('/').map(encodeURIComponent).join('/')
  const sent = await send(raw, `/${name}`, { root, cacheControl: false, dotfiles: 'allow', acceptRanges: false })
  // It was there when the peer started.
  if (sent.type !== 'file') throw new EvaError('EVA_PAGE_NOT_BUILT')
  const { statusCode, headers, stream } = sent
  return reply.code(statusCode).headers(headers).send(stream)
}
