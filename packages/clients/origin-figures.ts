// What an origin says it has served: its own counters, for those who show savings.
// Not the fetching of chunks (origin-client.ts).
// Invariant: an answer fits the origin's schema, or the call fails.

import { OriginStats } from '@evastream/protocol/origin-http'
import { schemaCheck } from '@evastream/service-kit/schema-check'
import { ServiceCaller, type ServiceCallOptions } from './service-call.ts'

const check = schemaCheck(OriginStats)

export class OriginFigures {
  readonly #caller: ServiceCaller

  constructor(options: ServiceCallOptions) {
    this.#caller = new ServiceCaller('origin', options)
  }

  /** @throws EvaError as every call */
  stats(): Promise<OriginStats> {
    return this.#caller.json(check, { method: 'GET', path: '/stats' })
  }

  async close(): Promise<void> {
    await this.#caller.close()
  }
}
