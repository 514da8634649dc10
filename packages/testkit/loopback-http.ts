// A real HTTP server on a free loopback port whose every answer the test writes, good or bad.
// Not a mock of a client's insides: bytes go through real sockets.
// Invariant: after `close` no socket of it is open.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface LoopbackHttp {
  readonly url: string
  /** What arrived so far, in order. */
  readonly received: readonly { readonly method: string; readonly url: string; readonly headers: IncomingMessage['headers'] }[]
  close(): Promise<void>
}

export async function loopbackHttp(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<LoopbackHttp> {
  const received: { method: string; url: string; headers: IncomingMessage['headers'] }[] = []
  const server = createServer((request, response) => {
    received.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers })
    answer(request, response)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    received,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
