// An origin that errs on command: a real HTTP server on loopback whose every answer can be scripted.
// Not the origin server: it knows chunks and ranges just well enough to be asked by real clients.
// Invariant: requests and body bytes are counted as they really happen, and `stop` leaves no socket open.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { EvaError } from '@evastream/core/errors'

/** How one request goes wrong; whatever asks for bytes (`afterBytes`) counts those of the answer's body. */
export type OriginFault =
  | { readonly kind: 'ok' }
  | { readonly kind: 'status'; readonly status: number; readonly retryAfterSeconds?: number }
  /** The length promised in the header, then the connection ends early. */
  | { readonly kind: 'truncate'; readonly afterBytes: number }
  /** The right length with one byte changed. */
  | { readonly kind: 'wrong-bytes'; readonly atByte?: number }
  /** A well-formed answer that is longer or shorter than what was asked for. */
  | { readonly kind: 'wrong-length'; readonly deltaBytes: number }
  /** 200 with the whole chunk to a request for a range. */
  | { readonly kind: 'ignore-range' }
  /** Nothing more comes: without `afterBytes` not even the status. */
  | { readonly kind: 'hang'; readonly afterBytes?: number }
  /** A TCP reset: without `afterBytes` before the status. What was sent may be lost, and Node's clients may see a plain end. */
  | { readonly kind: 'reset'; readonly afterBytes?: number }
  /** A slice now and then. */
  | { readonly kind: 'drip'; readonly sliceBytes: number; readonly everyMs: number }

type DripFault = Extract<OriginFault, { kind: 'drip' }>
type CutFault = Extract<OriginFault, { kind: 'truncate' | 'hang' | 'reset' }>

export interface OriginRequest {
  readonly songId: string
  readonly chunkId: number
  readonly range: string | undefined
  readonly fault: OriginFault
}

/** The bytes of a chunk; undefined is answered with 404. */
export type ChunkLookup = (songId: string, chunkId: number) => Uint8Array | undefined

export interface FaultyOriginDeps {
  readonly chunkOf: ChunkLookup
  /** Only `drip` needs it. */
  readonly timers?: { every(intervalMs: number, run: () => void): () => void }
}

export interface FaultyOrigin {
  readonly url: string
  /** Every request for a chunk so far, in the order of their arrival. */
  readonly requests: readonly OriginRequest[]
  /** Body bytes given to sockets so far. */
  readonly sentBytes: number
  /** Faults for the next requests, one each, in this order. */
  script(...faults: readonly OriginFault[]): void
  /** What happens to every request that no script covers; `ok` at first. May decide by the request. */
  otherwise(fault: OriginFault | ((request: Omit<OriginRequest, 'fault'>) => OriginFault)): void
  /** As when a real origin dies: the port and all connections close. */
  stop(): Promise<void>
  /** Listens on the same port again. */
  restart(): Promise<void>
}

const OK: OriginFault = { kind: 'ok' }

export async function startFaultyOrigin(deps: FaultyOriginDeps): Promise<FaultyOrigin> {
  const origin = new ScriptedOrigin(deps)
  await origin.listen(0)
  return origin
}

class ScriptedOrigin implements FaultyOrigin {
  readonly requests: OriginRequest[] = []
  sentBytes = 0
  readonly #deps: FaultyOriginDeps
  readonly #script: OriginFault[] = []
  #otherwise: (request: Omit<OriginRequest, 'fault'>) => OriginFault = () => OK
  #server: Server | undefined
  #port = 0

