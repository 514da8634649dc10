// Connections that misbehave or linger: unparsable HTTP, slow heads, and clients who stay while the server closes.
// Not the timeouts' values (http-service.ts), and not what a parsed request may ask.
// Invariant: after `close` begins, every connection ends within DRAIN_MS.

import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { EvaError } from '@evastream/core/errors'
import { PROBLEM_MEDIA_TYPE } from '@evastream/protocol/problem-http'
import type { HttpApp } from './http-app.ts'
import { problemOf } from './http-problems.ts'
import type { Timers } from './system-clock.ts'

/** How long running requests may take to finish after `close`; half of what a stopping process has. */
const DRAIN_MS = 5_000

/** On close: connections without a request end at once, the others with their last reply, and all of them after the drain. */
export function guardConnections(app: HttpApp, timers: Timers): void {
  const connections = new OpenConnections()
  let cancelCut: (() => void) | undefined
  app.server.on('connection', socket => connections.opened(socket))
  app.server.on('request', (request, response) => {
    connections.began(request.socket)
    response.once('close', () => connections.ended(request.socket))
  })
  app.addHook('preClose', async () => {
    cancelCut = timers.after(DRAIN_MS, () => app.server.closeAllConnections())
    connections.drain()
  })
  app.addHook('onClose', async () => cancelCut?.())
  app.addHook('onRequest', async (_request, reply) => {
    if (!connections.isDraining) return
    reply.header('connection', 'close')
    throw new EvaError('EVA_NOT_READY', { details: { reason: 'it is shutting down' } })
  })
}

/** Node itself closes only connections that were used once and rest now: not new ones, and not those that come to rest later. */
class OpenConnections {
  readonly #requestCounts = new Map<Socket, number>()
  #isDraining = false

  get isDraining(): boolean {
    return this.#isDraining
  }

  opened(socket: Socket): void {
    this.#requestCounts.set(socket, 0)
    socket.once('close', () => this.#requestCounts.delete(socket))
  }

  began(socket: Socket): void {
    this.#change(socket, 1)
  }

  ended(socket: Socket): void {
    this.#change(socket, -1)
    if (this.#isDraining && this.#requestCounts.get(socket) === 0) socket.end()
  }

  drain(): void {
    this.#isDraining = true
    for (const [socket, count] of this.#requestCounts) if (count === 0) socket.destroy()
  }

  #change(socket: Socket, difference: 1 | -1): void {
    const count = this.#requestCounts.get(socket)
    if (count !== undefined) this.#requestCounts.set(socket, count + difference)
  }
}

/** Node found no HTTP request in what a socket sent, or not in time. */
export function refuseBadHttp(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const { status, reason } = describeBadHttp(error.code)
  const problem = { ...problemOf(new EvaError('EVA_REQUEST_INVALID', { details: { reason }, cause: error })), status }
  const body = JSON.stringify(problem)
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    `Content-Type: ${PROBLEM_MEDIA_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}

function describeBadHttp(code: string | undefined): { status: number; reason: string } {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return { status: 408, reason: 'it did not arrive in time' }
  if (code === 'HPE_HEADER_OVERFLOW') return { status: 431, reason: 'its headers are too large' }
  return { status: 400, reason: 'it is not HTTP' }
}
