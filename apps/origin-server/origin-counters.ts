// What the origin has served, counted once and read by everybody: /metrics, /stats and the dashboards.
// Not the duration of requests (service-kit measures that) and not per song or client: labels stay few.
// Invariant: `sentBytes` are bytes of bodies that were handed to a socket, never a promise of a Content-Length.

import type { OriginStats } from '@evastream/protocol/origin-http'
import { Counter, type Registry } from 'prom-client'

export class OriginCounters {
  readonly #sentBytes: Counter
  readonly #requests: Counter<'code'>

  constructor(deps: { readonly registry: Registry }) {
    const registers = [deps.registry]
    this.#sentBytes = new Counter({
      name: 'evastream_origin_sent_bytes_total',
      help: 'Bytes of chunks and covers handed to sockets, without headers',
      registers,
    })
    this.#requests = new Counter({
      name: 'evastream_origin_requests_total',
      help: 'Requests for chunks and covers by the status of their answer; 499 for clients that left before its end',
      labelNames: ['code'],
      registers,
    })
  }

  countSent(bytes: number): void {
    this.#sentBytes.inc(bytes)
  }

  countRequest(status: number): void {
    this.#requests.inc({ code: status })
  }

  async stats(): Promise<OriginStats> {
    const [sent, requests] = await Promise.all([this.#sentBytes.get(), this.#requests.get()])
    const sum = (values: readonly { readonly value: number }[]) => values.reduce((total, { value }) => total + value, 0)
    return { sentBytes: sum(sent.values), requests: sum(requests.values) }
  }
}
