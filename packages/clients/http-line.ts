// The line to one service: Node's own HTTP client with connections that are kept, bounded in number and given up when nobody answers.
// Not a client: what is asked and what an answer means is said by its users. Nothing is retried and no redirect followed here.
// Invariant: after `close` no request of it runs, and whatever goes wrong on the wire is told as one of three kinds.

import { Agent, type ClientRequest, type RequestOptions, request as sendHttp } from 'node:http'
import { urlToHttpOptions } from 'node:url'
import { EvaError } from '@evastream/core/errors'
import { SECOND_MS } from '@evastream/core/units'
import { systemTimers, type Timers } from '@evastream/service-kit/system-clock'
import type { ServiceAddress } from './service-address.ts'

export interface LineRequest {
  readonly method: string
  /** Begins with a slash; the service's own prefix is put before it. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  /** The longest that the service may keep silent, before its answer and within it. */
  readonly silenceTimeoutMs?: number
}

export const CONNECT_TIMEOUT_MS = 2 * SECOND_MS
/** Less than any server keeps an idle connection that has not said so, and more than the pause between two heartbeats. */
const IDLE_TIMEOUT_MS = 20 * SECOND_MS

export class HttpLine {
  /** What every request of the line has in common. */
  readonly #target: RequestOptions
  readonly #pathPrefix: string
  readonly #agent: Agent
  readonly #send: typeof sendHttp
  readonly #timers: Pick<Timers, 'after'>
  readonly #running = new Set<ClientRequest>()
  #isClosed = false

  constructor(address: ServiceAddress, options: { readonly connectionsMax: number }, timers: Pick<Timers, 'after'> = systemTimers) {
    const settings = { keepAlive: true, maxSockets: options.connectionsMax, timeout: IDLE_TIMEOUT_MS }
    this.#pathPrefix = address.path
    this.#timers = timers
    const { protocol, hostname, port } = urlToHttpOptions(new URL(address.origin))
    // TLS is loaded by those who need it.
    const https = protocol === 'https:' ? process.getBuiltinModule('node:https') : undefined
    this.#agent = https === undefined ? new Agent(settings) : new https.Agent(settings)
    this.#send = https === undefined ? sendHttp : https.request
    this.#target = { protocol, hostname, port, agent: this.#agent }
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** To be ended by the caller, who listens to its `response` and its `error`. @throws EvaError `EVA_CANCELLED` after `close` */
  request({ method, path, headers, silenceTimeoutMs }: LineRequest): ClientRequest {
    if (this.#isClosed) throw new EvaError('EVA_CANCELLED')
    const limit = silenceTimeoutMs === undefined ? undefined : { timeout: silenceTimeoutMs }
    const request = this.#send({ ...this.#target, method, path: `${this.#pathPrefix}${path}`, headers, ...limit })
    this.#running.add(request)
    request.once('close', () => this.#running.delete(request))
    if (silenceTimeoutMs !== undefined) request.once('timeout', () => request.destroy(keptSilent()))
    request.once('socket', socket => {
      if (!socket.connecting) return
      const stop = this.#timers.after(CONNECT_TIMEOUT_MS, () => request.destroy(connectTimeout()))
      socket.once('connect', stop).once('close', stop)
    })
    return request
  }

  close(): void {
    this.#isClosed = true
    for (const request of this.#running) request.destroy()
    this.#agent.destroy()
  }
}

export interface LineFailure {
  readonly kind: 'unreachable' | 'timeout' | 'garbled'
  readonly reason: string
}

export function lineFailureOf(thrown: unknown): LineFailure {
  const { code, message, name } = thrown as { readonly code?: unknown; readonly message?: unknown; readonly name?: unknown }
  const reason = String(code ?? message ?? thrown)
  if (name === 'TimeoutError') return { kind: 'timeout', reason }
  if (reason.startsWith('HPE_')) return { kind: 'garbled', reason: 'it is not HTTP' }
  return { kind: 'unreachable', reason }
}

/** No connection came about. */
export function connectTimeout(): Error {
  return Object.assign(new Error(`No connection within ${CONNECT_TIMEOUT_MS} ms.`), { code: 'ETIMEDOUT' })
}

/** A connection was there, and nothing came over it. */
export function keptSilent(): Error {
  return new DOMException('It keeps silent.', 'TimeoutError')
}
