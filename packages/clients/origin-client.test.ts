import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { EvaError } from '@evastream/core/errors'
import { parseSongId } from '@evastream/core/ids'
import { blockRunLengthBytes, type SongShape } from '@evastream/core/manifest'
import { KIB } from '@evastream/core/units'
import { type LoopbackHttp, loopbackHttp } from '@evastream/testkit/loopback-http'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { OriginClient, type OriginClientOptions } from './origin-client.ts'

const songId = parseSongId('song-1')
const shape: SongShape = { fileSize: 5 * 64 * KIB + 1, chunkSize: 64 * KIB, chunkCount: 6 }
const chunk = Buffer.from(Array.from({ length: shape.chunkSize }, (_, index) => (index * 7 + (index >> 8)) & 0xff))

type Answer = (request: IncomingMessage, response: ServerResponse) => void
const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
})

async function originThat(
  answer: Answer,
  options: Partial<OriginClientOptions> = {},
): Promise<{ client: OriginClient; server: LoopbackHttp }> {
  const server = await loopbackHttp(answer)
  const client = new OriginClient({ baseUrl: server.url, ...options })
  open.push(client, server)
  return { client, server }
}

interface Run {
  readonly chunkId?: number
  readonly firstBlock?: number
  readonly blockCount?: number
  readonly signal?: AbortSignal
}

/** Fetches into the middle of a larger buffer, whose edges must stay as they were. */
async function fetchRun(client: OriginClient, run: Run = {}) {
  const { chunkId = 0, firstBlock = 1, blockCount = 2, signal = new AbortController().signal } = run
  const lengthBytes = blockRunLengthBytes(shape, chunkId, firstBlock, blockCount)
  const page = Buffer.alloc(lengthBytes + 200, 0xee)
  const target = page.subarray(100, 100 + lengthBytes)
  const progress: number[] = []
  let error: unknown
  await client
    .fetchBlocks({ songId, shape, chunkId, firstBlock, blockCount, target }, filled => progress.push(filled), signal)
    .catch(thrown => {
      error = thrown
    })
  const edges = Buffer.concat([page.subarray(0, 100), page.subarray(100 + lengthBytes)])
  expect(edges.every(byte => byte === 0xee)).toBe(true)
  return { target, progress, error: error as EvaError }
}

const honest: Answer = (request, response) => {
  const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '')
  if (range === null) return void response.writeHead(200, { 'content-length': chunk.length }).end(chunk)
  const [first, last] = [Number(range[1]), Number(range[2])]
  const headers = { 'content-range': `bytes ${first}-${last}/${chunk.length}`, 'content-length': last - first + 1 }
  return void response.writeHead(206, headers).end(chunk.subarray(first, last + 1))
}

const wanted = chunk.subarray(16 * KIB, 48 * KIB)
const partialHead = { 'content-range': `bytes ${16 * KIB}-${48 * KIB - 1}/${chunk.length}` }

