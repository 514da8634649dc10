import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { parseSongId } from '@evastream/core/ids'
import { loopbackHttp } from '@evastream/testkit/loopback-http'
import { songFixture } from '@evastream/testkit/song-fixture'
import { afterEach, describe, expect, it } from 'vitest'
import { MetadataClient } from './metadata-client.ts'

const { manifest, blockHashes } = songFixture({ songId: 'song-1', fileSize: 5 * 16_384 + 1, chunkSize: 32_768 })
const songId = manifest.id
const { chunks: _chunks, ...summary } = manifest
const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
})

type Answer = (request: IncomingMessage, response: ServerResponse) => void

async function aServiceThat(answer: Answer, token?: string) {
  const server = await loopbackHttp(answer)
  const client = new MetadataClient({ baseUrl: server.url, ...(token === undefined ? {} : { token }) })
  open.push(client, server)
  return { client, server }
}

const json =
  (body: unknown, status = 200, headers: Record<string, string> = {}): Answer =>
  (request, response) => {
    request.resume()
    response.writeHead(status, { 'content-type': status < 400 ? 'application/json' : 'application/problem+json', ...headers })
    response.end(JSON.stringify(body))
  }

const invalid = { code: 'EVA_SERVICE_REPLY_INVALID' }

describe('MetadataClient: manifests', () => {
  it('a published song: its manifest', async () => {
    const { client, server } = await aServiceThat(json(manifest))
    expect(await client.getManifest(songId)).toEqual(manifest)
    expect(server.received[0]).toMatchObject({ method: 'GET', url: '/metadata/song-1' })
  })

  it.each([
    ['another song', { ...manifest, id: 'song-2' }],
    ['a wrong count', { ...manifest, chunkCount: manifest.chunkCount + 1 }],
    ['a missing chunk', { ...manifest, chunks: manifest.chunks.slice(1) }],
    ['a hash in capitals', { ...manifest, chunks: manifest.chunks.map(chunk => ({ ...chunk, hash: chunk.hash.toUpperCase() })) }],
    ['a size in text', { ...manifest, fileSize: String(manifest.fileSize) }],
    ['a chunk size of zero', { ...manifest, chunkSize: 0 }],
    ['no title', { ...manifest, title: undefined }],
  ])('%s: makes no sense', async (_, body) => {
    const { client } = await aServiceThat(json(body))
    await expect(client.getManifest(songId)).rejects.toMatchObject(invalid)
  })

  it('an unknown song: EVA_SONG_NOT_FOUND', async () => {
    const { client } = await aServiceThat(json({ code: 'EVA_SONG_NOT_FOUND', songId }, 404))
    await expect(client.getManifest(songId)).rejects.toMatchObject({ code: 'EVA_SONG_NOT_FOUND', details: { songId } })
  })

  it('lookUpSong: found with its version, unchanged for that version, missing when deleted', async () => {
    let answer = json(manifest, 200, { etag: '"v1"' })
    const { client, server } = await aServiceThat((request, response) => answer(request, response))
    expect(await client.lookUpSong(songId)).toEqual({ kind: 'found', manifest, version: '"v1"' })
    answer = (_, response) => response.writeHead(304).end()
    expect(await client.lookUpSong(songId, '"v1"')).toEqual({ kind: 'unchanged' })
    expect(server.received.map(each => each.headers['if-none-match'])).toEqual([undefined, '"v1"'])
    answer = json({ code: 'EVA_SONG_NOT_FOUND' }, 404)
    expect(await client.lookUpSong(songId, '"v1"')).toEqual({ kind: 'missing' })
    answer = json({ message: 'a proxy knows nothing here' }, 404)
    await expect(client.lookUpSong(songId)).rejects.toMatchObject({ code: 'EVA_SERVICE_STATUS' })
  })
})

describe('MetadataClient: block hashes', () => {
  it('a song with: their bytes', async () => {
    const { client, server } = await aServiceThat((_, response) => response.end(blockHashes))
    const received = await client.getBlockHashes(manifest)
    expect(received && createHash('sha256').update(received).digest('hex')).toBe(createHash('sha256').update(blockHashes).digest('hex'))
    expect(server.received[0]?.url).toBe('/metadata/song-1/blocks')
  })

  it('a song without: undefined; an unknown song: thrown', async () => {
    let code = 'EVA_NO_BLOCKS'
    const { client } = await aServiceThat((request, response) => json({ code }, 404)(request, response))
    expect(await client.getBlockHashes(manifest)).toBeUndefined()
    code = 'EVA_SONG_NOT_FOUND'
    await expect(client.getBlockHashes(manifest)).rejects.toMatchObject({ code })
  })

  it('one byte too few or too many: makes no sense', async () => {
    let bytes = blockHashes.subarray(1)
    const { client } = await aServiceThat((_, response) => response.end(bytes))
    await expect(client.getBlockHashes(manifest)).rejects.toMatchObject(invalid)
    bytes = Buffer.concat([blockHashes, Buffer.alloc(1)])
    await expect(client.getBlockHashes(manifest)).rejects.toMatchObject(invalid)
  })
})

