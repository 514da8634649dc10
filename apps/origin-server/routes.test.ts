// Checks the origin's HTTP answers over real sockets: bytes, ranges, tags, refusals, limits and what clients who leave free.

import { Agent, request as httpRequest, type IncomingHttpHeaders, type RequestOptions } from 'node:http'
import { connect } from 'node:net'
import { EvaError } from '@evastream/core/errors'
import { parseSongId } from '@evastream/core/ids'
import { createHttpService } from '@evastream/service-kit/http-service'
import { createLogger } from '@evastream/service-kit/logger'
import { pngPicture, seededBytes } from '@evastream/testkit/audio-fixtures'
import { eventually } from '@evastream/testkit/eventually'
import { fakeClock } from '@evastream/testkit/fake-clock'
import fc from 'fast-check'
import { Registry } from 'prom-client'
import { afterEach, describe, expect, it } from 'vitest'
import { Admission, type AdmissionOptions } from './admission.ts'
import type { ChunkStorage, StoredFile } from './chunk-storage.ts'
import { FileSender } from './file-sender.ts'
import { OriginCounters } from './origin-counters.ts'
import { addOriginRoutes } from './routes.ts'

const chunk = seededBytes(1, 600_000)
const cover = pngPicture(1, 16)

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

interface TestOrigin {
  readonly port: number
  readonly admission: Admission
  readonly openFiles: Set<StoredFile>
  readonly clock: ReturnType<typeof fakeClock>
  /** Reads wait until it is called, when the storage was made slow. */
  release(): void
  ask(path: string, options?: { method?: string; headers?: Record<string, string> }): Promise<Answer>
  metrics(): Promise<string>
  close(): Promise<void>
}

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

interface TestWish extends Partial<AdmissionOptions> {
  readonly bytes?: Uint8Array
  readonly isSlow?: boolean
  readonly failsAt?: number
}

async function startOrigin(wish: TestWish = {}): Promise<TestOrigin> {
  const { bytes = chunk, concurrentMax = 100, bytesPerSecondMax = 0 } = wish
  const openFiles = new Set<StoredFile>()
  let release = (): void => {}
  const released = new Promise<void>(resolve => {
    release = resolve
  })
  const fileOf = (content: Uint8Array, mimeType: string): StoredFile => {
    const file: StoredFile = {
      sizeBytes: content.length,
      mimeType,
      entityTag: '"the-tag"',
      async read(target, position) {
        if (wish.isSlow) await released
        if (wish.failsAt !== undefined && position >= wish.failsAt) throw storageFailed()
        target.set(content.subarray(position, position + target.length))
      },
      close: () => void openFiles.delete(file),
    }
    openFiles.add(file)
    return file
  }
  const storage: ChunkStorage = {
    openChunk: async (songId, chunkId) => {
      if (songId !== parseSongId('song-1') || chunkId !== 0) throw new EvaError('EVA_CHUNK_NOT_FOUND', { details: { songId, chunkId } })
      return fileOf(bytes, 'application/octet-stream')
    },
    openCover: async songId => {
      if (songId !== parseSongId('song-1')) throw new EvaError('EVA_COVER_NOT_FOUND', { details: { songId } })
      return fileOf(cover, 'image/png')
    },
  }
  const registry = new Registry()
  const clock = fakeClock()
  const admission = new Admission({ clock }, { concurrentMax, bytesPerSecondMax })
  const logger = createLogger({ name: 'origin', level: 'silent' })
  const app = await createHttpService({ logger, registry, isReady: () => undefined }, { service: 'origin', title: 'Origin', version: '0' })
  const counters = new OriginCounters({ registry })
  addOriginRoutes(app, { storage, admission, sender: new FileSender(), counters, logger, clock, metrics: registry })
  const { port } = new URL(await app.listen({ host: '127.0.0.1', port: 0 }))
  const agent = new Agent({ keepAlive: true })
  const close = async () => await app.close()
  closers.push(async () => {
    agent.destroy()
    await close()
  })
  return {
    port: Number(port),
    admission,
    openFiles,
    clock,
    release,
    ask: (path, options = {}) => ask({ ...options, agent, host: '127.0.0.1', port: Number(port), path }),
    metrics: () => registry.metrics(),
    close,
  }
}

