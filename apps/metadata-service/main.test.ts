// Checks the metadata service as its callers meet it: over HTTP, on a free port, with a directory of its own.

import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig } from '@evastream/service-kit/config'
import { createLogger } from '@evastream/service-kit/logger'
import type { RunningService } from '@evastream/service-kit/run-service'
import { songFixture } from '@evastream/testkit/song-fixture'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { metadataOptions } from './config.ts'
import { startMetadataService } from './main.ts'

const silent = { write: () => undefined }
const logger = createLogger({ name: 'metadata', level: 'silent' }, { stdout: silent, stderr: silent })

const start = async (...argv: string[]) => {
  const { values } = loadConfig(metadataOptions, { argv: ['--port', '0', ...argv], env: {} })
  return await startMetadataService(values, logger)
}

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly bytes: Buffer
  readonly json: Record<string, unknown>
}

interface Call {
  readonly method?: string
  readonly body?: unknown
  readonly headers?: Record<string, string>
  /** Default: the right one. */
  readonly token?: string | undefined
}

describe('metadata service', () => {
  let dataDir = ''
  let service: RunningService
  let operatorToken = ''
  let songNumber = 0
  let songId = ''

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'evastream-metadata-'))
    service = await start('--data', dataDir)
    operatorToken = (await readFile(join(dataDir, 'operator-token'), 'utf8')).trim()
  })
  beforeEach(() => {
    songId = `song-${++songNumber}`
  })
  afterAll(async () => {
    await service.close()
    await rm(dataDir, { recursive: true })
  })

  async function call(path: string, { method = 'GET', body, headers = {}, ...rest }: Call = {}): Promise<Answer> {
    const token = 'token' in rest ? rest.token : operatorToken
    const reply = await fetch(service.url + path, {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(method === 'GET' || token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const bytes = Buffer.from(await reply.arrayBuffer())
    const isJson = reply.headers.get('content-type')?.includes('json') === true && bytes.length > 0
    return { status: reply.status, headers: reply.headers, bytes, json: isJson ? JSON.parse(bytes.toString()) : {} }
  }
  const publish = (body: unknown, options: Call = {}) => call('/metadata', { method: 'POST', body, ...options })
  const song = () => songFixture({ songId, title: `Title of ${songId}`, artist: 'Artist' })
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')

  it('a song: published, read, asked for again: 201, 200 with a strong ETag, 304', async () => {
    const { manifest, blockHashes } = song()
    const created = await publish({ ...manifest, blockHashes: base64(blockHashes) })
    expect(created.status).toBe(201)
    expect(created.headers.get('location')).toBe(`/metadata/${songId}`)
    const { chunks: _, ...summary } = manifest
    expect(created.json).toEqual(summary)
    const read = await call(`/metadata/${songId}`)
    expect(read.status).toBe(200)
    expect(read.json).toEqual(manifest)
    const entityTag = read.headers.get('etag') ?? ''
    expect(entityTag).toMatch(/^"[\w-]{20,}"$/)
    for (const known of [entityTag, `"other", W/${entityTag}`, '*']) {
      const again = await call(`/metadata/${songId}`, { headers: { 'if-none-match': known } })
      expect([again.status, again.bytes.length, again.headers.get('etag')]).toEqual([304, 0, entityTag])
    }
    expect((await call(`/metadata/${songId}`, { headers: { 'if-none-match': '"other"' } })).status).toBe(200)
  })

  it('a song: by HEAD: has the headers of GET and no body', async () => {
    await publish(song().manifest)
    const [head, get] = [await call(`/metadata/${songId}`, { method: 'HEAD' }), await call(`/metadata/${songId}`)]
    for (const name of ['etag', 'content-length', 'content-type']) expect(head.headers.get(name)).toBe(get.headers.get(name))
    expect(head.bytes.length).toBe(0)
  })

  it('block hashes: are served as bytes, for ever, with a tag of their own', async () => {
    const { manifest, blockHashes } = song()
    await publish({ ...manifest, blockHashes: base64(blockHashes) })
    const read = await call(`/metadata/${songId}/blocks`)
    expect(read.bytes.equals(blockHashes)).toBe(true)
    expect(read.headers.get('content-type')).toBe('application/octet-stream')
    expect(read.headers.get('cache-control')).toContain('immutable')
    const again = await call(`/metadata/${songId}/blocks`, { headers: { 'if-none-match': read.headers.get('etag') ?? '' } })
    expect(again.status).toBe(304)
  })

  it('block hashes: of a song without, or of none: are 404 with different codes', async () => {
    await publish(song().manifest)
    expect((await call(`/metadata/${songId}/blocks`)).json).toMatchObject({ status: 404, code: 'EVA_NO_BLOCKS' })
    expect((await call('/metadata/nothing/blocks')).json).toMatchObject({ status: 404, code: 'EVA_SONG_NOT_FOUND' })
    expect((await call('/metadata/nothing')).json).toMatchObject({ status: 404, code: 'EVA_SONG_NOT_FOUND', songId: 'nothing' })
  })

  it('the same again: one after another or at once: is 200 for all but one', async () => {
    const { manifest } = song()
    const statuses = await Promise.all(Array.from({ length: 6 }, async () => (await publish(manifest)).status))
    expect(statuses.sort((left, right) => left - right)).toEqual([200, 200, 200, 200, 200, 201])
  })

  it('another content under the id: is 409, naming the field, and changes nothing', async () => {
    const { manifest } = song()
    await publish(manifest)
    const chunks = manifest.chunks.map((chunk, index) => (index === 2 ? { ...chunk, hash: 'f'.repeat(64) } : chunk))
    const answer = await publish({ ...manifest, chunks })
    expect(answer.status).toBe(409)
    expect(answer.json).toMatchObject({ code: 'EVA_SONG_CONFLICT', songId, field: 'chunks[2].hash' })
    expect((await publish({ ...manifest, title: 'Other' })).json).toMatchObject({ status: 409, field: 'title' })
    expect((await call(`/metadata/${songId}`)).json).toEqual(manifest)
  })

  it.each<[string, Record<string, unknown>, number, string, string]>([
    ['numbers that do not fit', { chunkCount: 7 }, 422, 'EVA_MANIFEST_INVALID', 'chunkCount'],
    ['a chunk size of 0', { chunkSize: 0 }, 422, 'EVA_MANIFEST_INVALID', 'chunkSize'],
    ['a negative chunk size', { chunkSize: -262_144 }, 422, 'EVA_MANIFEST_INVALID', 'chunkSize'],
    ['block hashes of a wrong length', { blockHashes: 'AAAA' }, 422, 'EVA_MANIFEST_INVALID', 'blockHashes'],
    ['a negative chunk id', { chunks: [{ chunkId: -1, hash: '0'.repeat(64) }] }, 422, 'EVA_MANIFEST_INVALID', 'chunks'],
    ['a huge file size', { fileSize: 1e300 }, 422, 'EVA_MANIFEST_INVALID', 'fileSize'],
    ['a size in text', { fileSize: '300000' }, 400, 'EVA_REQUEST_INVALID', 'fileSize'],
    ['a fraction of a byte', { fileSize: 300_000.5 }, 400, 'EVA_REQUEST_INVALID', 'fileSize'],
    ['a missing title', { title: undefined }, 400, 'EVA_REQUEST_INVALID', 'title'],
    ['an empty title', { title: '' }, 400, 'EVA_REQUEST_INVALID', 'title'],
    ['a NUL in a title', { title: 'a\0b' }, 400, 'EVA_REQUEST_INVALID', 'title'],
    ['an unknown field', { titel: 'x' }, 400, 'EVA_REQUEST_INVALID', 'titel'],
    [
      'an unknown field of a chunk',
      { chunks: [{ chunkId: 0, hash: '0'.repeat(64), size: 1 }] },
      400,
      'EVA_REQUEST_INVALID',
      'chunks[0].size',
    ],
    ['a type that browsers run', { mimeType: 'text/html' }, 400, 'EVA_REQUEST_INVALID', 'mimeType'],
    ['a path as id', { id: '../../etc/passwd' }, 400, 'EVA_SONG_ID_INVALID', 'id'],
    ['two dots as id', { id: '..' }, 400, 'EVA_SONG_ID_INVALID', 'id'],
    ['an overlong id', { id: 'a'.repeat(129) }, 400, 'EVA_SONG_ID_INVALID', 'id'],
  ])('a publication with %s: is refused naming it, and nothing is stored', async (_what, changes, status, code, field) => {
    const answer = await publish({ ...song().manifest, ...changes })
    expect(answer.json).toMatchObject({ status, code, field })
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/)
    expect((await call(`/metadata/${songId}`)).status).toBe(404)
  })

  it('__proto__ in a publication: is refused, plain or deep', async () => {
    const text = JSON.stringify(song().manifest)
    for (const body of [text.replace('{', '{"__proto__":{"a":1},'), text.replace('[{', '[{"__proto__":{"a":1},')])
      expect((await publish(body)).json).toMatchObject({ status: 400, code: 'EVA_REQUEST_INVALID' })
  })

  it.each(['POST', 'PATCH', 'DELETE'])('%s without the token: is 401, with a wrong one 403, and changes nothing', async method => {
    const { manifest } = song()
    await publish(manifest)
    const path = method === 'POST' ? '/metadata' : `/metadata/${songId}`
    const body = method === 'POST' ? { ...manifest, id: `${songId}-new` } : method === 'PATCH' ? { title: 'x' } : undefined
    const missing = await call(path, { method, body, token: undefined })
    expect(missing.json).toMatchObject({ status: 401, code: 'EVA_TOKEN_REQUIRED' })
    expect(missing.headers.get('www-authenticate')).toBe('Bearer')
    expect((await call(path, { method, body, token: 'wrong' })).json).toMatchObject({ status: 403, code: 'EVA_TOKEN_REJECTED' })
    expect((await call(`/metadata/${songId}`)).json).toEqual(manifest)
    expect((await call(`/metadata/${songId}-new`)).status).toBe(404)
  })

  it('a publication without the token: is refused before its body has come', async () => {
    const { port } = new URL(service.url)
    const headers = { 'content-type': 'application/json', 'content-length': String(20 * 1024 * 1024) }
    const request = httpRequest({ port, host: '127.0.0.1', path: '/metadata', method: 'POST', headers })
    request.on('error', () => undefined).write('{"id":')
    const status = await new Promise(resolve => request.once('response', reply => resolve(reply.statusCode)))
    request.destroy()
    expect(status).toBe(401)
  })

  it('a body: of megabytes: is read; past 32 MiB: is 413', async () => {
    const many = songFixture({ songId, fileSize: 30_000, chunkSize: 16_384 }).manifest
    const spaces = (mebibytes: number) => JSON.stringify(many).replace('{', `{${' '.repeat(mebibytes * 1024 * 1024)}`)
    expect((await publish(spaces(31))).status).toBe(201)
    expect((await publish(spaces(32))).json).toMatchObject({ status: 413, code: 'EVA_REQUEST_TOO_LARGE', limitBytes: 32 * 1024 * 1024 })
  })

  it('an edit: changes the description and the ETag, and is found at once', async () => {
    const { manifest } = song()
    await publish(manifest)
    const before = await call(`/metadata/${songId}`)
    const edited = await call(`/metadata/${songId}`, { method: 'PATCH', body: { title: `Renamed ${songId}`, artist: null } })
    expect(edited.status).toBe(200)
    const after = await call(`/metadata/${songId}`, { headers: { 'if-none-match': before.headers.get('etag') ?? '' } })
    expect(after.status).toBe(200)
    expect(after.json).toEqual(edited.json)
    expect(after.headers.get('etag')).toBe(edited.headers.get('etag'))
    const { artist: _, ...kept } = manifest
    expect(after.json).toEqual({ ...kept, title: `Renamed ${songId}` })
    expect((await call(`/metadata?query=renamed+${songId}`)).json).toMatchObject({ songs: [{ id: songId }] })
  })

  it.each<[string, unknown]>([
    ['a size', { fileSize: 1 }],
    ['hashes', { chunks: [] }],
    ['an id', { id: 'other' }],
    ['block hashes', { blockHashes: '' }],
    ['a title taken away', { title: null }],
    ['nothing', {}],
    ['a year in text', { year: '1999' }],
  ])('an edit of %s: is refused', async (_what, body) => {
    await publish(song().manifest)
    expect((await call(`/metadata/${songId}`, { method: 'PATCH', body })).json).toMatchObject({ status: 400, code: 'EVA_REQUEST_INVALID' })
  })

  it('a song: removed: is 204, then 404; editing it is 404', async () => {
    await publish(song().manifest)
    const removed = await call(`/metadata/${songId}`, { method: 'DELETE' })
    expect([removed.status, removed.bytes.length]).toEqual([204, 0])
    expect((await call(`/metadata/${songId}`, { method: 'DELETE' })).json).toMatchObject({ status: 404, code: 'EVA_SONG_NOT_FOUND' })
    expect((await call(`/metadata/${songId}`)).status).toBe(404)
    expect((await call(`/metadata/${songId}`, { method: 'PATCH', body: { title: 'x' } })).status).toBe(404)
  })

  it.each([
    ['..%2F..%2Fetc%2Fpasswd', 400],
    ['..%2f..%2fetc%2fpasswd/blocks', 400],
    ['%2e%2e%2fx', 400],
    ['.hidden', 400],
    ['a%00b', 400],
    ['a'.repeat(129), 400],
    ['__proto__', 400],
    ['constructor', 404],
    ['%', 400],
  ])('the id %s in a path: is refused or not found, as a problem', async (path, status) => {
    const answer = await call(`/metadata/${path}`)
    expect(answer.status).toBe(status)
    expect(answer.json).toMatchObject({ status, code: expect.stringMatching(/^EVA_(SONG_ID_INVALID|SONG_NOT_FOUND|REQUEST_INVALID)$/) })
    expect(answer.bytes.toString()).not.toMatch(/node_modules|root:/)
  })

  it('a list: by pages of any allowed size: has no chunks; other sizes, names and cursors are refused', async () => {
    await publish(song().manifest)
    const { json } = await call('/metadata?limit=1')
    expect(json).toMatchObject({ songs: [{ id: expect.any(String) }], nextCursor: expect.any(String) })
    expect(Object.keys((json.songs as object[])[0] ?? {})).not.toContain('chunks')
    expect((await call(`/metadata?limit=1&cursor=${json.nextCursor}`)).status).toBe(200)
    for (const query of ['limit=0', 'limit=201', 'limit=x', 'cursor=zz', 'cursor=', 'qeury=x', `query=${'x'.repeat(201)}`])
      expect((await call(`/metadata?${query}`)).json).toMatchObject({ status: 400, code: 'EVA_REQUEST_INVALID' })
  })

  it('figures and health: count the songs, and say ready', async () => {
    await publish(song().manifest)
    const count = Number(/^evastream_metadata_songs (\d+)$/m.exec((await call('/metrics')).bytes.toString())?.[1])
    await call(`/metadata/${songId}`, { method: 'DELETE' })
    expect((await call('/metrics')).bytes.toString()).toContain(`evastream_metadata_songs ${count - 1}\n`)
    expect((await call('/readyz')).status).toBe(200)
    expect(Object.keys((await call('/openapi.json')).json.paths as object)).toContain('/metadata/{songId}/blocks')
  })

  it('a hostile title: is kept as it was written', async () => {
    const title = '<script>alert(1)</script>\u001b[2J\u202e\ud83c\udfb5"\\'
    await publish({ ...song().manifest, title })
    expect((await call(`/metadata/${songId}`)).json.title).toBe(title)
  })
})