describe('MetadataClient: a song of which nothing is known', () => {
  it('its manifest and its block hashes: are asked for at once', async () => {
    const answers: (() => void)[] = []
    const { client } = await aServiceThat((request, response) => {
      const isForBlocks = request.url?.endsWith('/blocks') === true
      answers.push(() => (isForBlocks ? response.end(blockHashes) : json(manifest)(request, response)))
      if (answers.length === 2) for (const answer of answers) answer()
    })
    const song = await client.getSong(songId)
    expect(song.manifest).toEqual(manifest)
    expect(song.blockHashes?.length).toBe(blockHashes.length)
  })

  it('a song without block hashes: has none; an unknown one, or a failure of either call: thrown', async () => {
    let answers: [unknown, number][] = [
      [manifest, 200],
      [{ code: 'EVA_NO_BLOCKS' }, 404],
    ]
    const { client } = await aServiceThat((request, response) => {
      const [body, status] = answers[request.url?.endsWith('/blocks') === true ? 1 : 0] ?? [{}, 500]
      json(body, status)(request, response)
    })
    expect(await client.getSong(songId)).toEqual({ manifest, blockHashes: undefined })
    answers = [
      [{ code: 'EVA_SONG_NOT_FOUND' }, 404],
      [{ code: 'EVA_SONG_NOT_FOUND' }, 404],
    ]
    await expect(client.getSong(songId)).rejects.toMatchObject({ code: 'EVA_SONG_NOT_FOUND' })
    answers = [
      [manifest, 200],
      [{}, 500],
    ]
    await expect(client.getSong(songId)).rejects.toMatchObject({ code: 'EVA_SERVICE_STATUS' })
  })
})

describe('MetadataClient: operators', () => {
  it('publish: sends the token and tells whether it was new', async () => {
    let status = 201
    const { client, server } = await aServiceThat((request, response) => json(summary, status)(request, response), 'secret')
    const body = { ...manifest, chunks: [...manifest.chunks] }
    expect(await client.publish(body)).toBe('created')
    status = 200
    expect(await client.publish(body)).toBe('unchanged')
    expect(server.received[0]).toMatchObject({ method: 'POST', url: '/metadata', headers: { authorization: 'Bearer secret' } })
  })

  it('publish: a conflict keeps its code', async () => {
    const { client } = await aServiceThat(json({ code: 'EVA_SONG_CONFLICT', songId }, 409), 'secret')
    await expect(client.publish({ ...manifest, chunks: [...manifest.chunks] })).rejects.toMatchObject({ code: 'EVA_SONG_CONFLICT' })
  })

  it('edit and delete: name the song and send the token', async () => {
    let answer = json({ ...summary, title: 'New' })
    const { client, server } = await aServiceThat((request, response) => answer(request, response), 'secret')
    expect(await client.updateSong(songId, { title: 'New' })).toMatchObject({ title: 'New' })
    answer = (_, response) => response.writeHead(204).end()
    await client.deleteSong(songId)
    expect(server.received.map(({ method, url, headers }) => `${method} ${url} ${headers.authorization}`)).toEqual([
      'PATCH /metadata/song-1 Bearer secret',
      'DELETE /metadata/song-1 Bearer secret',
    ])
  })

  it('readers: send no token', async () => {
    const { client, server } = await aServiceThat(json(manifest), 'secret')
    await client.getManifest(parseSongId('song-1'))
    expect(server.received[0]?.headers).not.toHaveProperty('authorization')
  })

  it('listSongs: sends what is wanted, encoded', async () => {
    const { client, server } = await aServiceThat(json({ songs: [summary], nextCursor: 'more' }))
    expect(await client.listSongs({ query: 'a & b?', limit: 2, cursor: 'x=' })).toEqual({ songs: [summary], nextCursor: 'more' })
    await client.listSongs()
    expect(Object.fromEntries(new URL(server.received[0]?.url ?? '', 'http://x').searchParams)).toEqual({
      query: 'a & b?',
      limit: '2',
      cursor: 'x=',
    })
    expect(server.received[1]?.url).toBe('/metadata')
  })
})
