import { request } from 'node:http'
import { createHttpService } from '@evastream/service-kit/http-service'
import { listen } from '@evastream/service-kit/listen'
import { createLogger } from '@evastream/service-kit/logger'
import { trackerFixture } from '@evastream/testkit/tracker-fixture'
import { Registry } from 'prom-client'
import { afterEach, describe, expect, it } from 'vitest'
import { openHotLane } from './hot-lane.ts'
import { addTrackerRoutes, BODY_LIMIT_BYTES } from './routes.ts'
import { SongDirectory } from './song-directory.ts'
import { makeTrackerParts } from './tracker-parts.ts'

const open: { close(): Promise<unknown> }[] = []
afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
})

interface Reply {
  readonly status: number
  readonly type: string | undefined
  readonly body: string
  /** The framework's replies have headers for pages, the lane's have not. */
  readonly isOfLane: boolean
}

type Ask = (path: string, body: unknown, token?: string) => Promise<Reply>

/** One desk behind two servers: with the lane, and without. */
async function twoTrackers() {
  const { metadata, deps, options } = trackerFixture({ songId: 'song-1' })
  const { desk } = makeTrackerParts({ ...deps, directory: new SongDirectory({ metadata, ...deps }, options) }, options)
  const serve = async (isHot: boolean): Promise<{ readonly ask: Ask; readonly metrics: Registry }> => {
    const metrics = new Registry()
    const app = await createHttpService(
      { logger: createLogger({ name: 'tracker', level: 'silent' }), registry: metrics, isReady: () => undefined },
      { service: 'tracker', title: 'tracker', version: '0', bodyLimitBytes: BODY_LIMIT_BYTES },
    )
    addTrackerRoutes(app, desk)
    if (isHot) openHotLane(app, { ...deps, desk, metrics })
    const { url } = await listen(app, { host: '127.0.0.1', port: 0, portFlag: '--port' })
    open.push(app)
    return { ask: (path, body, token) => askAsClientsDo(`${url}${path}`, body, token), metrics }
  }
  const [hot, plain] = [await serve(true), await serve(false)]
  const { token } = JSON.parse((await hot.ask('/register', { peerId: 'peer-1', port: 9001 })).body) as { readonly token: string }
  return { hot, plain, token }
}

/** Head and body in one go. */
function askAsClientsDo(url: string, body: unknown, token?: string): Promise<Reply> {
  const headers = { 'content-type': 'application/json', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) }
  return new Promise((resolve, reject) => {
    const call = request(url, { method: 'POST', headers, agent: false }, reply => {
      let text = ''
      reply.setEncoding('utf8').on('data', part => (text += part))
      reply.on('end', () => {
        const isOfLane = reply.headers['x-frame-options'] === undefined
        resolve({ status: reply.statusCode ?? 0, type: reply.headers['content-type'], body: text, isOfLane })
      })
    })
    call.on('error', reject).end(typeof body === 'string' ? body : JSON.stringify(body))
  })
}

const me = { peerId: 'peer-1' }
const mine = { ...me, songId: 'song-1' }
const hotCalls: [path: string, body: object][] = [
  ['/heartbeat', { ...me, originBytes: 5 }],
  ['/chunk-acquired', { ...mine, chunkIds: [0, 3], sources: [{ chunkId: 0 }, { chunkId: 3, peerId: 'peer-2' }] }],
  ['/chunk-acquired', { ...mine, chunkId: 4 }],
  ['/origin-lease', { ...mine, chunkIds: [0, 1, 2, 5], expectedMs: 300, backlogMs: 10, uplinkBytesPerSecond: 1e6 }],
  ['/origin-lease', { ...mine, chunkId: 8 }],
  ['/origin-lease', { ...mine, chunkId: 6, acquired: { chunkIds: [0, 5], sources: [{ chunkId: 5 }], peerBytes: 7 } }],
]
const refusedCalls: [path: string, body: unknown][] = [
  ['/heartbeat', { peerId: 'peer-2' }],
  ['/chunk-acquired', mine],
  ['/chunk-acquired', { ...mine, chunkIds: [9] }],
  ['/chunk-acquired', { ...mine, chunkIds: [1], sources: [{ chunkId: 1, size: 3 }] }],
  ['/chunk-acquired', { ...mine, chunkIds: [1], peerId: 'peer-2' }],
  ['/origin-lease', { ...mine, chunkId: 1, chunkIds: [1] }],
  ['/origin-lease', { ...mine, chunkIds: [9] }],
  ['/origin-lease', { ...mine, chunkIds: [1.5] }],
  ['/origin-lease', `{"peerId":"peer-1","songId":"song-1","chunkId":1,"__proto__":{}}`],
  ['/origin-lease', { ...mine, chunkIds: [1], acquired: { chunkIds: [9] } }],
  ['/origin-lease', { ...mine, chunkIds: [1], acquired: { chunkIds: [] } }],
  ['/origin-lease', { ...mine, chunkIds: [1], acquired: { chunkIds: [1], chunkId: 1 } }],
  ['/origin-lease', '{"peerId":'],
]

