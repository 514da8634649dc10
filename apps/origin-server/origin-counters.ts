// What the origin has served, counted once and read by everybody: /metrics, /stats and the dashboards.
// Not the duration of requests (service-kit measures that) and not per song or client: labels stay few.
// Invariant: `sentBytes` are bytes of bodies that were handed to a socket, never a promise of a Content-Length.

import type { OriginStats } from '@evastream/protocol/origin-http'
import { Counter, type Registry } from 'prom-client'

export class OriginCounters {
  /** Kept here and told when they are read: prom-client's own counting takes longer than some answers. */
  #sentBytes = 0
  readonly #requests = new Map<number, number>()

  constructor(deps: { readonly registry: Registry }) {
    const registers = [deps.registry]
    const [sentBytes, requests] = [() => this.#sentBytes, this.#requests]
    new Counter({
      name: 'evastream_origin_sent_bytes_total',
      help: 'Bytes of chunks and covers handed to sockets, without headers',
      registers,
      collect() {
        this.reset()
        this.inc(sentBytes())
      },
    })
    new Counter({
      name: 'evastream_origin_requests_total',
      help: 'Requests for chunks and covers by the status of their answer; 499 for clients that left before its end',
      labelNames: ['code'],
      registers,
      collect() {
        this.reset()
        for (const [code, count] of requests) this.inc({ code }, count)
      },
    })
  }

  countSent(bytes: number): void {
    this.#sentBytes += bytes
  }

  countRequest(status: number): void {
    this.#requests.set(status, (this.#requests.get(status) ?? 0) + 1)
  }

  stats(): OriginStats {
    const requests = [...this.#requests.values()].reduce((total, count) => total + count, 0)
    return { sentBytes: this.#sentBytes, requests }
  }
}
