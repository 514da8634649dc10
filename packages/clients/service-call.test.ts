import type { IncomingMessage, ServerResponse } from 'node:http'
import { Type } from '@evastream/protocol/json-schema'
import { schemaCheck } from '@evastream/service-kit/schema-check'
import { loopbackHttp } from '@evastream/testkit/loopback-http'
import { afterEach, describe, expect, it } from 'vitest'
import { ServiceCaller } from './service-call.ts'

const Answer = Type.Object({ count: Type.Integer() })
const check = schemaCheck(Answer)
const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
})

async function aServiceThat(answer: (request: IncomingMessage, response: ServerResponse) => void, timeoutMs = 5000) {
  const server = await loopbackHttp(answer)
  const caller = new ServiceCaller('tracker', { baseUrl: server.url, timeoutMs })
  open.push(caller, server)
  const ask = (signal?: AbortSignal) => caller.json(check, { method: 'GET', path: '/count', signal })
  return { server, caller, ask }
}

function problem(response: ServerResponse, status: number, body: object, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/problem+json', ...headers }).end(JSON.stringify(body))
}

describe('ServiceCaller: replies', () => {
  it('a reply with unknown fields: fits', async () => {
    const { ask } = await aServiceThat((_, response) => response.end('{"count":3,"news":["whatever"]}'))
    expect(await ask()).toMatchObject({ count: 3 })
  })

  it.each([
    ['{"count":"3"}', '/count'],
    ['{"count":1.5}', '/count'],
    ['{}', 'count'],
    ['[3]', 'object'],
    ['<html>502</html>', 'not JSON'],
    ['{"count":', 'not JSON'],
    ['', 'not JSON'],
    ['{"__proto__":{"count":3}}', 'count'],
  ])('a reply of %s: makes no sense, and says why', async (body, why) => {
    const { ask } = await aServiceThat((_, response) => response.end(body))
    await expect(ask()).rejects.toMatchObject({
      code: 'EVA_SERVICE_REPLY_INVALID',
      details: { service: 'tracker', reason: expect.stringContaining(why) },
    })
  })

  it('what is sent: JSON with its type, the token as Bearer, nothing more than asked', async () => {
    const bodies: string[] = []
    const { server, caller } = await aServiceThat((request, response) => {
      request.on('data', bytes => bodies.push(String(bytes)))
      request.on('end', () => response.end('{"count":1}'))
    })
    await caller.json(check, { method: 'POST', path: '/count', body: { a: 1 }, token: 'abc' })
    await caller.json(check, { method: 'GET', path: '/count' })
    expect(bodies).toEqual(['{"a":1}'])
    expect(server.received[0]).toMatchObject({
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer abc' },
    })
    expect(server.received[1]?.headers).not.toHaveProperty('authorization')
    expect(server.received[1]?.headers).not.toHaveProperty('content-type')
  })
})

describe('ServiceCaller: refusals', () => {
  it('a problem that the caller made: keeps its code and details, without the standard members', async () => {
    const { ask } = await aServiceThat((_, response) =>
      problem(response, 409, {
        type: 't',
        title: 'T',
        status: 409,
        detail: 'd',
        code: 'EVA_PEER_ID_TAKEN',
        nextStep: 'n',
        peerId: 'p',
        list: [1],
      }),
    )
    await expect(ask()).rejects.toMatchObject({
      code: 'EVA_PEER_ID_TAKEN',
      message: 'A living peer is registered as "p".',
      details: { peerId: 'p' },
    })
  })

  it('a pause: in milliseconds where the body tells, else from the header', async () => {
    let body: object = { code: 'EVA_NOT_READY', reason: 'it starts', retryAfterMs: 250 }
    const { ask } = await aServiceThat((_, response) => problem(response, 503, body, { 'retry-after': '1' }))
    await expect(ask()).rejects.toMatchObject({ code: 'EVA_NOT_READY', details: { retryAfterMs: 250 } })
    for (const told of [1e9, -5, 'soon', null]) {
      body = { code: 'EVA_NOT_READY', retryAfterMs: told }
      await expect(ask()).rejects.toMatchObject({ code: 'EVA_NOT_READY', details: { retryAfterMs: 1000 } })
    }
  })

  it.each([
    ['a code that blames a peer', 502, { code: 'EVA_CHUNK_HASH_MISMATCH', title: 'Hm' }],
    ["the service's own trouble", 500, { code: 'EVA_INTERNAL', title: 'Hm' }],
    ['a code nobody knows', 400, { code: 'EVA_SOMETHING_NEW', title: 'Hm' }],
    ['a code from the prototype', 400, { code: 'constructor', title: 'Hm' }],
    ['no problem at all', 502, []],
  ])('%s: is only a status', async (_, status, body) => {
    const { ask } = await aServiceThat((_request, response) => problem(response, status, body))
    await expect(ask()).rejects.toMatchObject({ code: 'EVA_SERVICE_STATUS', details: { service: 'tracker', status } })
  })

  it('a status with words of its own: quotes them', async () => {
    let body: object = { code: 'EVA_INTERNAL', title: 'Broken', detail: 'The disk is on fire.' }
    const { ask } = await aServiceThat((_, response) => problem(response, 500, body))
    await expect(ask()).rejects.toMatchObject({ details: { reason: 'The disk is on fire.' } })
    body = { title: 'Broken', detail: { not: 'text' } }
    await expect(ask()).rejects.toMatchObject({ details: { reason: 'Broken' } })
  })

  it('a page in HTML, a redirect: are only a status, and no redirect is followed', async () => {
    let status = 502
    const { ask, server } = await aServiceThat((_, response) =>
      response.writeHead(status, { 'content-type': 'text/html', location: '/elsewhere' }).end('<h1>no</h1>'),
    )
    await expect(ask()).rejects.toMatchObject({ code: 'EVA_SERVICE_STATUS', details: { status: 502, reason: 'no reason given' } })
    status = 307
    await expect(ask()).rejects.toMatchObject({ code: 'EVA_SERVICE_STATUS', details: { status: 307 } })
    expect(server.received).toHaveLength(2)
  })

  it('hostile details: are cut short and pollute nothing', async () => {
    const long = 'x'.repeat(100_000)
    const { ask } = await aServiceThat((_, response) => {
      response.writeHead(404, { 'content-type': 'application/problem+json' })
      response.end(`{"code":"EVA_PEER_UNKNOWN","peerId":"${long}","__proto__":{"admin":true},"nested":{"a":1}}`)
    })
    const error = await ask().catch((thrown: Error) => thrown)
    expect(error).toMatchObject({ code: 'EVA_PEER_UNKNOWN' })
    expect((error as Error).message.length).toBeLessThan(300)
    expect((error as { details?: object }).details).toEqual({ peerId: 'x'.repeat(200) })
    expect({}).not.toHaveProperty('admin')
  })
})

