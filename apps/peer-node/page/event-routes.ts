// What happens here, as Server-Sent Events: every event of the node one by one, or the topics that a page watches.
// Not behind a guard of its own: player-routes.ts guards the whole server.
// Invariant: a watcher too many is refused with a time to come back, and the server's end is the end of every stream.

import type { Readable } from 'node:stream'
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

export function addEventRoutes(app: HttpApp, { events, topics }: EventRoutesDeps): void {
  const schema = { tags: ['peer'], summary: 'What happens, as Server-Sent Events', querystring: EventsQuery }
  app.get('/api/events', { schema }, async ({ query }, reply) => {
    const songIds = listOf(query.songId).map(parseSongId)
    return reply
      .headers(HEADERS)
      .send(orTooMany(query.topics === undefined ? events.watch() : topics.watch(listOf(query.topics), { songIds })))
  })
  app.addHook('preClose', async () => {
    events.close()
    topics.close()
  })
}

function orTooMany(stream: Readable | undefined): Readable {
  if (stream !== undefined) return stream
  throw new EvaError('EVA_LIMIT_REACHED', { details: { what: 'watchers', limit: WATCHERS_MAX, retryAfterMs: RETRY_AFTER_MS } })
}

function listOf(text: string | undefined): string[] {
  return text === undefined ? [] : text.split(',')
}