describe('metadata service: starting', () => {
  let place = ''
  beforeAll(async () => {
    place = await mkdtemp(join(tmpdir(), 'evastream-metadata-'))
  })
  afterAll(async () => await rm(place, { recursive: true }))

  it('restarted: keeps songs, ETags and token', async () => {
    const dataDir = join(place, 'restart')
    const read = async (service: RunningService) => {
      const reply = await fetch(`${service.url}/metadata/song-1`)
      return {
        etag: reply.headers.get('etag'),
        digest: createHash('sha256')
          .update(await reply.text())
          .digest('hex'),
      }
    }
    const first = await start('--data', dataDir)
    const token = await readFile(join(dataDir, 'operator-token'), 'utf8')
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${token.trim()}` }
    const posted = await fetch(`${first.url}/metadata`, { method: 'POST', headers, body: JSON.stringify(songFixture().manifest) })
    expect(posted.status).toBe(201)
    const before = await read(first)
    await first.close()
    const second = await start('--data', dataDir)
    expect(await read(second)).toEqual(before)
    expect(await readFile(join(dataDir, 'operator-token'), 'utf8')).toBe(token)
    await second.close()
  })

  it('a token given: is the one that counts, and none is made', async () => {
    const dataDir = join(place, 'given')
    const service = await start('--data', dataDir, '--token', 'mine')
    const remove = (token: string) =>
      fetch(`${service.url}/metadata/x`, { method: 'DELETE', headers: { authorization: `Bearer ${token}` } })
    expect((await remove('mine')).status).toBe(404)
    expect((await remove('other')).status).toBe(403)
    await expect(stat(join(dataDir, 'operator-token'))).rejects.toMatchObject({ code: 'ENOENT' })
    await service.close()
  })

  it('a taken port: is refused with the port and the flag, and the directory is free again', async () => {
    const service = await start('--data', join(place, 'holder'))
    const { port } = new URL(service.url)
    const argv = ['--data', join(place, 'second'), '--port', port]
    const { values } = loadConfig(metadataOptions, { argv, env: {} })
    const refusal = { code: 'EVA_PORT_TAKEN', details: { port: Number(port), flag: '--port' } }
    await expect(startMetadataService(values, logger)).rejects.toMatchObject(refusal)
    await (await start('--data', join(place, 'second'))).close()
    await service.close()
  })

  it('a directory that cannot be: under a file, or in use: is refused with its flag', async () => {
    await writeFile(join(place, 'file'), '')
    await expect(start('--data', join(place, 'file/data'))).rejects.toMatchObject({
      code: 'EVA_DIRECTORY_UNWRITABLE',
      details: { flag: '--data' },
    })
    const service = await start('--data', join(place, 'busy'))
    await expect(start('--data', join(place, 'busy'))).rejects.toMatchObject({ code: 'EVA_DIRECTORY_LOCKED', details: { flag: '--data' } })
    await service.close()
  })
})
