// The load: connections kept alive, each with one request under way, for a time or until all requests are sent once.
// Not a client library: it reads as much of HTTP as it takes to find where a reply ends.
// Invariant: every reply that is counted is a 2xx; a latency is from the request's last byte to the reply's.

import { connect, type Socket } from 'node:net'
import type { LoadFigures, LoadOrder } from '../call-measurement.ts'
import { answerParent } from '../child-process.ts'

const HEAD_END = Buffer.from('\r\n\r\n')

class Connection {
  readonly #socket: Socket
  readonly #onReply: (body: string, milliseconds: number) => Buffer | undefined
  #pending: Buffer = Buffer.alloc(0)
  #sentAt = 0
  readonly done: Promise<void>

  constructor(port: number, onReply: (body: string, milliseconds: number) => Buffer | undefined) {
    this.#onReply = onReply
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true })
    this.#socket.on('data', part => this.#take(part))
    this.done = new Promise((resolve, reject) => {
      this.#socket.once('close', () => resolve())
      this.#socket.once('error', reject)
    })
  }

  send(request: Buffer): void {
    this.#sentAt = performance.now()
    this.#socket.write(request)
  }

  #take(part: Buffer): void {
    const bytes = this.#pending.length === 0 ? part : Buffer.concat([this.#pending, part])
    const headEnd = bytes.indexOf(HEAD_END)
    const head = headEnd < 0 ? '' : bytes.toString('latin1', 0, headEnd)
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1])
    if (headEnd < 0 || bytes.length < headEnd + 4 + length) {
      this.#pending = bytes
      return
    }
    this.#pending = Buffer.alloc(0)
    const body = head.startsWith('HTTP/1.1 2') ? () => bytes.toString('utf8', headEnd + 4) : undefined
    if (body === undefined) {
      this.#socket.destroy(new Error(`${head}\n${bytes.toString('utf8', headEnd + 4)}`))
      return
    }
    const request = this.#onReply(keepsBodies ? body() : '', performance.now() - this.#sentAt)
    if (request === undefined) this.#socket.end()
    else this.send(request)
  }
}

let keepsBodies = false

async function run({ port, requests, connections, forMs, keepBodies = 0 }: LoadOrder): Promise<LoadFigures> {
  const buffers = requests.map(text => Buffer.from(text))
  const latencies: number[] = []
  const bodies: string[] = []
  keepsBodies = keepBodies > 0
  const startedAt = performance.now()
  let next = 0
  const onReply = (body: string, milliseconds: number) => {
    latencies.push(milliseconds)
    if (bodies.length < keepBodies) bodies.push(body)
    const isOver = forMs === undefined ? next >= buffers.length : performance.now() - startedAt >= forMs
    return isOver ? undefined : buffers[next++ % buffers.length]
  }
  const opened = Array.from({ length: Math.min(connections, buffers.length) }, () => new Connection(port, onReply))
  for (const connection of opened) connection.send(buffers[next++ % buffers.length] ?? Buffer.alloc(0))
  await Promise.all(opened.map(connection => connection.done))
  const seconds = (performance.now() - startedAt) / 1000
  latencies.sort((left, right) => left - right)
  const p = (ratio: number) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * ratio))] ?? Number.NaN
  return { count: latencies.length, seconds, p50Ms: p(0.5), p99Ms: p(0.99), bodies }
}

answerParent<LoadOrder, LoadFigures>(run)
