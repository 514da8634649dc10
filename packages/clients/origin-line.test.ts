// Checks the short line to an origin at its edges: heads and bodies cut anywhere, connections that end under it, answers it leaves to Node.

import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import type { EvaError } from '@evastream/core/errors'
import { parseSongId } from '@evastream/core/ids'
import type { SongShape } from '@evastream/core/manifest'
import { KIB, MINUTE_MS } from '@evastream/core/units'
import { seededBytes } from '@evastream/testkit/audio-fixtures'
import { type FakeClock, fakeClock } from '@evastream/testkit/fake-clock'
import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { OriginClient } from './origin-client.ts'

const songId = parseSongId('song-1')
const shape: SongShape = { fileSize: 64 * KIB, chunkSize: 64 * KIB, chunkCount: 1 }
const chunk = seededBytes(3, shape.chunkSize)
const OK = `HTTP/1.1 200 OK\r\nContent-Length: ${chunk.length}\r\n`
const whole = Buffer.concat([Buffer.from(`${OK}\r\n`), chunk])

interface TestOrigin {
  readonly client: OriginClient
  /** Of each connection, how many requests came over it. */
  readonly requests: number[]
  fetch(): Promise<EvaError | undefined>
}

type Answer = (socket: Socket, asked: { readonly connection: number; readonly request: number }) => void