function ask(options: RequestOptions): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(options, incoming => {
      const parts: Buffer[] = []
      incoming.on('data', part => parts.push(part))
      incoming.on('error', reject)
      incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: Buffer.concat(parts) }))
    })
    outgoing.on('error', reject)
    outgoing.end()
  })
}

const storageFailed = () => new EvaError('EVA_STORAGE_FAILED', { details: { reason: 'EIO' } })
const problemOf = (answer: Answer) => JSON.parse(answer.body.toString()) as { code: string }
const CHUNK = '/chunk?songId=song-1&chunkId=0'

describe('a chunk over HTTP', () => {
  it('origin: a chunk: is sent whole with its size, tag and a promise never to change', async () => {
    const origin = await startOrigin()
    const answer = await origin.ask(CHUNK)
    expect(answer.status).toBe(200)
    expect(answer.body.equals(chunk)).toBe(true)
    expect(answer.headers).toMatchObject({
      'content-length': '600000',
      'content-type': 'application/octet-stream',
      etag: '"the-tag"',
      'cache-control': 'public, max-age=31536000, immutable',
      'accept-ranges': 'bytes',
      'x-content-type-options': 'nosniff',
    })
    expect(answer.headers['transfer-encoding']).toBeUndefined()
  })

  it('origin: HEAD: tells the same as GET and sends nothing', async () => {
    const origin = await startOrigin()
    const answer = await origin.ask(CHUNK, { method: 'HEAD', headers: { range: 'bytes=0-9' } })
    expect(answer).toMatchObject({ status: 200, headers: { 'content-length': '600000', etag: '"the-tag"' } })
    expect(answer.body.length).toBe(0)
    expect(await origin.metrics()).toContain('evastream_origin_sent_bytes_total 0')
  })

  it('origin: any single range: is sent exactly, with its place in the whole', async () => {
    const origin = await startOrigin()
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 599_999 }), fc.integer({ min: 1, max: 600_000 }), async (first, length) => {
        const last = Math.min(first + length, 600_000) - 1
        const answer = await origin.ask(CHUNK, { headers: { range: `bytes=${first}-${first + length - 1}` } })
        expect(answer.status).toBe(206)
        expect(answer.headers['content-range']).toBe(`bytes ${first}-${last}/600000`)
        expect(answer.headers['content-length']).toBe(String(last - first + 1))
        expect(answer.body.equals(chunk.subarray(first, last + 1))).toBe(true)
      }),
      { seed: 42, numRuns: 25 },
    )
  })

  it.each([
    ['bytes=-5', 206, 599_995, 5],
    ['bytes=599999-', 206, 599_999, 1],
    ['bytes=0-0,5-6', 200, 0, 600_000],
    ['bytes=9-5', 200, 0, 600_000],
    ['lines=1-2', 200, 0, 600_000],
  ])('origin: the range %s: is answered with %i', async (range, status, first, length) => {
    const origin = await startOrigin()
    const answer = await origin.ask(CHUNK, { headers: { range } })
    expect(answer.status).toBe(status)
    expect(answer.body.equals(chunk.subarray(first, first + length))).toBe(true)
  })

  it('origin: a range past the end: is 416 and tells the size and the tag', async () => {
    const origin = await startOrigin()
    const answer = await origin.ask(CHUNK, { headers: { range: 'bytes=600000-' } })
    expect(answer.status).toBe(416)
    expect(answer.headers).toMatchObject({ 'content-range': 'bytes */600000', etag: '"the-tag"', 'accept-ranges': 'bytes' })
    expect(answer.headers['cache-control']).toBe('no-store')
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/)
    expect(problemOf(answer)).toMatchObject({ code: 'EVA_RANGE_NOT_SATISFIABLE', sizeBytes: 600_000 })
  })

  it('origin: a tag that the client has: is 304 without a body', async () => {
    const origin = await startOrigin()
    for (const method of ['GET', 'HEAD']) {
      const answer = await origin.ask(CHUNK, { method, headers: { 'if-none-match': 'W/"the-tag"' } })
      expect(answer).toMatchObject({ status: 304, headers: { etag: '"the-tag"' } })
      expect(answer.body.length).toBe(0)
    }
  })

  it('origin: If-Range with another tag: sends the whole', async () => {
    const origin = await startOrigin()
    const same = await origin.ask(CHUNK, { headers: { range: 'bytes=1-2', 'if-range': '"the-tag"' } })
    const other = await origin.ask(CHUNK, { headers: { range: 'bytes=1-2', 'if-range': '"another"' } })
    expect([same.status, other.status]).toEqual([206, 200])
  })

  it('origin: an empty chunk and one of a single byte: are sent as they are', async () => {
    const empty = await startOrigin({ bytes: new Uint8Array(0) })
    const single = await startOrigin({ bytes: Uint8Array.of(7) })
    expect(await empty.ask(CHUNK)).toMatchObject({ status: 200, headers: { 'content-length': '0' } })
    expect([...(await single.ask(CHUNK)).body]).toEqual([7])
  })
})

