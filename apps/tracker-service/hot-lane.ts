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
  #heartbeatBody: { readonly bootId: string; readonly body: Buffer } | undefined
  #isOpen = true

  constructor(deps: HotLaneDeps, pass: RequestListener) {
    this.#deps = deps
    this.#pass = pass
  }

  close(): void {
    this.#isOpen = false
  }

  take(request: IncomingMessage, response: ServerResponse): void {
    if (!this.#isOpen) this.#pass(request, response)
    else if (request.url === '/heartbeat') this.#takeHeartbeat(request, response)
    else if (request.method !== 'GET' || request.url?.startsWith('/peers?') !== true || !this.#answerPeers(request, response))
      this.#pass(request, response)
  }

  /** Small bodies come with their heads, so the first part is nearly always the whole. */
  #takeHeartbeat(request: IncomingMessage, response: ServerResponse): void {
    const startedAt = this.#deps.clock.now()
    const head = smallJsonHead(request)
    if (head === undefined) {
      this.#pass(request, response)
      return
    }
    request.once('data', (part: Buffer) => {
      const reply = part.length === head.length ? this.#heartbeat(part, head.token) : undefined
      if (reply === undefined) {
        request.pause()
        request.unshift(part)
        this.#pass(request, response)
        return
      }
      response.writeHead(200, [...HEARTBEAT_HEAD, String(reply.length)]).end(reply)
      this.heartbeatTimes.note((this.#deps.clock.now() - startedAt) / 1000)
    })
  }

  #heartbeat(part: Buffer, token: string | undefined): Buffer | undefined {
    const body = parseJson(part)
    if (!this.#isHeartbeat.fits(body)) return undefined
    const reply = answered(() => this.#deps.desk.heartbeat(body, { remoteAddress: undefined, token }))
    if (reply === undefined) return undefined
    const { bootId } = reply
    if (this.#heartbeatBody?.bootId !== bootId) this.#heartbeatBody = { bootId, body: Buffer.from(`{"bootId":"${bootId}"}`) }
    return this.#heartbeatBody.body
  }

  #answerPeers(request: IncomingMessage, response: ServerResponse): boolean {
    const startedAt = this.#deps.clock.now()
    const query = plainQuery(request.url ?? '')
    if (query === undefined || !this.#isQuery.fits(query)) return false
    const body = answered(() => this.#deps.desk.peers(query))
    if (body === undefined) return false
    response.writeHead(200, [...PEERS_HEAD, String(body.length)]).end(body)
    this.peersTimes.note((this.#deps.clock.now() - startedAt) / 1000)
    return true
  }
}

interface SmallJsonHead {
  readonly length: number
  readonly token: string | undefined
}

/** Read from the raw list, because a heartbeat has no other use for an object of all headers. Undefined for anything unusual. */
function smallJsonHead({ method, rawHeaders }: IncomingMessage): SmallJsonHead | undefined {
  let length = 0
  let isJson = false
  let authorization: string | undefined
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const value = rawHeaders[index + 1] as string
    switch ((rawHeaders[index] as string).toLowerCase()) {
      case 'content-length':
        length = Number(value)
        break
      case 'content-type':
        if (isJson || value !== 'application/json') return undefined
        isJson = true
        break
      case 'authorization':
        if (authorization !== undefined) return undefined
        authorization = value
        break
      case 'transfer-encoding':
      case 'content-encoding':
      case 'expect':
        return undefined
    }
  }
  if (method !== 'POST' || !isJson || !(length > 0 && length <= BODY_MAX_BYTES)) return undefined
  return { length, token: authorization === undefined ? undefined : bearerTokenOf({ headers: { authorization } }) }
}

/** Names and values as they stand, numbers read; undefined for anything that has to be decoded or stands there twice. */
function plainQuery(url: string): Record<string, string | number> | undefined {
  const text = url.slice('/peers?'.length)
  if (!/^[A-Za-z0-9._=&-]+$/.test(text)) return undefined
  const query: Record<string, string | number> = {}
  for (const pair of text.split('&')) {
    const equals = pair.indexOf('=')
    const name = pair.slice(0, equals)
    const value = pair.slice(equals + 1)
    if (equals <= 0 || Object.hasOwn(query, name)) return undefined
    const isNumber = name === 'limit' || name === 'chunkId'
    if (isNumber && !/^\d{1,9}$/.test(value)) return undefined
    query[name] = isNumber ? Number(value) : value
  }
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