  constructor(deps: FaultyOriginDeps) {
    this.#deps = deps
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  script(...faults: readonly OriginFault[]): void {
    this.#script.push(...faults)
  }

  otherwise(fault: OriginFault | ((request: Omit<OriginRequest, 'fault'>) => OriginFault)): void {
    this.#otherwise = typeof fault === 'function' ? fault : () => fault
  }

  async listen(port: number): Promise<void> {
    const server = createServer((request, response) => this.#answer(request, response))
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, '127.0.0.1', resolve)
    })
    this.#server = server
    this.#port = (server.address() as AddressInfo).port
  }

  async restart(): Promise<void> {
    await this.stop()
    await this.listen(this.#port)
  }

  async stop(): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    this.#server = undefined
    await new Promise<void>(resolve => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  }

  #answer(incoming: IncomingMessage, response: ServerResponse): void {
    const url = new URL(incoming.url ?? '/', this.url)
    if (url.pathname !== '/chunk') {
      this.#refuse(response, 404)
      return
    }
    const asked = {
      songId: url.searchParams.get('songId') ?? '',
      chunkId: Number(url.searchParams.get('chunkId') ?? Number.NaN),
      range: incoming.headers.range,
    }
    const fault = this.#script.shift() ?? this.#otherwise(asked)
    this.requests.push({ ...asked, fault })
    const chunk = this.#deps.chunkOf(asked.songId, asked.chunkId)
    if (fault.kind === 'status') this.#refuse(response, fault.status, fault.retryAfterSeconds)
    else if (chunk === undefined) this.#refuse(response, 404)
    else this.#send(response, fault, bodyFor(chunk, asked.range, fault))
  }

  #refuse(response: ServerResponse, status: number, retryAfterSeconds?: number): void {
    if (retryAfterSeconds !== undefined) response.setHeader('retry-after', retryAfterSeconds)
    response.writeHead(status).end()
  }

  #send(response: ServerResponse, fault: OriginFault, { status, headers, bytes }: Body): void {
    if (fault.kind === 'hang' && fault.afterBytes === undefined) return
    if (fault.kind === 'reset' && fault.afterBytes === undefined) {
      response.socket?.resetAndDestroy()
      return
    }
    response.writeHead(status, { 'content-type': 'application/octet-stream', 'content-length': bytes.length, ...headers })
    response.flushHeaders()
    if (fault.kind === 'drip') this.#drip(response, bytes, fault)
    else if (fault.kind === 'truncate' || fault.kind === 'hang' || fault.kind === 'reset') this.#sendPart(response, bytes, fault)
    else {
      this.sentBytes += bytes.length
      response.end(bytes)
    }
  }

  #sendPart(response: ServerResponse, bytes: Uint8Array, fault: CutFault): void {
    const sent = bytes.subarray(0, fault.afterBytes)
    this.sentBytes += sent.length
    // A write's callback comes once the system took the bytes, so what follows cannot overtake them in this process.
    response.write(sent, () => {
      if (fault.kind === 'truncate') response.socket?.end()
      if (fault.kind === 'reset') response.socket?.resetAndDestroy()
    })
  }

  #drip(response: ServerResponse, bytes: Uint8Array, { sliceBytes, everyMs }: DripFault): void {
    const { timers } = this.#deps
    if (timers === undefined) throw new EvaError('EVA_INTERNAL', { cause: 'a faulty origin needs timers to drip' })
    let position = 0
    const cancel = timers.every(everyMs, () => {
      const slice = bytes.subarray(position, position + sliceBytes)
      position += slice.length
      this.sentBytes += slice.length
      response.write(slice)
      if (position < bytes.length) return
      cancel()
      response.end()
    })
    response.once('close', cancel)
  }
}

interface Body {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly bytes: Uint8Array
}

const RANGE_EXPRESSION = /^bytes=(\d+)-(\d*)$/

function bodyFor(chunk: Uint8Array, range: string | undefined, fault: OriginFault): Body {
  const match = fault.kind === 'ignore-range' ? null : RANGE_EXPRESSION.exec(range ?? '')
  const first = match === null ? 0 : Number(match[1])
  const last = match === null || match[2] === '' ? chunk.length - 1 : Math.min(Number(match[2]), chunk.length - 1)
  const bytes = spoiled(chunk.slice(first, last + 1), fault)
  const headers = { 'content-range': `bytes ${first}-${last}/${chunk.length}` }
  return match === null ? { status: 200, headers: {}, bytes } : { status: 206, headers, bytes }
}

function spoiled(bytes: Uint8Array, fault: OriginFault): Uint8Array {
  if (fault.kind === 'wrong-bytes') {
    const at = fault.atByte ?? bytes.length >> 1
    bytes[at] = (bytes[at] ?? 0) ^ 0xff
  }
  if (fault.kind !== 'wrong-length') return bytes
  const longer = new Uint8Array(Math.max(0, bytes.length + fault.deltaBytes))
  longer.set(bytes.subarray(0, longer.length))
  return longer
}
