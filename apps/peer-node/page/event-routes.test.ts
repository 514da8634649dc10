// Who may watch what happens here, and how many at once from one address; the streams' contents are checked with their makers.

import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { HttpApp } from '@evastream/service-kit/http-app'
import { createHttpService } from '@evastream/service-kit/http-service'
import { createLogger } from '@evastream/service-kit/logger'
import { eventually } from '@evastream/testkit/eventually'
import { fakeClock } from '@evastream/testkit/fake-clock'
import { Registry } from 'prom-client'
import { expect, it, onTestFinished } from 'vitest'
import { NodeEvents } from '../node-events.ts'
import { addEventRoutes } from './event-routes.ts'
import { EventTopics } from './event-topics.ts'

async function eventServer(): Promise<{ app: HttpApp; events: NodeEvents }> {
  const timers = fakeClock()
  const peers = { downloadingFrom: 0, uploadingTo: 0 }
  const totals = { kind: 'totals', received: { originBytes: 0, peerBytes: 0 }, sentBytes: 0, wastedBytes: 0, peers } as const
  const events = new NodeEvents({ timers, totals: () => totals })
  const logger = createLogger({ name: 'peer', level: 'silent' })
  const app = await createHttpService(
    { logger, registry: new Registry(), isReady: () => undefined },
    { service: 'peer', title: 'p', version: '1' },
  )
  addEventRoutes(app, { events, topics: new EventTopics({ timers }) })
  onTestFinished(() => app.close())
  return { app, events }
}

/** Watches, and goes on watching. */
async function watch(app: HttpApp, remoteAddress: string, url = '/api/events'): Promise<number> {
  return (await app.inject({ url, remoteAddress, payloadAsStream: true })).statusCode
}

async function watchTimes(count: number, app: HttpApp, remoteAddress: string): Promise<number[]> {
  const statuses: number[] = []
  for (let watcher = 0; watcher < count; watcher++)
    statuses.push(await watch(app, remoteAddress, watcher % 2 === 0 ? '/api/events' : '/api/events?topics=swarm'))
  return statuses
}

it('events: one address that watches 16 times, by either kind: is told to come back, and the others watch', async () => {
  const { app } = await eventServer()
  expect(await watchTimes(16, app, '192.168.1.20')).toEqual(Array.from({ length: 16 }, () => 200))
  for (const url of ['/api/events', '/api/events?topics=swarm']) {
    const refused = await app.inject({ url, remoteAddress: '::ffff:192.168.1.20' })
    expect(refused.json()).toMatchObject({ status: 429, code: 'EVA_LIMIT_REACHED', limit: 16, what: 'watchers of one address' })
    expect(refused.headers['retry-after']).toBe('2')
  }
  expect([await watch(app, '192.168.1.21'), await watch(app, '127.0.0.1')]).toEqual([200, 200])
})

it('events: this machine, or whoever comes by a proxy on it: watches often, and leaves room for others', async () => {
  const { app } = await eventServer()
  for (let watcher = 0; watcher < 48; watcher++) expect(await watch(app, '127.0.0.1')).toBe(200)
  expect([await watch(app, '127.0.0.1'), await watch(app, '192.168.1.20')]).toEqual([429, 200])
})

it('events: a watcher that leaves: makes room for another of its address', async () => {
  const { app, events } = await eventServer()
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const open = async (): Promise<IncomingMessage> => {
    const [reply] = await once(request({ port, path: '/api/events', agent: false }).end(), 'response')
    return reply.resume()
  }
  const replies = await Promise.all(Array.from({ length: 48 }, open))
  expect([...new Set(replies.map(reply => reply.statusCode)), (await open()).statusCode]).toEqual([200, 429])
  replies[0]?.destroy()
  await eventually('a watcher leaves', () => events.watcherCount === 47)
  expect((await open()).statusCode).toBe(200)
})

it('events: HEAD: watches nothing', async () => {
  const { app, events } = await eventServer()
  expect((await app.inject({ method: 'HEAD', url: '/api/events' })).statusCode).toBeGreaterThanOrEqual(400)
  expect(events.watcherCount).toBe(0)
})
