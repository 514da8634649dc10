// An HTTP server on a free loopback port that can be stopped, as when a service dies, and started again on the same port.
// Not the answers: whoever extends it has those.
// Invariant: after `stop` the port refuses connections and no socket is open.

import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export abstract class StoppableHttp {
  /** Requests are taken and never answered. */
  isMute = false
  #server: Server | undefined
  #port = 0

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  /** The first time on any free port, then always on that one. */
  async start(): Promise<this> {
    const server = createServer((request, response) => {
      if (!this.isMute) this.answer(request, response)
    })
    server.listen(this.#port, '127.0.0.1')
    await once(server, 'listening')
    this.#port = (server.address() as AddressInfo).port
    this.#server = server
    return this
  }

  async stop(): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    this.#server = undefined
    server.close()
    server.closeAllConnections()
    await once(server, 'close')
  }

  protected abstract answer(request: IncomingMessage, response: ServerResponse): void
}
