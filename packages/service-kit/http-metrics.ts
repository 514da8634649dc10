// The request histogram and the process's own figures, in a service's registry.
// Not the counters of a service's subject: those stand in the service.
// Invariant: labels take few values; no id of a song or peer, and no path that a stranger made up.

import { collectDefaultMetrics, Histogram, type Registry } from 'prom-client'
import type { HttpApp } from './http-app.ts'

/** The histogram of requests, for those who answer some of them beside the framework. */
export const REQUEST_HISTOGRAM = 'http_request_duration_seconds'
export const REQUEST_BUCKETS_SECONDS: readonly number[] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** Gauges that call themselves totals, which Prometheus' own checker refuses; each is the sum of one that stays. */
const MISNAMED_GAUGES = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total']

export function measureRequests(app: HttpApp, registry: Registry): void {
  collectDefaultMetrics({ register: registry })
  for (const name of MISNAMED_GAUGES) registry.removeSingleMetric(name)
  const histogram = new Histogram({
    name: REQUEST_HISTOGRAM,
    help: 'How long requests took, from their head to the end of the reply',
    labelNames: ['method', 'route', 'code'],
    buckets: [...REQUEST_BUCKETS_SECONDS],
    registers: [registry],
  })
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? '(none)'
    histogram.observe({ method: request.method, route, code: reply.statusCode }, reply.elapsedTime / 1000)
  })
}
