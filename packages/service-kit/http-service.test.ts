// Checks over real sockets what every service promises: strict requests, problems for every error, health, figures, documentation.

import { connect } from 'node:net'
import { EvaError } from '@evastream/core/errors'
import { fakeClock } from '@evastream/testkit/fake-clock'
import { Counter, Registry } from 'prom-client'
import { type TSchema, Type } from 'typebox'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { HttpApp } from './http-app.ts'
import { createHttpService } from './http-service.ts'
import { listen } from './listen.ts'
import { createLogger } from './logger.ts'
import { schemaCheck } from './schema-check.ts'

const silent = { write: () => undefined }
const logger = createLogger({ name: 'test', level: 'silent' }, { stdout: silent, stderr: silent })

const Body = Type.Object({ count: Type.Integer(), inner: Type.Optional(Type.Object({ name: Type.String() })) })
const Query = Type.Object({ limit: Type.Optional(Type.Integer({ minimum: 1 })) })
const Params = Type.Object({ songId: Type.String({ pattern: '^[a-z0-9-]+$' }) })

function addTestRoutes(app: HttpApp): void {
  app.post('/things', { schema: { body: Body } }, async request => ({ got: request.body }))
  app.get('/things', { schema: { querystring: Query } }, async request => ({
    limit: request.query.limit ?? null,
    isNumber: typeof request.query.limit,
  }))
  app.get('/songs/:songId', { schema: { params: Params } }, async request => ({ songId: request.params.songId }))
  app.get('/bug', async () => {
    throw new TypeError('secret internals at /home/someone')
  })
  app.get('/busy', async () => {
    throw new EvaError('EVA_LIMIT_REACHED', { details: { limit: 3, what: 'things', retryAfterMs: 1_500 } })
  })
}

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly json: Record<string, unknown>
}

