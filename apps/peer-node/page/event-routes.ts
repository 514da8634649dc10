// What happens here, as Server-Sent Events: every event of the node one by one, or the topics that a page watches.
// Not behind a guard of its own: player-routes.ts guards the whole server.
// Invariant: a watcher too many is refused with a time to come back, no one address takes everybody's places, and the server's end is
// the end of every stream.

import type { Readable } from 'node:stream'
import { addressScope, observedHost } from '@evastream/core/address'
import { EvaError } from '@evastream/core/errors'
import { parseSongId } from '@evastream/core/ids'
import { EventsQuery } from '@evastream/protocol/page-http'
import type { HttpApp } from '@evastream/service-kit/http-app'
import { type NodeEvents, WATCHERS_MAX } from '../node-events.ts'
import type { EventTopics } from './event-topics.ts'
import { RETRY_AFTER_MS } from './service-trouble.ts'

export interface EventRoutesDeps {
  readonly events: Pick<NodeEvents, 'watch' | 'close'>
  readonly topics: Pick<EventTopics, 'watch' | 'close'>
}

const HEADERS = { 'cache-control': 'no-store', 'content-type': 'text/event-stream' }
/** Of one address, by either kind of stream: a visible page takes one. */
const OF_ADDRESS_MAX = 16
/** Of this machine, where a proxy may speak for many. */
const OF_LOOPBACK_MAX = 48

export function addEventRoutes(app: HttpApp, { events, topics }: EventRoutesDeps): void {
  const schema = { tags: ['peer'], summary: 'What happens, as Server-Sent Events', querystring: EventsQuery }
  const watchers = new WatchersByAddress()
  // The framework's answer to HEAD would read a stream that has no end.
  app.get('/api/events', { schema, exposeHeadRoute: false }, async ({ ip, query }, reply) => {
    const songIds = listOf(query.songId).map(parseSongId)
    const watch = () => (query.topics === undefined ? events.watch() : topics.watch(listOf(query.topics), { songIds }))
    return reply.headers(HEADERS).send(watchers.enter(ip, watch))
  })
  app.addHook('preClose', async () => {
    events.close()
    topics.close()
  })
}

class WatchersByAddress {
  readonly #counts = new Map<string, number>()

  /** @throws EvaError `EVA_LIMIT_REACHED` */
  enter(ip: string, watch: () => Readable | undefined): Readable {
    const address = observedHost(ip) ?? ip
    const count = this.#counts.get(address) ?? 0
    const limit = addressScope(address) === 'loopback' ? OF_LOOPBACK_MAX : OF_ADDRESS_MAX
    if (count >= limit) throw tooMany('watchers of one address', limit)
    const stream = watch()
    if (stream === undefined) throw tooMany('watchers', WATCHERS_MAX)
    this.#counts.set(address, count + 1)
    stream.once('close', () => this.#left(address))
    return stream
  }

  #left(address: string): void {
    const count = (this.#counts.get(address) ?? 0) - 1
    if (count > 0) this.#counts.set(address, count)
    else this.#counts.delete(address)
  }
}

function tooMany(what: string, limit: number): EvaError {
  return new EvaError('EVA_LIMIT_REACHED', { details: { what, limit, retryAfterMs: RETRY_AFTER_MS } })
}

function listOf(text: string | undefined): string[] {
  return text === undefined ? [] : text.split(',')
}
