// /openapi.json and /docs, made of the routes that a service has when somebody first asks for them.
// Not loaded by a service that nobody asks: the plugins and the page's templates are 8 MB and 0.1 s of CPU.
// Invariant: what is described are exactly the service's own routes; the second application behind it listens nowhere.

import { Problem } from '@evastream/protocol/problem-http'
import { fastify, type RouteOptions } from 'fastify'
import type { HttpApp, HttpReply, HttpRequest } from './http-app.ts'

interface DocumentationOptions {
  readonly title: string
  readonly version: string
  /** Of every reply, as the service's own replies have them. */
  readonly headers: Readonly<Record<string, string>>
}

interface DocumentationApp {
  swagger(): object
  routing(request: HttpRequest['raw'], reply: HttpReply['raw']): void
  close(): Promise<void>
}

const DOCS_PATH = '/docs'
/** The page's own scripts and styles only; nothing from outside this server. */
const DOCS_POLICY = "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; object-src 'none'; frame-ancestors 'none'"

/** To be called before the first route is added. */
export function addDocumentation(app: HttpApp, options: DocumentationOptions): void {
  const routes: RouteOptions[] = []
  let made: Promise<DocumentationApp> | undefined
  const documentation = (): Promise<DocumentationApp> => {
    made ??= makeDocumentation(routes, options)
    return made
  }
  const page = async (request: HttpRequest, reply: HttpReply): Promise<void> => {
    const { routing } = await documentation()
    reply.hijack()
    routing(request.raw, reply.raw)
  }
  app.addHook('onRoute', route => void routes.push(route))
  app.addHook('onClose', async () => (await made)?.close())
  const schema = { hide: true }
  app.get('/openapi.json', { schema }, async () => (await documentation()).swagger())
  app.get(DOCS_PATH, { schema }, page)
  app.get(`${DOCS_PATH}/*`, { schema }, page)
}

async function makeDocumentation(
  routes: readonly RouteOptions[],
  { title, version, headers }: DocumentationOptions,
): Promise<DocumentationApp> {
  const [{ default: swagger }, { default: swaggerUi }] = await Promise.all([import('@fastify/swagger'), import('@fastify/swagger-ui')])
  const app = fastify()
  // It only tells of the routes; nobody calls them here.
  app.setValidatorCompiler(() => () => true)
  app.setSerializerCompiler(() => value => JSON.stringify(value))
  app.addHook('onRequest', async (_request, reply) => void reply.headers(headers))
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title, version },
      // What a route names that calls requireToken: `security: [{ token: [] }]`.
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
    },
    transform: ({ schema, url }) => ({
      url,
      schema: schema === undefined ? schema : { ...schema, response: { ...(schema.response as object | undefined), default: Problem } },
    }),
  })
  const described = routes.filter(({ url, method }) => method !== 'HEAD' && !url.startsWith(DOCS_PATH))
  for (const { method, url, schema } of described) app.route({ method, url, handler: async () => undefined, ...(schema && { schema }) })
  await app.register(swaggerUi, { routePrefix: DOCS_PATH, staticCSP: DOCS_POLICY })
  await app.ready()
  return app
}