describe('http service', () => {
  let app: HttpApp
  let base = ''
  let notReady: string | undefined
  const registry = new Registry()

  beforeAll(async () => {
    app = await createHttpService(
      { logger, registry, isReady: () => notReady },
      { service: 'test', title: 'Test', version: '1.2.3', bodyLimitBytes: 1_000 },
    )
    addTestRoutes(app)
    new Counter({ name: 'evastream_things_total', help: 'things', registers: [registry] }).inc(7)
    base = (await listen(app, { host: '127.0.0.1', port: 0, portFlag: '--port' })).url
  })
  afterEach(() => {
    notReady = undefined
  })
  afterAll(async () => await app.close())

  async function call(path: string, init: RequestInit = {}): Promise<Answer> {
    const reply = await fetch(base + path, init)
    const text = await reply.text()
    const isJson = reply.headers.get('content-type')?.includes('json') === true && text !== ''
    return { status: reply.status, headers: reply.headers, text, json: isJson ? (JSON.parse(text) as Record<string, unknown>) : {} }
  }
  const post = (body: string, type = 'application/json') => call('/things', { method: 'POST', body, headers: { 'content-type': type } })

  function expectProblem(answer: Answer, status: number, code: string): void {
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/)
    expect(answer.json).toMatchObject({ status, code, type: `urn:evastream:error:${code}` })
    for (const member of ['title', 'detail', 'nextStep']) expect(answer.json[member]).toEqual(expect.stringMatching(/./))
    expect(answer.status).toBe(status)
    expect(answer.text).not.toMatch(/node_modules|\.ts:| {4}at /)
  }

  it('a good body: arrives as it was sent, numbers as numbers', async () => {
    expect((await post('{"count":3,"inner":{"name":"x"}}')).json).toEqual({ got: { count: 3, inner: { name: 'x' } } })
    expect((await post('{"count":3}', 'application/json; charset=utf-8')).status).toBe(200)
  })

  it.each([
    ['a number as text', '{"count":"3"}', '"count" must be integer'],
    ['a boolean for a number', '{"count":true}', '"count" must be integer'],
    ['a number past all bounds', '{"count":1e999}', '"count" must be integer'],
    ['a missing field', '{}', '"count" is missing'],
    ['an unknown field', '{"count":3,"extra":1}', '"extra" is not known'],
    ['an unknown field further in', '{"count":3,"inner":{"name":"x","extra":1}}', '"inner.extra" is not known'],
    ['a list', '[]', 'the body must be object'],
    ['null', 'null', 'the body must be object'],
    ['malformed JSON', '{"count":', 'the body is not JSON'],
    ['nothing', '', 'the body is empty'],
    ['__proto__', '{"count":3,"__proto__":{"admin":true}}', 'the body is not JSON'],
    ['__proto__ further in', '{"count":3,"inner":{"name":"x","__proto__":{}}}', 'the body is not JSON'],
    ['constructor.prototype', '{"count":3,"constructor":{"prototype":{}}}', 'the body is not JSON'],
  ])('a body: %s: is refused naming what is wrong', async (_what, body, reason) => {
    const answer = await post(body)
    expectProblem(answer, 400, 'EVA_REQUEST_INVALID')
    expect(answer.json.detail).toContain(reason)
    expect(({} as Record<string, unknown>).admin).toBeUndefined()
  })

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'application/jsonx', 'multipart/form-data; boundary=x'])(
    'a body: of type %s: is 415',
    async type => {
      expectProblem(await post('{"count":3}', type), 415, 'EVA_MEDIA_TYPE_UNSUPPORTED')
    },
  )

  it('a body: larger than the limit: is 413 and tells the limit', async () => {
    const answer = await post(JSON.stringify({ count: 3, inner: { name: 'x'.repeat(2_000) } }))
    expectProblem(answer, 413, 'EVA_REQUEST_TOO_LARGE')
    expect(answer.json.limitBytes).toBe(1_000)
  })

  it('a query: a number in text: is read as one; other names, doubles and bad values are refused', async () => {
    expect((await call('/things?limit=7')).json).toEqual({ limit: 7, isNumber: 'number' })
    for (const query of ['limit=x', 'limit=0', 'limit=1.5', 'limit=', 'limit=1&limit=2', 'limt=1', '__proto__=1'])
      expectProblem(await call(`/things?${query}`), 400, 'EVA_REQUEST_INVALID')
  })

  it.each(['..%2F..%2Fetc%2Fpasswd', 'A%00', '%F0%9F%8E%B5', 'x'.repeat(1_000).toUpperCase()])(
    'an id: %s: is refused by its own code',
    async id => {
      expectProblem(await call(`/songs/${id}`), 400, 'EVA_SONG_ID_INVALID')
    },
  )

  it('an unknown path: is 404 and names it', async () => {
    const answer = await call('/nothing/here?x=1')
    expectProblem(answer, 404, 'EVA_ROUTE_NOT_FOUND')
    expect(answer.json).toMatchObject({ path: '/nothing/here', method: 'GET' })
  })

  it('a known path: with another method: is 405 and lists the allowed', async () => {
    const answer = await call('/things', { method: 'DELETE' })
    expectProblem(answer, 405, 'EVA_METHOD_NOT_ALLOWED')
    expect(answer.headers.get('allow')).toBe('GET, HEAD, POST')
    expectProblem(await call('/songs/x', { method: 'PUT' }), 405, 'EVA_METHOD_NOT_ALLOWED')
  })

  it('a malformed path: is a problem too', async () => {
    expectProblem(await call('/songs/%zz'), 400, 'EVA_REQUEST_INVALID')
  })

  it('HEAD: of anything one can GET: has its headers and no body', async () => {
    const [head, get] = await Promise.all([call('/things', { method: 'HEAD' }), call('/things')])
    expect(head.status).toBe(200)
    expect(head.headers.get('content-length')).toBe(get.headers.get('content-length'))
    expect(head.text).toBe('')
  })

  it('our own bug: is 500 and keeps its insides to itself', async () => {
    const answer = await call('/bug')
    expectProblem(answer, 500, 'EVA_INTERNAL')
    expect(answer.text).not.toContain('secret')
  })

  it('a limit: tells in Retry-After how long to wait, in whole seconds', async () => {
    const answer = await call('/busy')
    expectProblem(answer, 429, 'EVA_LIMIT_REACHED')
    expect(answer.headers.get('retry-after')).toBe('2')
    expect(answer.json).toMatchObject({ limit: 3, what: 'things', retryAfterMs: 1_500 })
  })

  it('health: alive always, ready only when the service says so', async () => {
    expect((await call('/livez')).status).toBe(200)
    expect((await call('/readyz')).json).toEqual({ status: 'ready' })
    notReady = 'the catalog is not open'
    const answer = await call('/readyz')
    expectProblem(answer, 503, 'EVA_NOT_READY')
    expect(answer.json.detail).toContain('the catalog is not open')
    expect((await call('/livez')).status).toBe(200)
  })

  it('figures: requests by method, route and code, the service’s own, the process’s; no path of a stranger', async () => {
    await call('/songs/abc')
    await call('/made-up-by-a-stranger')
    const { text, headers } = await call('/metrics')
    expect(headers.get('content-type')).toMatch(/^text\/plain/)
    expect(text).toMatch(/http_request_duration_seconds_count\{method="GET",route="\/songs\/:songId",code="200"\} \d/)
    expect(text).toMatch(/http_request_duration_seconds_count\{method="GET",route="\(none\)",code="404"\} \d/)
    expect(text).toContain('evastream_things_total 7')
    expect(text).toContain('process_cpu_seconds_total')
    expect(text).not.toContain('stranger')
  })

  it('documentation: the interface as OpenAPI, and a page whose every asset comes from here', async () => {
    const { json } = await call('/openapi.json')
    expect(json).toMatchObject({ openapi: '3.1.0', info: { title: 'Test', version: '1.2.3' } })
    expect(Object.keys(json.paths as object)).toEqual(expect.arrayContaining(['/things', '/songs/{songId}', '/livez', '/metrics']))
    const page = await call('/docs')
    expect(page.status).toBe(200)
    const assets = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(match => match[1] ?? '')
    expect(assets.length).toBeGreaterThan(3)
    for (const asset of assets) {
      expect(asset).toMatch(/^(\.\/|\/docs\/)/)
      expect((await call(new URL(asset, `${base}/docs/`).pathname)).status).toBe(200)
    }
  })

  it('a service that prepares for requests: has compiled what they must look like once it listens, and no other service has', async () => {
    for (const preparesRequests of [true, false]) {
      let isCompiled = false
      const noted = () => {
        isCompiled = true
        return 'object'
      }
      const body = Object.defineProperty({}, 'type', { enumerable: true, get: noted })
      let isCheckCompiled = false
      const notedCheck = () => {
        isCheckCompiled = true
        return 'object'
      }
      const checked = Object.defineProperty({}, 'type', { enumerable: true, get: notedCheck })
      schemaCheck(checked as TSchema)
      const deps = { logger, registry: new Registry(), isReady: () => undefined }
      const service = await createHttpService(deps, { service: 'test', title: 'Test', version: '1', preparesRequests })
      service.post('/watched', { schema: { body } }, async () => ({}))
      await service.ready()
      isCompiled = false
      await listen(service, { host: '127.0.0.1', port: 0, portFlag: '--port' })
      for (let turn = 0; turn < 20; turn++) await new Promise(resolve => setImmediate(resolve))
      expect([isCompiled, isCheckCompiled]).toEqual([preparesRequests, preparesRequests])
      await service.close()
    }
  })

  it('every reply: carries the headers that keep browsers from guessing and framing', async () => {
    for (const path of ['/livez', '/nothing', '/bug']) {
      const { headers } = await call(path)
      expect(headers.get('x-content-type-options')).toBe('nosniff')
      expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
    }
  })

  it.each([
    ['no HTTP at all', 'HELO stranger\r\n\r\n', 400],
    ['headers without end', `GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`, 431],
    ['two lengths', 'POST /things HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n', 400],
  ])('a socket: %s: gets one problem and is closed', async (_what, bytes, status) => {
    const text = await speak(base, bytes)
    const [head = '', body = ''] = text.split('\r\n\r\n')
    expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(head).toContain('Content-Type: application/problem+json')
    expect(JSON.parse(body)).toMatchObject({ status, code: 'EVA_REQUEST_INVALID' })
  })
})

