// The queue of songs to come, over the peer's own HTTP interface: put there by a player's page or `evastream play`, and read back.
// Not its meaning (play-queue-desk.ts), and not behind a guard of its own: player-routes.ts guards the whole server.
// Invariant: what is answered is the queue as it stands, not as it was sent.

import { parseSongId } from '@evastream/core/ids'
import { PlayQueue, PlayQueueOrder } from '@evastream/protocol/peer-http'
import type { HttpApp } from '@evastream/service-kit/http-app'
import type { PlayQueueDesk } from './play-queue-desk.ts'

export interface QueueRoutesDeps {
  readonly queue: Pick<PlayQueueDesk, 'order' | 'songIds'>
}

const NO_STORE = { 'cache-control': 'no-store' }

export function addQueueRoutes(app: HttpApp, { queue }: QueueRoutesDeps): void {
  const tags = ['peer']
  const readSchema = { tags, summary: 'The songs to come after the one being played', response: { 200: PlayQueue } }
  app.get('/api/queue', { schema: readSchema }, async (_request, reply) => {
    reply.headers(NO_STORE)
    return { songIds: [...queue.songIds] }
  })
  const orderSchema = { tags, summary: 'Say which songs come next', body: PlayQueueOrder, response: { 200: PlayQueue } }
  app.put('/api/queue', { schema: orderSchema }, async (request, reply) => {
    const songIds = await queue.order(request.body.songIds.map(parseSongId))
    reply.headers(NO_STORE)
    return { songIds: [...songIds] }
  })
}