describe('the hot lane', () => {
  it.each(hotCalls)('%s %j: is answered by the lane, byte for byte as the framework does', async (path, body) => {
    const { hot, plain, token } = await twoTrackers()
    // A song's first call waits for the metadata service, and so takes the long way.
    await hot.ask('/origin-lease', { ...mine, chunkId: 7 }, token)
    await hot.ask(path, body, token)
    const [answered, expected] = [await hot.ask(path, body, token), await plain.ask(path, body, token)]
    expect(answered).toEqual({ ...expected, isOfLane: true })
    expect(answered.status).toBe(200)
    expect(expected.isOfLane).toBe(false)
  })

  it.each(refusedCalls)('%s %j: is refused in the same words', async (path, body) => {
    const { hot, plain, token } = await twoTrackers()
    await hot.ask('/origin-lease', { ...mine, chunkId: 7 }, token)
    const [answered, expected] = [await hot.ask(path, body, token), await plain.ask(path, body, token)]
    expect(answered).toEqual(expected)
    expect(answered.status).toBeGreaterThanOrEqual(400)
  })

  it.each(hotCalls)('%s %j: without the token, or with another: refused, and nothing is noted', async (path, body) => {
    const { hot, token } = await twoTrackers()
    await hot.ask('/origin-lease', { ...mine, chunkId: 7 }, token)
    expect((await hot.ask(path, body)).status).toBe(401)
    expect((await hot.ask(path, body, 'x'.repeat(43))).status).toBe(403)
    const { chunksHeld } = JSON.parse((await hot.ask('/chunk-acquired', { ...mine, chunkId: 8 }, token)).body) as { chunksHeld: number }
    expect(chunksHeld).toBe(1)
  })

  it('a song that is not known yet: is looked up by the framework, and the next call is the lane’s', async () => {
    const { hot, token } = await twoTrackers()
    const call = ['/chunk-acquired', { ...mine, chunkId: 1 }, token] as const
    expect(await hot.ask(...call)).toMatchObject({ status: 200, isOfLane: false })
    expect(await hot.ask(...call)).toMatchObject({ status: 200, isOfLane: true })
  })

  it('an announcement that is longer than most: takes the long way', async () => {
    const { hot, token } = await twoTrackers()
    await hot.ask('/chunk-acquired', { ...mine, chunkId: 1 }, token)
    const chunkIds = Array.from({ length: 10_000 }, (_, number) => number % 9)
    expect(await hot.ask('/chunk-acquired', { ...mine, chunkIds }, token)).toMatchObject({ status: 200, isOfLane: false })
  })

  it('its calls: are in the histogram of requests, under their routes', async () => {
    const { hot, token } = await twoTrackers()
    for (const _ of [1, 2, 3]) await hot.ask('/chunk-acquired', { ...mine, chunkId: 1 }, token)
    await hot.ask('/origin-lease', { ...mine, chunkId: 2 }, token)
    const text = await hot.metrics.metrics()
    const counts = [...text.matchAll(/^http_request_duration_seconds_count\{.*route="(.*?)".*\} (\d+)$/gm)].map(([, route, count]) => [
      route,
      Number(count),
    ])
    expect(Object.fromEntries(counts)).toMatchObject({ '/register': 1, '/chunk-acquired': 3, '/origin-lease': 1 })
  })
})
