// The HTTP server every part of the house stands on: strict requests, problem+json errors, health, metrics, documentation.
// Not the routes of a service, and not its port: routes.ts and listen.ts have those.
// Invariant: every reply that is an error is application/problem+json with a code, whatever went wrong and wherever.

import { EvaError } from '@evastream/core/errors'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { type FastifyBaseLogger, fastify, LogController } from 'fastify'
import type { Registry } from 'prom-client'
import type { HttpApp } from './http-app.ts'
import { guardConnections, refuseBadHttp } from './http-connections.ts'
import { addDocumentation } from './http-documentation.ts'
import { measureRequests } from './http-metrics.ts'
import { sendProblem } from './http-problems.ts'
import { addStandardRoutes } from './http-standard-routes.ts'
import { strictValidation } from './http-validation.ts'
import type { Logger } from './logger.ts'
import { RouteCatalog } from './route-catalog.ts'
import { prepareSchemaChecks } from './schema-check.ts'
import { systemTimers, type Timers } from './system-clock.ts'

export interface HttpServiceDeps {
  readonly logger: Logger
  /** A fresh registry for each service; the process's own figures are added to it. */
  readonly registry: Registry
  /** Why the service cannot serve yet, undefined when it can. */
  readonly isReady: () => string | undefined
  readonly timers?: Timers
}

export interface HttpServiceOptions {
  /** `metadata`, `tracker`, … */
  readonly service: string
  readonly title: string
  readonly version: string
  /** Default 1 MiB; a route may say otherwise for itself. */
  readonly bodyLimitBytes?: number
  /**
   * What requests, and replies of other services, must look like is compiled once it listens, not while the first of a kind waits (about
   * 200 ms on a busy machine). It costs memory, which a listener's machine has less of.
   */
  readonly preparesRequests?: boolean
  /** Believe X-Forwarded-For; only behind a proxy of the operator's own. */
  readonly trustProxy?: boolean
}

const BODY_LIMIT_BYTES = 1024 * 1024
/** A whole request, body included: 32 MiB in this time is a 2.3 Mbit/s uplink. */
const REQUEST_TIMEOUT_MS = 120_000
/** Headers come in one packet; who drips them is an attacker. */
const HEADERS_TIMEOUT_MS = 10_000
const TIMEOUT_CHECK_INTERVAL_MS = 2_000
const KEEP_ALIVE_TIMEOUT_MS = 30_000
/** Past the longest id, so that an overlong one gets its own message instead of a 404. */
const PARAM_LENGTH_MAX = 1024

/** In the place of the framework's, which are not loaded then: requests have a compiler of ours, replies are what their types say. */
const OWN_COMPILERS = {
  buildValidator(): never {
    throw new EvaError('EVA_INTERNAL')
  },
  buildSerializer: () => () => (value: unknown) => JSON.stringify(value),
}

/** With every answer of a service. */
export const SECURITY_HEADERS = Object.freeze({
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
})

/** A server without routes of its own yet; it listens when `listen` says so. */
export async function createHttpService(deps: HttpServiceDeps, options: HttpServiceOptions): Promise<HttpApp> {
  const { logger } = deps
  // Fastify's own chatter (requests, addresses) is said better elsewhere; its warnings are kept.
  const loggerInstance: FastifyBaseLogger = logger.child({}, { level: 'warn' })
  const app: HttpApp = fastify({
    loggerInstance,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: options.bodyLimitBytes ?? BODY_LIMIT_BYTES,
    trustProxy: options.trustProxy ?? false,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    http: { headersTimeout: HEADERS_TIMEOUT_MS, connectionsCheckingInterval: TIMEOUT_CHECK_INTERVAL_MS },
    routerOptions: { maxParamLength: PARAM_LENGTH_MAX },
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    schemaController: { compilersFactory: OWN_COMPILERS },
    clientErrorHandler: refuseBadHttp,
    frameworkErrors: (error, request, reply) => void sendProblem(error, { request, reply, logger }),
  }).withTypeProvider<TypeBoxTypeProvider>()

  app.removeContentTypeParser('text/plain')
  const validation = strictValidation()
  app.setValidatorCompiler(validation.compiler)
  if (options.preparesRequests === true)
    app.addHook('onListen', async () => {
      prepareSchemaChecks()
      validation.prepare()
    })
  app.setErrorHandler((thrown, request, reply) => sendProblem(thrown, { request, reply, logger }))
  refuseUnknownRoutes(app)
  app.addHook('onRequest', async (_request, reply) => void reply.headers(SECURITY_HEADERS))
  guardConnections(app, deps.timers ?? systemTimers)
  measureRequests(app, deps.registry)
  addDocumentation(app, { ...options, headers: SECURITY_HEADERS })
  addStandardRoutes(app, deps)
  return app
}

function refuseUnknownRoutes(app: HttpApp): void {
  const routes = new RouteCatalog()
  app.addHook('onRoute', route => routes.add(route.url, route.method))
  app.setNotFoundHandler(async request => {
    const path = request.url.split('?', 1)[0] ?? ''
    const allowed = routes.methodsOf(path)
    const details = { method: request.method, path: path.slice(0, 128), allowed: allowed.join(', ') }
    if (allowed.length > 0) throw new EvaError('EVA_METHOD_NOT_ALLOWED', { details })
    throw new EvaError('EVA_ROUTE_NOT_FOUND', { details: { method: details.method, path: details.path } })
  })
}