describe('what the origin refuses', () => {
  it.each(['-1', '1.5', '1e99', 'abc', '', '%00', '9007199254740992', '0x0', '00'])('origin: the chunk id "%s": is 400', async chunkId => {
    const origin = await startOrigin()
    const answer = await origin.ask(`/chunk?songId=song-1&chunkId=${chunkId}`)
    expect(answer.status).toBe(400)
    expect(problemOf(answer).code).toBe('EVA_CHUNK_ID_INVALID')
  })

  it('origin: no chunk id, no song id: are 400, each with its own code', async () => {
    const origin = await startOrigin()
    expect(problemOf(await origin.ask('/chunk?songId=song-1')).code).toBe('EVA_CHUNK_ID_INVALID')
    expect(problemOf(await origin.ask('/chunk?chunkId=0')).code).toBe('EVA_SONG_ID_INVALID')
    expect((await origin.ask('/chunk')).status).toBe(400)
  })

  it.each([
    '..',
    '.',
    '../../etc/passwd',
    '%2e%2e%2f%2e%2e%2fetc%2fpasswd',
    '..%5c..%5cwindows',
    '%252e%252e%252f',
    'song-1%00',
    'song-1%2f..%2fsong-1',
    '.staging-x',
    '__proto__',
    'x'.repeat(129),
  ])('origin: the song id %s: is 400 for chunks and covers, and no file is opened', async songId => {
    const origin = await startOrigin()
    const answers = await Promise.all([
      origin.ask(`/chunk?songId=${songId}&chunkId=0`),
      origin.ask(`/covers/${songId.replaceAll('/', '%2f')}`),
    ])
    for (const answer of answers) expect([answer.status, problemOf(answer).code]).toEqual([400, 'EVA_SONG_ID_INVALID'])
    expect(origin.openFiles.size).toBe(0)
  })

  it('origin: a song id in broken percent-encoding: is 400', async () => {
    const origin = await startOrigin()
    for (const path of ['/chunk?songId=%c0%ae%c0%ae%2f&chunkId=0', '/covers/%c0%ae%c0%ae%2f', '/covers/%'])
      expect((await origin.ask(path)).status).toBe(400)
  })

  it('origin: a path that walks upwards: finds nothing', async () => {
    const origin = await startOrigin()
    for (const path of ['/covers/../../etc/passwd', '/covers/..', '/../chunk', '/covers/song-1/../../x'])
      expect((await origin.ask(path)).status).toBeGreaterThanOrEqual(400)
  })

  it('origin: an absent chunk, song or cover: is 404 with its code', async () => {
    const origin = await startOrigin()
    for (const path of ['/chunk?songId=song-1&chunkId=1', '/chunk?songId=song-2&chunkId=0']) {
      const answer = await origin.ask(path)
      expect([answer.status, problemOf(answer).code]).toEqual([404, 'EVA_CHUNK_NOT_FOUND'])
    }
    expect(problemOf(await origin.ask('/covers/song-2')).code).toBe('EVA_COVER_NOT_FOUND')
  })

  it('origin: an unknown parameter or another method: is refused', async () => {
    const origin = await startOrigin()
    expect((await origin.ask(`${CHUNK}&x=1`)).status).toBe(400)
    expect((await origin.ask(`${CHUNK}&chunkId=1`)).status).toBe(400)
    expect((await origin.ask(CHUNK, { method: 'POST' })).status).toBe(405)
  })
})