describe('OriginClient: honest answers', () => {
  it('a run inside a chunk: asks for exactly its bytes and fills the target with them', async () => {
    const { client, server } = await originThat(honest)
    const { target, progress, error } = await fetchRun(client)
    expect(error).toBeUndefined()
    expect(target.equals(wanted)).toBe(true)
    expect(progress.at(-1)).toBe(wanted.length)
    expect(server.received[0]).toMatchObject({ url: '/chunk?songId=song-1&chunkId=0', headers: { range: 'bytes=16384-49151' } })
  })

  it('a whole chunk: asks without a range', async () => {
    const { client, server } = await originThat(honest)
    const { target } = await fetchRun(client, { firstBlock: 0, blockCount: 4 })
    expect(target.equals(chunk)).toBe(true)
    expect(server.received[0]?.headers.range).toBeUndefined()
  })

  it('a last chunk of one byte: takes that byte', async () => {
    const { client } = await originThat((_, response) => response.end('x'))
    const { target, error } = await fetchRun(client, { chunkId: 5, firstBlock: 0, blockCount: 1 })
    expect({ text: target.toString(), error }).toEqual({ text: 'x', error: undefined })
  })

  it('a body in fragments of any sizes: arrives whole, progress growing to the end', async () => {
    let cuts: number[] = []
    const { client } = await originThat((_, response) => {
      response.writeHead(206, { ...partialHead, 'content-length': wanted.length })
      let from = 0
      for (const cut of cuts) {
        response.write(wanted.subarray(from, from + cut))
        from += cut
      }
      response.end(wanted.subarray(from))
    })
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 3000 }), { maxLength: 10 }), async sizes => {
        cuts = sizes
        const { target, progress, error } = await fetchRun(client)
        expect(error).toBeUndefined()
        expect(target.equals(wanted)).toBe(true)
        expect(progress).toEqual([...new Set(progress)].sort((a, b) => a - b))
        expect(progress.at(-1)).toBe(wanted.length)
      }),
      { numRuns: 30, seed: 20 },
    )
  })

  it('200 instead of 206: takes the run out of the full chunk and leaves the rest', async () => {
    const { client } = await originThat((_, response) => void response.writeHead(200, { 'content-length': chunk.length }).end(chunk))
    const { target, progress, error } = await fetchRun(client)
    expect(error).toBeUndefined()
    expect(target.equals(wanted)).toBe(true)
    expect(progress.at(-1)).toBe(wanted.length)
  })

  it('200 without a length, whose end never comes: the same, and the connection is closed', async () => {
    let closed: Promise<unknown> = Promise.resolve()
    const { client } = await originThat((_, response) => {
      closed = once(response, 'close')
      response.write(chunk.subarray(0, 20_000))
      response.write(chunk.subarray(20_000, 50_000))
    })
    const { target, error } = await fetchRun(client)
    expect(error).toBeUndefined()
    expect(target.equals(wanted)).toBe(true)
    await closed
  })

  it('an address with a path of its own: is kept before the call', async () => {
    const server = await loopbackHttp(honest)
    const client = new OriginClient({ baseUrl: `${server.url}/mirror/` })
    open.push(client, server)
    await fetchRun(client)
    expect(server.received[0]?.url).toBe('/mirror/chunk?songId=song-1&chunkId=0')
  })

  it('connections: are kept for later calls', async () => {
    const ports = new Set<number | undefined>()
    const { client } = await originThat((request, response) => {
      ports.add(request.socket.remotePort)
      honest(request, response)
    })
    for (let round = 0; round < 9; round++) await fetchRun(client)
    expect(ports.size).toBeLessThanOrEqual(2)
  })

  it('maxConnections: is never exceeded', async () => {
    const ports = new Set<number | undefined>()
    const waiting: (() => void)[] = []
    const { client } = await originThat(
      (request, response) => {
        ports.add(request.socket.remotePort)
        waiting.push(() => honest(request, response))
        if (waiting.length === 2) for (const go of waiting.splice(0)) setImmediate(go)
      },
      { maxConnections: 2 },
    )
    const runs = await Promise.all(Array.from({ length: 8 }, () => fetchRun(client)))
    expect(runs.map(run => run.error)).toEqual(Array(8).fill(undefined))
    expect(ports.size).toBe(2)
  })
})

