// The tracker's HTTP interface: each call's schema, and where it goes.
// Not decisions: the desk makes them; schemas are shared with the client in packages/protocol.
// Invariant: what reaches the desk fits its schema, and a token only ever comes in the Authorization header.

import type { IncomingHttpHeaders } from 'node:http'
import {
  ChunkAcquiredRequest,
  ChunkReleasedRequest,
  ChunksReply,
  DeregisterReply,
  DeregisterRequest,
  HeartbeatReply,
  HeartbeatRequest,
  OriginLeaseReply,
  OriginLeaseRequest,
  OriginLeaseReturn,
  OriginLeaseReturned,
  PeerReportReply,
  PeerReportRequest,
  PeersQuery,
  PeersReply,
  RegisterRequest,
  Registration,
  SwarmParams,
  SwarmQuery,
  SwarmReply,
  SwarmsQuery,
  SwarmsReply,
  TrackerStats,
} from '@evastream/protocol/tracker-http'
import type { HttpApp } from '@evastream/service-kit/http-app'
import { bearerTokenOf } from '@evastream/service-kit/operator-token'
import type { Caller, TrackerDesk } from './tracker-desk.ts'

/** Room for the longest announcement: ten thousand chunk ids of seven digits, and two long ids. */
export const BODY_LIMIT_BYTES = 128 * 1024

const JSON_MEDIA_TYPE = 'application/json; charset=utf-8'

export function addTrackerRoutes(app: HttpApp, desk: TrackerDesk): void {
  addPeerRoutes(app, desk)
  addChunkRoutes(app, desk)
  addLeaseRoutes(app, desk)
  addReadingRoutes(app, desk)
}

function addPeerRoutes(app: HttpApp, desk: TrackerDesk): void {
  const tags = ['peers']
  app.post(
    '/register',
    {
      schema: {
        tags,
        summary: 'Become known, or take up a known id with its token',
        body: RegisterRequest,
        response: { 201: Registration },
      },
    },
    async (request, reply) => reply.code(201).send(desk.register(request.body, callerOf(request))),
  )
  app.post(
    '/heartbeat',
    { schema: { tags, summary: 'Stay known', body: HeartbeatRequest, response: { 200: HeartbeatReply } } },
    async request => desk.heartbeat(request.body, callerOf(request)),
  )
  app.post(
    '/deregister',
    { schema: { tags, summary: 'Leave, with all chunks', body: DeregisterRequest, response: { 200: DeregisterReply } } },
    async request => desk.deregister(request.body.peerId, callerOf(request)),
  )
  app.post(
    '/peer-report',
    { schema: { tags, summary: 'Tell of a peer that does not answer', body: PeerReportRequest, response: { 202: PeerReportReply } } },
    async (request, reply) => reply.code(202).send(desk.report(request.body, callerOf(request))),
  )
}

function addChunkRoutes(app: HttpApp, desk: TrackerDesk): void {
  const tags = ['chunks']
  app.post(
    '/chunk-acquired',
    { schema: { tags, summary: 'Announce chunks held', body: ChunkAcquiredRequest, response: { 200: ChunksReply } } },
    async request => desk.acquired(request.body, callerOf(request)),
  )
  app.post(
    '/chunk-released',
    { schema: { tags, summary: 'Take announcements back', body: ChunkReleasedRequest, response: { 200: ChunksReply } } },
    async request => desk.released(request.body, callerOf(request)),
  )
}

function addLeaseRoutes(app: HttpApp, desk: TrackerDesk): void {
  const tags = ['leases']
  app.post(
    '/origin-lease',
    {
      schema: { tags, summary: 'Ask which chunks to fetch from the origin', body: OriginLeaseRequest, response: { 200: OriginLeaseReply } },
    },
    async request => desk.originLease(request.body, callerOf(request)),
  )
  app.post(
    '/origin-lease-returned',
    { schema: { tags, summary: 'Give leases back unused', body: OriginLeaseReturn, response: { 200: OriginLeaseReturned } } },
    async request => desk.returnLeases(request.body, callerOf(request)),
  )
}

function addReadingRoutes(app: HttpApp, desk: TrackerDesk): void {
  const tags = ['swarms']
  app.get(
    '/peers',
    {
      schema: { tags, summary: 'A random sample of the peers that hold a song', querystring: PeersQuery, response: { 200: PeersReply } },
      // It is JSON already, whatever its type says.
      serializerCompiler: () => (bytes: unknown) => String(bytes),
    },
    async (request, reply) =>
      reply
        .header('cache-control', 'no-store')
        .type(JSON_MEDIA_TYPE)
        .send(desk.peers(request.query) as unknown as PeersReply),
  )
  app.get('/stats', { schema: { tags, summary: 'What the tracker counted', response: { 200: TrackerStats } } }, async (_request, reply) =>
    reply.header('cache-control', 'no-store').send(desk.stats()),
  )
  app.get(
    '/swarms/:songId',
    {
      schema: {
        tags,
        summary: 'How often each chunk of a song is held, and by whom',
        params: SwarmParams,
        querystring: SwarmQuery,
        response: { 200: SwarmReply },
      },
    },
    async (request, reply) => reply.header('cache-control', 'no-store').send(desk.swarm(request.params.songId, request.query)),
  )
  app.get(
    '/swarms',
    { schema: { tags, summary: 'The songs with the most peers', querystring: SwarmsQuery, response: { 200: SwarmsReply } } },
    async (request, reply) => reply.header('cache-control', 'no-store').send(desk.swarms(request.query.limit)),
  )
}

function callerOf(request: { readonly ip: string; readonly headers: IncomingHttpHeaders }): Caller {
  return { remoteAddress: request.ip, token: bearerTokenOf(request) }
}
