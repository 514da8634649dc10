// A node:http server with nothing in it: what a tracker on Node could reach at the most.
// Not a tracker: it answers bodies that it was given, whatever it is asked.
// Invariant: it reads every request to its end, and its replies carry a type and a length.

import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { BareQuestion, ServerFacts } from '../call-measurement.ts'
import { answerParent } from '../child-process.ts'

let bodies: readonly Buffer[] = []
let next = 0

function reply(response: ServerResponse): void {
  const body = bodies[next++ % bodies.length] ?? Buffer.alloc(0)
  response.writeHead(200, { 'content-type': 'application/json; charset=utf-8', 'content-length': body.length }).end(body)
}

// No function is written out within: what runs TypeScript here may add work to each one that is made.
const server = createServer((request, response) => {
  if (request.method === 'GET') {
    reply(response)
    return
  }
  request.resume()
  request.once('end', reply.bind(undefined, response))
})
const listening = new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))

answerParent<BareQuestion, ServerFacts>(async question => {
  if (question.bodies !== undefined) bodies = question.bodies.map(text => Buffer.from(text))
  await listening
  const { user, system } = process.cpuUsage()
  return { port: (server.address() as AddressInfo).port, cpuMs: (user + system) / 1000 }
})
