// The songs to come, over the peer's own HTTP interface: put there by a player's page or `evastream play`, each its own, and read back.
// Not their meaning (play-queue-desk.ts), and not behind a guard of their own: player-routes.ts guards the whole server.
// Invariant: what is answered is the queue as it stands, not as it was sent.

import { parseSongId } from '@evastream/core/ids'
import { PlayQueue, PlayQueueOrder, PlayQueueQuery } from '@evastream/protocol/peer-http'
import type { HttpApp } from '@evastream/service-kit/http-app'
import type { PlayQueueDesk } from '../playback/play-queue-desk.ts'

export interface QueueRoutesDeps {
  readonly queue: Pick<PlayQueueDesk, 'order' | 'songIds' | 'songIdsOf'>
}

const NO_STORE = { 'cache-control': 'no-store' }

export function addQueueRoutes(app: HttpApp, { queue }: QueueRoutesDeps): void {
  const tags = ['peer']
  const querystring = PlayQueueQuery
  const readSchema = { tags, summary: 'The songs to come after the one being played', querystring, response: { 200: PlayQueue } }
  app.get('/api/queue', { schema: readSchema }, async ({ query }, reply) => {
    reply.headers(NO_STORE)
    return { songIds: [...queue.songIdsOf(query.listener)] }
  })
  const allSchema = { tags, summary: 'The songs to come of all listeners, by turns', response: { 200: PlayQueue } }
  app.get('/api/queues', { schema: allSchema }, async (_request, reply) => {
    reply.headers(NO_STORE)
    return { songIds: [...queue.songIds] }
  })
  const orderSchema = { tags, summary: 'Say which songs come next', querystring, body: PlayQueueOrder, response: { 200: PlayQueue } }
  app.put('/api/queue', { schema: orderSchema }, async ({ query, body }, reply) => {
    const songIds = await queue.order(body.songIds.map(parseSongId), query.listener)
    reply.headers(NO_STORE)
    return { songIds: [...songIds] }
  })
}
