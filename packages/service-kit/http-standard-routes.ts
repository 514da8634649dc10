// The routes that every service has: /livez, /readyz and /metrics.
// Not /openapi.json and /docs: http-documentation.ts has them.
// Invariant: /livez answers as long as the process turns; /readyz only while the service can do its work.

import { EvaError } from '@evastream/core/errors'
import { Type } from '@evastream/protocol/json-schema'
import type { Registry } from 'prom-client'
import type { HttpApp } from './http-app.ts'

interface StandardRouteDeps {
  readonly registry: Registry
  readonly isReady: () => string | undefined
}

const StateSchema = Type.Object({ status: Type.String() })

export function addStandardRoutes(app: HttpApp, { registry, isReady }: StandardRouteDeps): void {
  const tags = ['operations']
  app.get('/livez', { schema: { tags, summary: 'Whether the process turns', response: { 200: StateSchema } } }, async (_request, reply) => {
    reply.header('cache-control', 'no-store')
    return { status: 'alive' }
  })
  app.get('/readyz', { schema: { tags, summary: 'Whether it can serve', response: { 200: StateSchema } } }, async (_request, reply) => {
    const reason = isReady()
    if (reason !== undefined) throw new EvaError('EVA_NOT_READY', { details: { reason } })
    reply.header('cache-control', 'no-store')
    return { status: 'ready' }
  })
  app.get('/metrics', { schema: { tags, summary: 'Figures for Prometheus' } }, async (_request, reply) => {
    reply.header('cache-control', 'no-store').type(registry.contentType)
    return await registry.metrics()
  })
}