describe('the short way and the framework', () => {
  /** Not as peers ask, so that the framework answers. */
  const OTHER_SPELLING = '/chunk?chunkId=0&songId=song-1'

  it.each([
    {},
    { range: 'bytes=5-9' },
    { range: 'bytes=600000-' },
    { range: 'bytes=1-2', 'if-range': '"another"' },
    { 'if-none-match': '*' },
  ])('origin: a chunk asked for with %j: has the same answer by either way, and counts as much', async headers => {
    const origin = await startOrigin()
    const short = await origin.ask(CHUNK, { headers })
    const framework = await origin.ask(OTHER_SPELLING, { headers })
    const { date: _date, ...shortHeaders } = short.headers
    expect([short.status, short.body]).toEqual([framework.status, framework.body])
    expect(framework.headers).toMatchObject(shortHeaders)
    expect(Object.keys(framework.headers).length).toBe(Object.keys(short.headers).length)
    const metrics = await origin.metrics()
    expect(metrics).toContain(`evastream_origin_requests_total{code="${short.status}"} 2`)
    expect(metrics).toMatch(
      new RegExp(`^http_request_duration_seconds_count\\{method="GET",route="/chunk",code="${short.status}"\\} 2$`, 'm'),
    )
  })

  it('origin: closing while a chunk is read: lets its answer end', async () => {
    const origin = await startOrigin({ isSlow: true })
    const answers = [origin.ask(CHUNK), origin.ask(OTHER_SPELLING)]
    await eventually('both are served', () => origin.openFiles.size === 2)
    const closed = origin.close()
    origin.release()
    for (const answer of await Promise.all(answers)) expect(answer.body.equals(chunk)).toBe(true)
    await closed
  })
})

describe('a cover over HTTP', () => {
  it('origin: a cover: is sent with its type and asked for again after an hour', async () => {
    const origin = await startOrigin()
    const answer = await origin.ask('/covers/song-1')
    expect(answer.body.equals(cover)).toBe(true)
    expect(answer.headers).toMatchObject({
      'content-type': 'image/png',
      'x-content-type-options': 'nosniff',
      'cache-control': 'public, max-age=3600',
    })
    expect(await origin.ask('/covers/song-1', { headers: { 'if-none-match': '"the-tag"' } })).toMatchObject({ status: 304 })
    expect(await origin.ask('/covers/song-1', { method: 'HEAD' })).toMatchObject({ headers: { 'content-length': String(cover.length) } })
  })
})

describe('the storage failing', () => {
  it('origin: a storage that fails before the first byte: is 500 without a path', async () => {
    const origin = await startOrigin({ failsAt: 0 })
    const answer = await origin.ask(CHUNK)
    expect([answer.status, problemOf(answer).code]).toEqual([500, 'EVA_STORAGE_FAILED'])
    expect(origin.openFiles.size).toBe(0)
    expect(origin.admission.takenSlots).toBe(0)
  })

  it('origin: a storage that fails midway: breaks the connection, so that nobody takes the part for the whole', async () => {
    const origin = await startOrigin({ failsAt: 300_000 })
    await expect(origin.ask(CHUNK)).rejects.toMatchObject({ code: 'ECONNRESET' })
    await eventually('the slot is free', () => origin.admission.takenSlots === 0)
    expect(origin.openFiles.size).toBe(0)
    expect(await origin.metrics()).toContain('evastream_origin_requests_total{code="500"} 1')
  })
})