describe('ServiceCaller: a wire that fails', () => {
  it('nobody listens: unreachable, naming the service, its address and the reason', async () => {
    const { ask, server } = await aServiceThat(() => undefined)
    await server.close()
    const details = { service: 'tracker', url: server.url, reason: 'ECONNREFUSED' }
    await expect(ask()).rejects.toMatchObject({ code: 'EVA_SERVICE_UNREACHABLE', details })
  })

  it('a connection closed before or in the middle of the reply: unreachable', async () => {
    let isHeadSent = false
    const { ask } = await aServiceThat((_, response) => {
      if (isHeadSent) response.writeHead(200, { 'content-length': 100 }).write('{"count"', () => response.destroy())
      else response.destroy()
    })
    await expect(ask()).rejects.toMatchObject({ code: 'EVA_SERVICE_UNREACHABLE' })
    isHeadSent = true
    await expect(ask()).rejects.toMatchObject({ code: 'EVA_SERVICE_UNREACHABLE' })
  })

  it('silence, and a reply that drips for ever: a timeout', async () => {
    const dripping: NodeJS.Timeout[] = []
    let isDripping = false
    const { ask } = await aServiceThat((_, response) => {
      if (isDripping) dripping.push(setInterval(() => response.write(' '), 10))
    }, 200)
    await expect(ask()).rejects.toMatchObject({ code: 'EVA_SERVICE_TIMEOUT' })
    isDripping = true
    await expect(ask()).rejects.toMatchObject({ code: 'EVA_SERVICE_TIMEOUT' })
    for (const timer of dripping) clearInterval(timer)
  })

  it('a reply without end: refused once it is too large', async () => {
    const { ask } = await aServiceThat((_, response) => {
      const block = Buffer.alloc(1 << 20, 0x20)
      const pour = () => {
        while (!response.destroyed && response.write(block));
        if (!response.destroyed) response.once('drain', pour)
      }
      pour()
    }, 30_000)
    await expect(ask()).rejects.toMatchObject({ code: 'EVA_SERVICE_REPLY_INVALID', details: { reason: 'it is too large' } })
  })

  it('cancelled before, and while it waits: EVA_CANCELLED, and later calls work', async () => {
    const controller = new AbortController()
    const { ask, server } = await aServiceThat((_, response) =>
      controller.signal.aborted ? response.end('{"count":1}') : controller.abort(),
    )
    await expect(ask(AbortSignal.abort())).rejects.toMatchObject({ code: 'EVA_CANCELLED' })
    expect(server.received).toEqual([])
    await expect(ask(controller.signal)).rejects.toMatchObject({ code: 'EVA_CANCELLED' })
    expect(await ask()).toEqual({ count: 1 })
  })

  it('closed while it waits: EVA_CANCELLED', async () => {
    const { ask, caller } = await aServiceThat(() => void caller.close())
    await expect(ask()).rejects.toMatchObject({ code: 'EVA_CANCELLED' })
  })

  it('closed while a call waits on a kept connection: EVA_CANCELLED, and nothing is asked again, then or later', async () => {
    let count = 0
    const { ask, caller } = await aServiceThat((_, response) => (++count === 1 ? response.end('{"count":1}') : void caller.close()))
    await ask()
    await expect(ask()).rejects.toMatchObject({ code: 'EVA_CANCELLED' })
    await expect(ask()).rejects.toMatchObject({ code: 'EVA_CANCELLED' })
    expect(count).toBe(2)
  })

  it('many calls with one long-lived signal: leave nothing hanging on it', async () => {
    const { ask } = await aServiceThat((_, response) => response.end('{"count":1}'))
    const { signal } = new AbortController()
    let listening = 0
    const add = signal.addEventListener.bind(signal)
    const remove = signal.removeEventListener.bind(signal)
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listening++
      add(...args)
    }
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listening--
      remove(...args)
    }
    for (let round = 0; round < 5; round++) await ask(signal)
    expect(listening).toBe(0)
  })
})