async function originThat(
  answer: Answer,
  { host = '127.0.0.1', clock = fakeClock() }: { readonly host?: string; readonly clock?: FakeClock } = {},
): Promise<TestOrigin> {
  const requests: number[] = []
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket)
    const connection = requests.push(0) - 1
    socket.on('error', () => socket.destroy())
    socket.on('data', bytes => {
      if (!bytes.toString('latin1').endsWith('\r\n\r\n')) return
      const request = (requests[connection] ?? 0) + 1
      requests[connection] = request
      answer(socket, { connection, request })
    })
  })
  server.listen(0, host)
  await once(server, 'listening')
  const client = new OriginClient({ baseUrl: `http://${host}:${(server.address() as AddressInfo).port}`, silenceTimeoutMs: 5000 }, clock)
  onTestFinished(async () => {
    await client.close()
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { client, requests, fetch: () => fetchWhole(client) }
}

/** The whole chunk, which is right unless there is an error. */
async function fetchWhole(client: OriginClient): Promise<EvaError | undefined> {
  const target = new Uint8Array(chunk.length)
  const request = { songId, shape, chunkId: 0, firstBlock: 0, blockCount: 4, target }
  try {
    await client.fetchBlocks(request, () => undefined, new AbortController().signal)
  } catch (thrown) {
    return thrown as EvaError
  }
  expect(Buffer.compare(target, chunk)).toBe(0)
  return undefined
}

/** Cut at these places, and sent one after another. */
function writeParts(socket: Socket, bytes: Uint8Array, cuts: readonly number[]): void {
  const [cut, ...others] = cuts
  if (cut === undefined || cut >= bytes.length) socket.write(bytes)
  else socket.write(bytes.subarray(0, cut), () => setImmediate(() => writeParts(socket, bytes.subarray(cut), others)))
}

describe('the line to an origin', () => {
  it('origin line: an answer cut anywhere, also amid its head: arrives whole, over one connection', async () => {
    let cuts: readonly number[] = []
    const origin = await originThat(socket => writeParts(socket, whole, cuts))
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 30_000 })), { maxLength: 9 }),
        async sizes => {
          cuts = sizes
          expect(await origin.fetch()).toBeUndefined()
        },
      ),
      { seed: 11, numRuns: 40 },
    )
    expect(origin.requests.length).toBe(1)
  })

  it('origin line: a name instead of an address: is found', async () => {
    const origin = await originThat(socket => socket.write(whole), { host: 'localhost' })
    expect([await origin.fetch(), await origin.fetch()]).toEqual([undefined, undefined])
  })

  it('origin line: a kept connection that ends as it is asked: the call goes over another', async () => {
    const origin = await originThat((socket, { connection, request }) => {
      if (connection === 0 && request === 2) socket.destroy()
      else socket.write(whole)
    })
    expect([await origin.fetch(), await origin.fetch(), await origin.fetch()]).toEqual([undefined, undefined, undefined])
    expect(origin.requests).toEqual([2, 2])
  })

  it('origin line: a new connection that ends as it is asked: is the origin not being there, and nothing is asked again', async () => {
    const origin = await originThat(socket => socket.destroy())
    expect(await origin.fetch()).toMatchObject({ code: 'EVA_ORIGIN_UNREACHABLE' })
    expect(origin.requests).toEqual([1])
  })

  it.each([
    ['says that it closes', Buffer.concat([Buffer.from(`${OK}connection: close\r\n\r\n`), chunk])],
    ['sends more than it said', Buffer.concat([whole, Buffer.from('HTTP/1.1 200 OK\r\n')])],
  ])('origin line: an origin that %s: is asked over another connection next', async (_what, bytes) => {
    const origin = await originThat(socket => socket.write(bytes))
    expect([await origin.fetch(), await origin.fetch()]).toEqual([undefined, undefined])
    expect(origin.requests.length).toBe(2)
  })

  it('origin line: a refusal with a length: keeps its connection; one without: closes it, and is not asked again', async () => {
    const withLength = 'HTTP/1.1 503 Busy\r\nretry-after: 2\r\ncontent-length: 3\r\n\r\nno!'
    const without = 'HTTP/1.1 404 Gone\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'
    const origin = await originThat((socket, { request }) => socket.write(request === 1 ? withLength : request === 2 ? without : whole))
    expect(await origin.fetch()).toMatchObject({ code: 'EVA_ORIGIN_OVERLOADED', details: { retryAfterMs: 2000 } })
    expect(await origin.fetch()).toMatchObject({ code: 'EVA_ORIGIN_CHUNK_MISSING' })
    expect(origin.requests).toEqual([2])
  })

  it('origin line: a body in chunks: is asked for again by Node, and so is the next one, at once', async () => {
    const size = chunk.length.toString(16)
    const bytes = Buffer.concat([
      Buffer.from(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${size}\r\n`),
      chunk,
      Buffer.from('\r\n0\r\n\r\n'),
    ])
    const origin = await originThat(socket => socket.write(bytes))
    expect([await origin.fetch(), await origin.fetch()]).toEqual([undefined, undefined])
    expect(origin.requests).toEqual([1, 2])
  })

  it('origin line: a head that is cut: is the origin not being there, and nothing is asked again nor by Node later', async () => {
    const origin = await originThat((socket, { connection }) => {
      if (connection < 2) socket.end(whole.subarray(0, connection === 0 ? 3 : 30))
      else socket.write(whole)
    })
    expect(await origin.fetch()).toMatchObject({ code: 'EVA_ORIGIN_UNREACHABLE' })
    expect(await origin.fetch()).toMatchObject({ code: 'EVA_ORIGIN_UNREACHABLE' })
    expect([await origin.fetch(), await origin.fetch()]).toEqual([undefined, undefined])
    expect(origin.requests).toEqual([1, 1, 2])
  })

  it('origin line: an answer that was odd: is forgotten after a while, and the short line asked again', async () => {
    const clock = fakeClock()
    const withoutLength = 'HTTP/1.1 200 OK\r\n\r\n'
    const origin = await originThat((socket, { connection }) => socket.write(connection === 0 ? withoutLength : whole), { clock })
    expect([await origin.fetch(), await origin.fetch()]).toEqual([undefined, undefined])
    expect(origin.requests).toEqual([1, 2])
    clock.advance(5 * MINUTE_MS)
    expect([await origin.fetch(), await origin.fetch()]).toEqual([undefined, undefined])
    expect(origin.requests).toEqual([1, 2, 2])
  })

  it('origin line: word before the answer: is understood', async () => {
    const origin = await originThat(socket =>
      socket.write(Buffer.concat([Buffer.from('HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n'), whole])),
    )
    expect(await origin.fetch()).toBeUndefined()
  })

  it.each([
    ['two lengths', `HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: ${chunk.length}\r\n\r\n`],
    ['a length and chunks', `${OK}transfer-encoding: chunked\r\n\r\n`],
    ['a head without end', `${OK}x: ${'y'.repeat(40 * KIB)}`],
  ])('origin line: %s: are no answer', async (_what, text) => {
    const origin = await originThat(socket => socket.write(Buffer.concat([Buffer.from(text), chunk])))
    expect(await origin.fetch()).toMatchObject({ code: 'EVA_ORIGIN_REPLY_INVALID' })
  })
})