describe('the limits', () => {
  it('origin: over its concurrency: is 503 with Retry-After, and serves again once a slot is free', async () => {
    const origin = await startOrigin({ concurrentMax: 2, isSlow: true })
    const served = [origin.ask(CHUNK), origin.ask(CHUNK)]
    await eventually('both are served', () => origin.openFiles.size === 2)
    const refused = await origin.ask(CHUNK)
    expect([refused.status, problemOf(refused).code, refused.headers['retry-after']]).toEqual([503, 'EVA_ORIGIN_OVERLOADED', '1'])
    origin.release()
    expect((await Promise.all(served)).map(answer => answer.status)).toEqual([200, 200])
    expect((await origin.ask(CHUNK)).status).toBe(200)
    expect(origin.admission.takenSlots).toBe(0)
  })

  it('origin: over its bytes per second: is 503 until as long as Retry-After says', async () => {
    const origin = await startOrigin({ bytesPerSecondMax: 100_000 })
    expect((await origin.ask(CHUNK)).status).toBe(200)
    const refused = await origin.ask(CHUNK)
    expect([refused.status, refused.headers['retry-after'], refused.headers.etag]).toEqual([503, '6', undefined])
    expect((await origin.ask(CHUNK, { method: 'HEAD' })).status).toBe(200)
    origin.clock.advance(6000)
    expect((await origin.ask(CHUNK)).status).toBe(200)
  })

  it('origin: a client that leaves while its chunk is read: frees its slot', async () => {
    const origin = await startOrigin({ concurrentMax: 1, isSlow: true })
    const socket = connect(origin.port, '127.0.0.1', () => void socket.write(`GET ${CHUNK} HTTP/1.1\r\nhost: x\r\n\r\n`))
    await eventually('it is served', () => origin.openFiles.size === 1)
    socket.destroy()
    origin.release()
    await eventually('its slot is free', () => origin.admission.takenSlots === 0)
    expect(origin.openFiles.size).toBe(0)
  })

  it('origin: a client that stops reading a large chunk and leaves: frees its slot, and what it did not take is not counted', async () => {
    const large = new Uint8Array(64 * 1024 * 1024)
    const origin = await startOrigin({ bytes: large, concurrentMax: 1, bytesPerSecondMax: large.length })
    const socket = connect(origin.port, '127.0.0.1', () => void socket.write(`GET ${CHUNK} HTTP/1.1\r\nhost: x\r\n\r\n`))
    socket.pause()
    await eventually('the pipe is full', async () => {
      const before = await origin.metrics()
      await new Promise(resolve => setImmediate(resolve))
      return sentBytesIn(before) > 0 && sentBytesIn(before) === sentBytesIn(await origin.metrics())
    })
    expect(origin.admission.takenSlots).toBe(1)
    socket.destroy()
    await eventually('its slot is free', () => origin.admission.takenSlots === 0)
    const sentBytes = sentBytesIn(await origin.metrics())
    expect(sentBytes).toBeLessThan(large.length / 2)
    expect(await origin.metrics()).toContain('evastream_origin_requests_total{code="499"} 1')
    // What was not sent may be granted again.
    expect((await origin.ask(CHUNK, { headers: { range: `bytes=0-${large.length / 2}` } })).status).toBe(206)
  })

  it('origin: requests piled up on one connection: are answered in order, and freed when it breaks', async () => {
    const origin = await startOrigin({ isSlow: true })
    const socket = connect(origin.port, '127.0.0.1', () => void socket.write(`GET ${CHUNK} HTTP/1.1\r\nhost: x\r\n\r\n`.repeat(5)))
    await eventually('all are served', () => origin.openFiles.size === 5)
    origin.release()
    await new Promise(resolve => socket.once('data', resolve))
    socket.destroy()
    await eventually('all slots are free', () => origin.admission.takenSlots === 0)
    expect(origin.openFiles.size).toBe(0)
  })
})

describe('what the origin counts', () => {
  it('origin: its counters: hold the bytes of bodies and the requests by status, in /metrics and in /stats', async () => {
    const origin = await startOrigin()
    await origin.ask(CHUNK)
    await origin.ask(CHUNK, { headers: { range: 'bytes=0-99' } })
    await origin.ask('/covers/song-1')
    await origin.ask('/chunk?songId=song-1&chunkId=5')
    await origin.ask('/chunk?songId=..&chunkId=5')
    await origin.ask(CHUNK, { headers: { 'if-none-match': '*' } })
    const sentBytes = 600_100 + cover.length
    const stats = JSON.parse((await origin.ask('/stats')).body.toString()) as unknown
    expect(stats).toEqual({ sentBytes, requests: 6 })
    const metrics = await origin.metrics()
    expect(sentBytesIn(metrics)).toBe(sentBytes)
    for (const line of ['{code="200"} 2', '{code="206"} 1', '{code="304"} 1', '{code="400"} 1', '{code="404"} 1'])
      expect(metrics).toContain(`evastream_origin_requests_total${line}`)
    expect(metrics).toMatch(/http_request_duration_seconds_count\{method="GET",route="\/chunk",code="200"\} 1/)
  })
})

function sentBytesIn(metrics: string): number {
  return Number(/^evastream_origin_sent_bytes_total (\d+)/m.exec(metrics)?.[1])
}
