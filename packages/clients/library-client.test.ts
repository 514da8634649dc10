// Checks how the library and covers are asked for over HTTP, and that a reply which makes no sense is refused.

import { parseSongId } from '@evastream/core/ids'
import { loopbackHttp } from '@evastream/testkit/loopback-http'
import { afterEach, describe, expect, it } from 'vitest'
import { CoverClient } from './cover-client.ts'
import { LibraryClient } from './library-client.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
})

async function aServerThat(status: number, body: Uint8Array | object, type = 'application/json') {
  const server = await loopbackHttp((request, response) => {
    request.resume()
    response.writeHead(status, { 'content-type': type })
    response.end(body instanceof Uint8Array ? body : JSON.stringify(body))
  })
  const [library, covers] = [new LibraryClient({ baseUrl: server.url }), new CoverClient({ baseUrl: server.url })]
  open.push(library, covers, server)
  return { server, library, covers }
}

const songId = parseSongId('song-1')
const jpeg = Uint8Array.of(0xff, 0xd8, 0xff, 0xe0, 1, 2, 3)

describe('LibraryClient', () => {
  it('a page: what was wanted stands in the query, and comes back as it was sent', async () => {
    const songs = { total: 1, songs: [{ songId: 's', title: 'T', hasCover: true }] }
    const { library, server } = await aServerThat(200, songs)
    expect(await library.songs({ query: 'a & b', offset: 3, limit: 7 })).toEqual(songs)
    expect(server.received[0]).toMatchObject({ method: 'GET', url: '/library/songs?query=a+%26+b&offset=3&limit=7' })
  })

  it('albums and artists: each by its own path', async () => {
    const { library, server } = await aServerThat(200, { total: 0, albums: [], artists: [] })
    expect((await library.albums({ artist: 'X' })).albums).toEqual([])
    expect((await library.artists({})).artists).toEqual([])
    expect(server.received.map(({ url }) => url)).toEqual(['/library/albums?artist=X', '/library/artists'])
  })

  it('a page that is none: EVA_SERVICE_REPLY_INVALID', async () => {
    const { library } = await aServerThat(200, { total: '1', songs: [] })
    await expect(library.songs({})).rejects.toMatchObject({ code: 'EVA_SERVICE_REPLY_INVALID' })
  })
})

describe('CoverClient', () => {
  it('a picture: its type is what its bytes say, whatever the origin claims', async () => {
    const { covers, server } = await aServerThat(200, jpeg, 'text/html')
    expect(await covers.fetchCover(songId)).toEqual({ bytes: jpeg, mimeType: 'image/jpeg' })
    expect(server.received[0]).toMatchObject({ url: '/covers/song-1' })
  })

  it.each([
    ['a page instead of a picture', new TextEncoder().encode('<script>')],
    ['nothing at all', new Uint8Array(0)],
    ['more than a cover may be', Uint8Array.from({ length: 5 * 1024 * 1024 + 1 }, (_, index) => jpeg[index] ?? 0)],
  ])('%s: there is no cover', async (_, bytes) => {
    const { covers } = await aServerThat(200, bytes, 'image/jpeg')
    await expect(covers.fetchCover(songId)).rejects.toMatchObject({ code: 'EVA_COVER_NOT_FOUND' })
  })

  it('a song without one: EVA_COVER_NOT_FOUND; a troubled origin: a service error', async () => {
    const missing = await aServerThat(404, { code: 'EVA_COVER_NOT_FOUND', songId }, 'application/problem+json')
    await expect(missing.covers.fetchCover(songId)).rejects.toMatchObject({ code: 'EVA_COVER_NOT_FOUND' })
    const troubled = await aServerThat(500, { code: 'EVA_STORAGE_FAILED' }, 'application/problem+json')
    await expect(troubled.covers.fetchCover(songId)).rejects.toMatchObject({ code: 'EVA_SERVICE_STATUS' })
  })
})
