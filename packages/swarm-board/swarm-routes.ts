// The swarm page's HTTP routes, for a listener's own peer and for the operator's server alike.
// Not the figures (swarm-board.ts) and not the guard: whose server it is guards it, and says who is the operator.
// Invariant: peer ids and addresses leave only for the operator.

import type { IncomingHttpHeaders } from 'node:http'
import { parseSongId } from '@evastream/core/ids'
import { Type } from '@evastream/protocol/json-schema'
import { HistoryQuery, SwarmHistory, SwarmNow, SwarmSong } from '@evastream/protocol/swarm-http'
import type { HttpApp } from '@evastream/service-kit/http-app'
import type { SwarmBoard } from './swarm-board.ts'

export interface SwarmRoutesDeps {
  readonly board: SwarmBoard
  isOperator(request: { readonly headers: IncomingHttpHeaders }): boolean
}

const SongParams = Type.Object({ songId: Type.String({ maxLength: 1024 }) }, { additionalProperties: false })
const NO_STORE = { 'cache-control': 'no-store' }

export function addSwarmRoutes(app: HttpApp, { board, isOperator }: SwarmRoutesDeps): void {
  const tags = ['swarm']
  app.get(
    '/api/swarm',
    { schema: { tags, summary: 'What flows now, from the server and between listeners', response: { 200: SwarmNow } } },
    async (_request, reply) => {
      reply.headers(NO_STORE)
      return board.now()
    },
  )
  app.get(
    '/api/swarm/history',
    {
      schema: {
        tags,
        summary: 'What flowed when, and from when on the swarm lived by itself',
        querystring: HistoryQuery,
        response: { 200: SwarmHistory },
      },
    },
    async (request, reply) => {
      reply.headers(NO_STORE)
      return board.history(request.query.span ?? '15m')
    },
  )
  app.get(
    '/api/swarm/songs/:songId',
    { schema: { tags, summary: 'Who holds and sends which chunk of a song', params: SongParams, response: { 200: SwarmSong } } },
    async (request, reply) => {
      reply.headers(NO_STORE)
      return board.song(parseSongId(request.params.songId), isOperator(request))
    },
  )
}
