// A short way in front of the framework for the two calls that make up nearly all of a tracker's day: heartbeats and /peers.
// Not another interface: it answers only what is in perfect order, and hands on everything else, refusals included, untouched.
// Invariant: what it answers is byte for byte the framework's body, counted in the same histogram; once closing it takes nothing.

import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import { replyCheck } from '@evastream/clients/service-call'
import { EvaError } from '@evastream/core/errors'
import type { Millis } from '@evastream/core/units'
import { HeartbeatRequest, PeersQuery } from '@evastream/protocol/tracker-http'
import type { HttpApp } from '@evastream/service-kit/http-app'
import { bearerTokenOf } from '@evastream/service-kit/operator-token'
import type { TrackerDesk } from './tracker-desk.ts'

export interface HotLaneDeps {
  readonly desk: TrackerDesk
  readonly clock: { now(): Millis }
  /** Takes the time of an answered call, in seconds. */
  readonly observe: (labels: { readonly method: string; readonly route: string; readonly code: number }, seconds: number) => void
}

/** A heartbeat with the longest id and numbers is a third of it. */
const BODY_MAX_BYTES = 1024
const HEARTBEAT = Object.freeze({ method: 'POST', route: '/heartbeat', code: 200 })
const PEERS = Object.freeze({ method: 'GET', route: '/peers', code: 200 })
/** The framework's own headers, in the form that node:http writes fastest. */
const SECURITY = [
  ...['x-content-type-options', 'nosniff'],
  ...['x-frame-options', 'DENY'],
  ...['referrer-policy', 'no-referrer'],
  ...['content-security-policy', "default-src 'none'; frame-ancestors 'none'"],
]
const JSON_TYPE = ['content-type', 'application/json; charset=utf-8']

/** Takes its place in front of `app`'s own listeners. */
export function openHotLane(app: HttpApp, deps: HotLaneDeps): void {
  const { server } = app
  const lane = new HotLane(deps, passTo(server))
  app.addHook('preClose', async () => lane.close())
  server.removeAllListeners('request')
  server.on('request', (request, response) => lane.take(request, response))
}

function passTo(server: Server): RequestListener {
  const listeners = server.listeners('request') as RequestListener[]
  return (request, response) => {
    for (const listener of listeners) void listener.call(server, request, response)
  }
}

class HotLane {
  readonly #deps: HotLaneDeps
  readonly #pass: RequestListener
  readonly #heartbeat = replyCheck(HeartbeatRequest)
  readonly #query = replyCheck(PeersQuery)
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
    else if (request.url === '/heartbeat' && isSmallJson(request)) this.#takeHeartbeat(request, response)
    else if (request.method !== 'GET' || request.url?.startsWith('/peers?') !== true || !this.#answerPeers(request, response))
      this.#pass(request, response)
  }

  /** Small bodies come with their heads, so the first part is nearly always the whole. */
  #takeHeartbeat(request: IncomingMessage, response: ServerResponse): void {
    const startedAt = this.#deps.clock.now()
    const length = Number(request.headers['content-length'])
    request.once('data', (part: Buffer) => {
      if (part.length === length && this.#answerHeartbeat(request, response, { part, startedAt })) return
      request.pause()
      request.unshift(part)
      this.#pass(request, response)
    })
  }

  #answerHeartbeat(request: IncomingMessage, response: ServerResponse, { part, startedAt }: HeartbeatBody): boolean {
    const body = parseJson(part)
    if (!this.#heartbeat.fits(body)) return false
    const caller = { remoteAddress: undefined, token: bearerTokenOf(request) }
    const reply = answered(() => this.#deps.desk.heartbeat(body, caller))
    if (reply === undefined) return false
    const text = `{"bootId":"${reply.bootId}"}`
    response.writeHead(200, [...SECURITY, ...JSON_TYPE, 'content-length', String(text.length)]).end(text, 'latin1')
    this.#deps.observe(HEARTBEAT, (this.#deps.clock.now() - startedAt) / 1000)
    return true
  }

  #answerPeers(request: IncomingMessage, response: ServerResponse): boolean {
    const startedAt = this.#deps.clock.now()
    const query = plainQuery(request.url ?? '')
    if (query === undefined || !this.#query.fits(query)) return false
    const text = answered(() => this.#deps.desk.peers(query))
    if (text === undefined) return false
    const head = [...SECURITY, 'cache-control', 'no-store', ...JSON_TYPE, 'content-length', String(text.length)]
    response.writeHead(200, head).end(text, 'latin1')
    this.#deps.observe(PEERS, (this.#deps.clock.now() - startedAt) / 1000)
    return true
  }
}

interface HeartbeatBody {
  readonly part: Buffer
  readonly startedAt: Millis
}

function isSmallJson({ method, headers }: IncomingMessage): boolean {
  const length = Number(headers['content-length'])
  return (
    method === 'POST' &&
    headers['content-type'] === 'application/json' &&
    headers['transfer-encoding'] === undefined &&
    headers['content-encoding'] === undefined &&
    headers.expect === undefined &&
    length > 0 &&
    length <= BODY_MAX_BYTES
  )
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

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
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
