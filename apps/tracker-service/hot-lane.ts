// A short way in front of the framework for the calls that make up nearly all of a tracker's day: heartbeats, announcements, leases, /peers.
// Not another interface: it answers only what is in perfect order, and hands on everything else, refusals included, untouched.
// Invariant: what it answers is byte for byte the framework's body, counted in the same histogram.

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { KIB, type Millis } from '@evastream/core/units'
import { ChunkAcquiredRequest, HeartbeatRequest, OriginLeaseRequest, PeersQuery } from '@evastream/protocol/tracker-http'
import { CallTimes } from '@evastream/service-kit/call-times'
import type { HttpApp } from '@evastream/service-kit/http-app'
import { openHttpLane } from '@evastream/service-kit/http-lane'
import { bearerTokenOf } from '@evastream/service-kit/operator-token'
import { prepareSchemaChecks, type SchemaCheck, schemaCheck } from '@evastream/service-kit/schema-check'
import type { Registry } from 'prom-client'
import type { Caller, TrackerDesk } from './tracker-desk.ts'

export interface HotLaneDeps {
  readonly desk: TrackerDesk
  readonly clock: { now(): Millis }
  readonly metrics: Registry
}

/** An announcement of 64 chunks, with the longest ids for their sources, comes close to it. */
const BODY_MAX_BYTES = 16 * KIB
/** As the peers' client asks; whoever asks otherwise gets the same answer from the framework. */
const CLIENTS_QUESTION = /^\/peers\?songId=([\w.-]+)&format=bitmap&limit=(\d{1,3})(?:&chunkId=(\d{1,9}))?(?:&exclude=([\w.-]+))?$/
/** Of the framework's security headers the one that means something to a program that reads JSON; the others are for pages. */
const SECURITY = ['x-content-type-options', 'nosniff']
const JSON_TYPE = ['content-type', 'application/json; charset=utf-8']
const POST_HEAD = [...SECURITY, ...JSON_TYPE, 'content-length']
const PEERS_HEAD = [...SECURITY, 'cache-control', 'no-store', ...JSON_TYPE, 'content-length']

/** A call with a small JSON body. */
interface HotPost {
  readonly times: CallTimes
  /** Its answer, in ASCII; undefined when the framework is to have it. */
  answer(body: unknown, caller: Caller): string | undefined
}

/** Takes its place in front of `app`'s own listeners. */
export function openHotLane(app: HttpApp, deps: HotLaneDeps): void {
  app.addHook('onListen', async () => prepareSchemaChecks())
  const make = (pass: RequestListener): RequestListener => {
    const lane = new HotLane(deps, pass)
    for (const times of lane.times()) times.joinHistogram(deps.metrics)
    return (request, response) => lane.take(request, response)
  }
  openHttpLane(app, make, { isWatched: false })
}

function hotPosts(desk: TrackerDesk): ReadonlyMap<string, HotPost> {
  return new Map([
    hotPost('/heartbeat', schemaCheck(HeartbeatRequest), (body, caller) => desk.heartbeat(body, caller)),
    hotPost('/chunk-acquired', schemaCheck(ChunkAcquiredRequest), (body, caller) => desk.acquiredNow(body, caller)),
    hotPost('/origin-lease', schemaCheck(OriginLeaseRequest), (body, caller) => desk.originLeaseNow(body, caller)),
  ])
}

function hotPost<T>(
  route: string,
  check: SchemaCheck<T>,
  call: (body: T, caller: Caller) => object | undefined,
): readonly [string, HotPost] {
  const answer = (body: unknown, caller: Caller): string | undefined => {
    const reply = check.fits(body) ? answered(() => call(body, caller)) : undefined
    return reply === undefined ? undefined : JSON.stringify(reply)
  }
  return [route, { times: new CallTimes({ method: 'POST', route, code: 200 }), answer }]
}

interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly startedAt: Millis
}

class HotLane {
  readonly #deps: HotLaneDeps
  readonly #pass: RequestListener
  readonly #posts: ReadonlyMap<string, HotPost>
  readonly #isQuery = schemaCheck(PeersQuery)
  readonly #peersTimes = new CallTimes({ method: 'GET', route: '/peers', code: 200 })

  constructor(deps: HotLaneDeps, pass: RequestListener) {
    this.#deps = deps
    this.#pass = pass
    this.#posts = hotPosts(deps.desk)
  }

  times(): readonly CallTimes[] {
    return [this.#peersTimes, ...[...this.#posts.values()].map(({ times }) => times)]
  }

  /** A tick later the parser is done with what just came: small bodies come with their heads, so that the whole request is there. */
  take(request: IncomingMessage, response: ServerResponse): void {
    const startedAt = this.#deps.clock.now()
    const { method, url = '' } = request
    const post = method === 'POST' ? this.#posts.get(url) : undefined
    if (post !== undefined) process.nextTick(() => this.#takePost(post, { request, response, startedAt }))
    else if (method === 'GET' && url.startsWith('/peers?')) process.nextTick(() => this.#takePeers(request, response, startedAt))
    else this.#pass(request, response)
  }

  #takePost(post: HotPost, { request, response, startedAt }: Exchange): void {
    const part = isSmallJson(request) ? (request.read() as Buffer | null) : null
    const reply = part === null ? undefined : post.answer(parseJson(part), { remoteAddress: undefined, token: bearerTokenOf(request) })
    if (reply !== undefined) {
      response.writeHead(200, [...POST_HEAD, String(reply.length)]).end(reply, 'latin1')
      post.times.note((this.#deps.clock.now() - startedAt) / 1000)
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
    this.#peersTimes.note((this.#deps.clock.now() - startedAt) / 1000)
  }
}

/** Whether a small JSON body is here, to its last byte. */
function isSmallJson({ headers, readableLength }: IncomingMessage): boolean {
  return (
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

/** Undefined when it was refused, or failed: the framework does the same again, and has the words. */
function answered<T>(call: () => T): T | undefined {
  try {
    return call()
  } catch {
    return undefined
  }
}