/** Everything a server says to these bytes until it closes. */
async function speak(base: string, bytes: string): Promise<string> {
  const socket = connect(Number(new URL(base).port), '127.0.0.1')
  socket.setEncoding('latin1').write(bytes)
  let text = ''
  for await (const part of socket) text += String(part)
  return text
}

/** The drain sets the one timer there is. */
async function untilDraining(clock: { readonly pendingCount: number }): Promise<void> {
  while (clock.pendingCount === 0) await new Promise(resolve => setImmediate(resolve))
}

describe('http service: closing', () => {
  async function serve(clock = fakeClock()) {
    const app = await createHttpService(
      { logger, registry: new Registry(), isReady: () => undefined, timers: clock },
      { service: 'test', title: 'Test', version: '1' },
    )
    let finish: () => void = () => undefined
    const isEntered = new Promise<void>(entered => {
      app.get('/slow', async () => {
        entered()
        await new Promise<void>(resolve => {
          finish = resolve
        })
        return { done: true }
      })
    })
    const { url } = await listen(app, { host: '127.0.0.1', port: 0, portFlag: '--port' })
    return { app, url, clock, isEntered, finish: () => finish() }
  }

  it('idle connections: kept alive or never used: do not hold it up', async () => {
    const { app, url, clock } = await serve()
    await (await fetch(`${url}/livez`)).text()
    const unused = connect(Number(new URL(url).port), '127.0.0.1')
    unused.on('error', () => undefined)
    await new Promise(resolve => unused.once('connect', resolve))
    await app.close()
    expect(clock.pendingCount).toBe(0)
  })

  it('a request under way: is answered before the close is done', async () => {
    const { app, url, clock, isEntered, finish } = await serve()
    const reply = fetch(`${url}/slow`)
    await isEntered
    const closed = app.close()
    await untilDraining(clock)
    finish()
    expect(await (await reply).json()).toEqual({ done: true })
    await closed
  })

  it('a kept connection: with a request under way: ends with its reply', async () => {
    const { app, url, clock, isEntered, finish } = await serve()
    const answer = speak(url, 'GET /slow HTTP/1.1\r\nhost: x\r\n\r\n')
    await isEntered
    const closed = app.close()
    await untilDraining(clock)
    finish()
    expect(await answer).toContain('{"done":true}')
    await closed
  })

  it('a request that comes while closing: is 503 as a problem', async () => {
    const { app, url, clock, isEntered, finish } = await serve()
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    socket.setEncoding('latin1').write('GET /slow HTTP/1.1\r\nhost: x\r\n\r\n')
    await isEntered
    const closed = app.close()
    await untilDraining(clock)
    const late = new Promise(resolve => app.server.once('request', resolve))
    socket.write('GET /livez HTTP/1.1\r\nhost: x\r\n\r\n')
    await late
    finish()
    let text = ''
    for await (const part of socket) text += String(part)
    await closed
    expect(text).toMatch(/\{"done":true\}HTTP\/1\.1 503 /)
    expect(text).toContain('"code":"EVA_NOT_READY"')
  })

  it('a request that never ends: is cut when the drain is over', async () => {
    const { app, url, clock, isEntered } = await serve()
    const reply = fetch(`${url}/slow`)
    await isEntered
    const closed = app.close()
    await untilDraining(clock)
    clock.advance(4_999)
    clock.advance(1)
    await expect(reply).rejects.toThrow()
    await closed
  })
})
