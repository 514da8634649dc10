// The short way of a chunk: what peers ask, as they ask it, answered past the framework, whose share was two thirds of an answer.
// Not another interface and no refusals: HEAD, other spellings and everything that is refused go the framework's way (routes.ts).
// Invariant: what it answers has the framework's head and is counted in the same figures.

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { EvaError } from '@evastream/core/errors'
import { type ChunkId, parseSongId, type SongId } from '@evastream/core/ids'
import type { Millis } from '@evastream/core/units'
import { CHUNK_PATH, parseChunkId } from '@evastream/protocol/origin-http'
import { CallTimes } from '@evastream/service-kit/call-times'
import type { HttpApp } from '@evastream/service-kit/http-app'
import { openHttpLane } from '@evastream/service-kit/http-lane'
import { SECURITY_HEADERS } from '@evastream/service-kit/http-service'
import type { Registry } from 'prom-client'
import type { AskedFile, FileExchange, FileServer } from './file-server.ts'
import type { OriginCounters } from './origin-counters.ts'

export interface ChunkLaneDeps {
  readonly files: FileServer
  readonly counters: OriginCounters
  readonly clock: { now(): Millis }
  readonly metrics: Registry
  /** A chunk as the route would serve it. */
  readonly chunkOf: (songId: SongId, chunkId: ChunkId) => AskedFile
}

/** As the peers' client asks. */
const CLIENTS_QUESTION = /^\/chunk\?songId=([\w.-]+)&chunkId=(\d+)$/
const SECURITY = Object.entries(SECURITY_HEADERS).flat()

/** Takes its place in front of `app`'s own listener. */
export function openChunkLane(app: HttpApp, deps: ChunkLaneDeps): void {
  const make = (pass: RequestListener): RequestListener => {
    const lane = new ChunkLane(deps, pass)
    return (request, response) => lane.take(request, response)
  }
  openHttpLane(app, make, { isWatched: true })
}

class ChunkLane {
  readonly #deps: ChunkLaneDeps
  readonly #pass: RequestListener
  readonly #wholeTimes = new CallTimes({ method: 'GET', route: CHUNK_PATH, code: 200 })
  readonly #partTimes = new CallTimes({ method: 'GET', route: CHUNK_PATH, code: 206 })

  constructor(deps: ChunkLaneDeps, pass: RequestListener) {
    this.#deps = deps
    this.#pass = pass
    this.#wholeTimes.joinHistogram(deps.metrics)
    this.#partTimes.joinHistogram(deps.metrics)
  }

  take(request: IncomingMessage, response: ServerResponse): void {
    const startedAt = this.#deps.clock.now()
    const chunk = isPlain(request) ? this.#chunkOf(request.url ?? '') : undefined
    if (chunk === undefined) {
      this.#pass(request, response)
      return
    }
    const begin: FileExchange['begin'] = ({ status, fields }) => {
      // To its end, or Node would resume the request as a stream to get there.
      request.read()
      return response.writeHead(status, [...SECURITY, ...fields])
    }
    this.#deps.files.serve({ request, begin, ...chunk }, outcome => {
      if (outcome.kind === 'sent') this.#count(outcome.status, startedAt)
      // The framework meets with the same, and says it in words.
      else if (outcome.kind === 'refused') this.#pass(request, response)
    })
  }

  #count(status: number, startedAt: Millis): void {
    const { counters, clock } = this.#deps
    const times = status === 206 ? this.#partTimes : this.#wholeTimes
    counters.countRequest(status)
    times.note((clock.now() - startedAt) / 1000)
  }

  #chunkOf(url: string): AskedFile | undefined {
    const words = CLIENTS_QUESTION.exec(url)
    if (words === null) return undefined
    try {
      return this.#deps.chunkOf(parseSongId(words[1]), parseChunkId(words[2]))
    } catch (thrown) {
      if (thrown instanceof EvaError) return undefined
      throw thrown
    }
  }
}

/** Nothing but a question: no body, and nothing that an answer without a body might follow from. */
function isPlain({ method, headers }: IncomingMessage): boolean {
  return (
    method === 'GET' &&
    headers['if-none-match'] === undefined &&
    headers['content-length'] === undefined &&
    headers['transfer-encoding'] === undefined
  )
}
