// A short way in front of the framework for the two calls that make up nearly all of a tracker's day: heartbeats and /peers.
// Not another interface: it answers only what is in perfect order, and hands on everything else, refusals included, untouched.
// Invariant: what it answers is byte for byte the framework's body, counted in the same histogram; once closing it takes nothing.

import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import { EvaError } from '@evastream/core/errors'
import type { Millis } from '@evastream/core/units'
import { HeartbeatRequest, PeersQuery } from '@evastream/protocol/tracker-http'
import type { HttpApp } from '@evastream/service-kit/http-app'
import { bearerTokenOf } from '@evastream/service-kit/operator-token'
import { schemaCheck } from '@evastream/service-kit/schema-check'
import type { Registry } from 'prom-client'
import { CallTimes } from './call-times.ts'
import type { TrackerDesk } from './tracker-desk.ts'

export interface HotLaneDeps {
  readonly desk: TrackerDesk
  readonly clock: { now(): Millis }
  readonly metrics: Registry
}

/** A heartbeat with the longest id and numbers is a third of it. */
const BODY_MAX_BYTES = 1024
/** As the peers' client asks; whoever asks otherwise gets the same answer from the framework. */
const CLIENTS_QUESTION = /^\/peers\?songId=([\w.-]+)&format=bitmap&limit=(\d{1,3})(?:&chunkId=(\d{1,9}))?(?:&exclude=([\w.-]+))?$/
/** Of the framework's security headers the one that means something to a program that reads JSON; the others are for pages. */
const SECURITY = ['x-content-type-options', 'nosniff']
const JSON_TYPE = ['content-type', 'application/json; charset=utf-8']
const HEARTBEAT_HEAD = [...SECURITY, ...JSON_TYPE, 'content-length']
const PEERS_HEAD = [...SECURITY, 'cache-control', 'no-store', ...JSON_TYPE, 'content-length']

/** Takes its place in front of `app`'s own listeners. */
export function openHotLane(app: HttpApp, deps: HotLaneDeps): void {
  const { server } = app
  const lane = new HotLane(deps, passTo(server))
  lane.heartbeatTimes.joinHistogram(deps.metrics)
  lane.peersTimes.joinHistogram(deps.metrics)
  app.addHook('preClose', async () => lane.close())
  server.removeAllListeners('request')
  server.on('request', (request, response) => lane.take(request, response))
}

function passTo(server: Server): RequestListener {
  const listeners = server.listeners('request') as RequestListener[]
  return (request, response) => {
    for (const listener of listeners) listener.call(server, request, response)
  }
}

class HotLane {
  readonly #deps: HotLaneDeps
  readonly #pass: RequestListener
  readonly #isHeartbeat = schemaCheck(HeartbeatRequest)
  readonly #isQuery = schemaCheck(PeersQuery)
  readonly heartbeatTimes = new CallTimes({ method: 'POST', route: '/heartbeat', code: 200 })
  readonly peersTimes = new CallTimes({ method: 'GET', route: '/peers', code: 200 })
  #heartbeatBody: { readonly bootId: string; readonly body: string } | undefined
  #isOpen = true

  constructor(deps: HotLaneDeps, pass: RequestListener) {
    this.#deps = deps
    this.#pass = pass
  }

  close(): void {
    this.#isOpen = false
  }

  /** A tick later the parser is done with what just came: small bodies come with their heads, so that the whole request is there. */
  take(request: IncomingMessage, response: ServerResponse): void {
    const startedAt = this.#deps.clock.now()
    if (!this.#isOpen) this.#pass(request, response)
    else if (request.url === '/heartbeat') process.nextTick(() => this.#takeHeartbeat(request, response, startedAt))
    else if (request.method === 'GET' && request.url?.startsWith('/peers?') === true)
      process.nextTick(() => this.#takePeers(request, response, startedAt))
    else this.#pass(request, response)
  }

  #takeHeartbeat(request: IncomingMessage, response: ServerResponse, startedAt: Millis): void {
    const part = isSmallJson(request) ? (request.read() as Buffer | null) : null
    const reply = part === null ? undefined : this.#heartbeat(part, bearerTokenOf(request))
    if (reply !== undefined) {
      response.writeHead(200, [...HEARTBEAT_HEAD, String(reply.length)]).end(reply, 'latin1')
      this.heartbeatTimes.note((this.#deps.clock.now() - startedAt) / 1000)
      return
    }
    if (part !== null) request.unshift(part)
    this.#pass(request, response)
  }

  #takePeers(request: IncomingMessage, response: ServerResponse, startedAt: Millis): void {
    const query = plainQuery(request.url ?? '')
    const body = this.#isQuery.fits(query) ? answered(() => this.#deps.desk.peers(query)) : undefined
    if (body === undefined) {
      this.#pass(request, response)
      return
    }
    // To its end, or Node would resume the request as a stream to get there.
    request.read()
    response.writeHead(200, [...PEERS_HEAD, String(body.length)]).end(body, 'latin1')
    this.peersTimes.note((this.#deps.clock.now() - startedAt) / 1000)
  }

  #heartbeat(part: Buffer, token: string | undefined): string | undefined {
    const body = parseJson(part)
    if (!this.#isHeartbeat.fits(body)) return undefined
    const reply = answered(() => this.#deps.desk.heartbeat(body, { remoteAddress: undefined, token }))
    if (reply === undefined) return undefined
    const { bootId } = reply
    if (this.#heartbeatBody?.bootId !== bootId) this.#heartbeatBody = { bootId, body: `{"bootId":"${bootId}"}` }
    return this.#heartbeatBody.body
  }
}

/** Whether a JSON body of a heartbeat's size is here, to its last byte. */
function isSmallJson({ method, headers, readableLength }: IncomingMessage): boolean {
  return (
    method === 'POST' &&
    headers['content-type'] === 'application/json' &&
    readableLength > 0 &&
    readableLength <= BODY_MAX_BYTES &&
    Number(headers['content-length']) === readableLength
  )
}

/** Undefined for anything that the peers' client does not ask. */
function plainQuery(url: string): PeersQuery | undefined {
  const words = CLIENTS_QUESTION.exec(url)
  if (words === null) return undefined
  const [, songId, limit, chunkId, exclude] = words
  const query: PeersQuery = { songId: songId as string, format: 'bitmap', limit: Number(limit) }
  if (chunkId !== undefined) query.chunkId = Number(chunkId)
  if (exclude !== undefined) query.exclude = exclude
  return query
}

/** Ids, names and numbers are ASCII; anything else will not fit the schema. */
function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('latin1'))
  } catch {
    return undefined // The framework says what is wrong with it.
  }
}

/** Undefined when it was refused: the framework refuses it again, in words. */
function answered<T>(call: () => T): T | undefined {
  try {
    return call()
  } catch (thrown) {
    if (thrown instanceof EvaError) return undefined
    throw thrown
  }
}