describe('OriginClient: answers of the wrong length', () => {
  const expectTruncated = (error: EvaError, receivedBytes: number, expectedBytes = wanted.length) =>
    expect(error).toMatchObject({ code: 'EVA_ORIGIN_TRUNCATED', details: { receivedBytes, expectedBytes } })

  it('a content-length that is not the range: refused before a byte is written', async () => {
    const { client } = await originThat((_, response) => {
      response.writeHead(206, { ...partialHead, 'content-length': 1000 }).end(wanted.subarray(0, 1000))
    })
    const { error, progress } = await fetchRun(client)
    expectTruncated(error, 1000)
    expect(progress).toEqual([])
  })

  it('a connection cut in the middle of the body: truncated, saying how far it came', async () => {
    const { client } = await originThat((_, response) => {
      response.writeHead(206, { ...partialHead, 'content-length': wanted.length })
      response.write(wanted.subarray(0, 5000), () => response.destroy())
    })
    const { error, progress } = await fetchRun(client)
    expectTruncated(error, progress.at(-1) ?? 0)
  })

  it('a connection cut in the middle of a body without a length: truncated', async () => {
    const { client } = await originThat((_, response) => {
      response.writeHead(206, partialHead)
      response.write(wanted.subarray(0, 5000), () => response.destroy())
    })
    const { error, progress } = await fetchRun(client)
    expectTruncated(error, progress.at(-1) ?? 0)
  })

  it('a body without a length that ends early: truncated', async () => {
    const { client } = await originThat((_, response) => {
      response.writeHead(206, partialHead)
      response.write(wanted.subarray(0, 5000))
      response.end()
    })
    expectTruncated((await fetchRun(client)).error, 5000)
  })

  it('a body without a length that goes on too long: refused, the target not overrun', async () => {
    const { client } = await originThat((_, response) => {
      response.writeHead(206, partialHead)
      response.write(Buffer.concat([wanted, Buffer.alloc(50_000, 0xaa)]))
      response.end()
    })
    const { error } = await fetchRun(client)
    expect(error.code).toBe('EVA_ORIGIN_TRUNCATED')
    expect(error.details.receivedBytes).toBeGreaterThan(wanted.length)
  })

  it('a full answer of another length than the chunk: truncated', async () => {
    const { client } = await originThat((_, response) => response.writeHead(200, { 'content-length': 10 }).end('0123456789'))
    expectTruncated((await fetchRun(client)).error, 10, chunk.length)
  })

  it('another range than the one asked for: refused', async () => {
    const { client } = await originThat((_, response) => {
      response
        .writeHead(206, { 'content-range': `bytes 0-${wanted.length - 1}/${chunk.length}`, 'content-length': wanted.length })
        .end(wanted)
    })
    expect((await fetchRun(client)).error.code).toBe('EVA_ORIGIN_REPLY_INVALID')
  })

  it('a range that ends elsewhere, though the bytes are as many as wanted: truncated', async () => {
    const { client } = await originThat((_, response) => {
      response.writeHead(206, { 'content-range': `bytes ${16 * KIB}-20000/${chunk.length}` })
      response.end(wanted)
    })
    expect((await fetchRun(client)).error.code).toBe('EVA_ORIGIN_TRUNCATED')
  })

  it('206 without a range, and an encoded body: refused', async () => {
    const { client } = await originThat((request, response) => {
      if (request.url?.includes('chunkId=0')) response.writeHead(206, { 'content-length': wanted.length }).end(wanted)
      else response.writeHead(206, { ...partialHead, 'content-encoding': 'gzip' }).end(wanted)
    })
    expect((await fetchRun(client)).error.code).toBe('EVA_ORIGIN_REPLY_INVALID')
    expect((await fetchRun(client, { chunkId: 1 })).error.code).toBe('EVA_ORIGIN_REPLY_INVALID')
  })

  it('bytes that are no HTTP at all: an invalid reply', async () => {
    const server = createServer(socket => socket.once('data', () => socket.end('SSH-2.0-OpenSSH_9.2\r\n')))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const client = new OriginClient({ baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
    open.push(client, { close: async () => void server.close() })
    expect((await fetchRun(client)).error.code).toBe('EVA_ORIGIN_REPLY_INVALID')
  })
})

describe('OriginClient: refusals', () => {
  it.each([
    [404, {}, 'EVA_ORIGIN_CHUNK_MISSING', undefined],
    [416, {}, 'EVA_ORIGIN_STATUS', undefined],
    [500, {}, 'EVA_ORIGIN_STATUS', undefined],
    [302, { location: '/chunk-elsewhere' }, 'EVA_ORIGIN_STATUS', undefined],
    [204, {}, 'EVA_ORIGIN_STATUS', undefined],
    [503, {}, 'EVA_ORIGIN_OVERLOADED', undefined],
    [503, { 'retry-after': '3' }, 'EVA_ORIGIN_OVERLOADED', 3000],
    [429, { 'retry-after': '0' }, 'EVA_ORIGIN_OVERLOADED', 0],
    [503, { 'retry-after': 'Tue, 01 Dec 2026 12:00:07 GMT', date: 'Tue, 01 Dec 2026 12:00:00 GMT' }, 'EVA_ORIGIN_OVERLOADED', 7000],
    [503, { 'retry-after': 'soon' }, 'EVA_ORIGIN_OVERLOADED', undefined],
  ] as const)('status %i with %j: %s', async (status, headers, code, retryAfterMs) => {
    const { client, server } = await originThat((_, response) => response.writeHead(status, headers).end())
    const { error, progress } = await fetchRun(client)
    expect({ code: error.code, retryAfterMs: error.details.retryAfterMs, progress }).toEqual({ code, retryAfterMs, progress: [] })
    expect(server.received).toHaveLength(1)
  })

  it('a refusal with an endless body: fails at once and closes the connection', async () => {
    let closed: Promise<unknown> = Promise.resolve()
    const { client } = await originThat((_, response) => {
      closed = once(response, 'close')
      response.writeHead(500)
      const pour = () => {
        while (!response.destroyed && response.write(Buffer.alloc(16 * KIB)));
        if (!response.destroyed) response.once('drain', pour)
      }
      pour()
    })
    expect((await fetchRun(client)).error.code).toBe('EVA_ORIGIN_STATUS')
    await closed
  })

  it('nobody listens: unreachable, with the reason', async () => {
    const { client, server } = await originThat(honest)
    await server.close()
    expect((await fetchRun(client)).error).toMatchObject({ code: 'EVA_ORIGIN_UNREACHABLE', details: { reason: 'ECONNREFUSED' } })
  })

  it('a connection closed before the head: unreachable', async () => {
    const { client } = await originThat((_, response) => response.destroy())
    expect((await fetchRun(client)).error.code).toBe('EVA_ORIGIN_UNREACHABLE')
  })

  it('silence before the head, and in the middle of the body: a timeout', async () => {
    const { client } = await originThat(
      (request, response) => {
        if (request.url?.includes('chunkId=1')) response.writeHead(206, partialHead).write(wanted.subarray(0, 100))
      },
      { silenceTimeoutMs: 150 },
    )
    expect((await fetchRun(client)).error.code).toBe('EVA_ORIGIN_TIMEOUT')
    expect((await fetchRun(client, { chunkId: 1 })).error.code).toBe('EVA_ORIGIN_TIMEOUT')
  })

  it('an origin that drips for much longer than it may be silent: is not given up', async () => {
    const { client } = await originThat(
      (_, response) => {
        response.writeHead(206, { ...partialHead, 'content-length': wanted.length })
        let sentBytes = 0
        const drip = setInterval(() => {
          const next = sentBytes + wanted.length / 16
          response.write(wanted.subarray(sentBytes, next))
          sentBytes = next
          if (sentBytes < wanted.length) return
          clearInterval(drip)
          response.end()
        }, 50)
      },
      { silenceTimeoutMs: 400 },
    )
    const { target, error } = await fetchRun(client)
    expect(error).toBeUndefined()
    expect(target.equals(wanted)).toBe(true)
  })

  it('a target that does not fit the run: a bug of ours, told before anything is sent', async () => {
    const { client, server } = await originThat(honest)
    const request = { songId, shape, chunkId: 0, firstBlock: 0, blockCount: 1, target: new Uint8Array(7) }
    await expect(client.fetchBlocks(request, () => undefined, new AbortController().signal)).rejects.toMatchObject({ code: 'EVA_INTERNAL' })
    expect(server.received).toEqual([])
  })

  it('an address that is none: said at once', () => {
    for (const baseUrl of ['', 'origin', 'ftp://127.0.0.1', 'http://127.0.0.1/?a=b', 'http://me@127.0.0.1'])
      expect(() => new OriginClient({ baseUrl })).toThrow(EvaError)
  })
})

describe('OriginClient: cancelling', () => {
  it('a signal that has ended already: nothing is sent', async () => {
    const { client, server } = await originThat(honest)
    expect((await fetchRun(client, { signal: AbortSignal.abort() })).error.code).toBe('EVA_CANCELLED')
    expect(server.received).toEqual([])
  })

  it('while waiting for the head: cancelled at once', async () => {
    const controller = new AbortController()
    const { client } = await originThat(() => controller.abort())
    expect((await fetchRun(client, { signal: controller.signal })).error.code).toBe('EVA_CANCELLED')
  })

  it('while waiting for a connection: cancelled at once, the request never sent', async () => {
    const busy = new AbortController()
    const waiting = new AbortController()
    const { client, server } = await originThat(
      (request, response) => (request.url?.endsWith('chunkId=0') ? waiting.abort() : honest(request, response)),
      { maxConnections: 1 },
    )
    const first = fetchRun(client, { signal: busy.signal })
    expect((await fetchRun(client, { chunkId: 1, signal: waiting.signal })).error.code).toBe('EVA_CANCELLED')
    busy.abort()
    expect((await first).error.code).toBe('EVA_CANCELLED')
    expect((await fetchRun(client, { chunkId: 2 })).error).toBeUndefined()
    expect(server.received.map(({ url }) => url.slice(-1))).toEqual(['0', '2'])
  })

  it('the client is closed while it waits: cancelled', async () => {
    const { client } = await originThat(() => void client.close())
    expect((await fetchRun(client)).error.code).toBe('EVA_CANCELLED')
  })

  it('in the middle of the body: the connection is closed and the target no longer written', async () => {
    const controller = new AbortController()
    let closed: Promise<unknown> = Promise.resolve()
    const { client } = await originThat((_, response) => {
      closed = once(response, 'close')
      response.writeHead(206, { ...partialHead, 'content-length': wanted.length }).write(wanted.subarray(0, 5000))
    })
    const target = new Uint8Array(wanted.length)
    const request = { songId, shape, chunkId: 0, firstBlock: 1, blockCount: 2, target }
    const fetching = client.fetchBlocks(request, () => controller.abort(), controller.signal)
    await expect(fetching).rejects.toMatchObject({ code: 'EVA_CANCELLED' })
    await closed
    expect(target.subarray(5000).every(byte => byte === 0)).toBe(true)
  })

  it('after a cancelled call: the next one works', async () => {
    const controller = new AbortController()
    let calls = 0
    const { client } = await originThat((request, response) => (++calls === 1 ? controller.abort() : honest(request, response)))
    await fetchRun(client, { signal: controller.signal })
    expect((await fetchRun(client)).error).toBeUndefined()
  })
})
