// Checks that nothing but a picture of a sensible size is taken for a cover, whatever a server says of it.

import { parseSongId } from '@evastream/core/ids'
import { COVER_SIZE_MAX_BYTES } from '@evastream/protocol/storage-layout'
import { loopbackHttp } from '@evastream/testkit/loopback-http'
import { afterEach, describe, expect, it } from 'vitest'
import { CoverClient } from './cover-client.ts'

const songId = parseSongId('song-1')
const JPEG = [0xff, 0xd8, 0xff, 0xe0]
const PNG = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0]
const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
})

async function fetched(bytes: Uint8Array, contentType: string) {
  const server = await loopbackHttp((_, response) => response.writeHead(200, { 'content-type': contentType }).end(bytes))
  const client = new CoverClient({ baseUrl: server.url })
  open.push(client, server)
  const cover = await client.fetchCover(songId)
  expect(server.received).toMatchObject([{ method: 'GET', url: '/covers/song-1' }])
  return cover
}

describe('cover client', () => {
  it.each([
    ['a JPEG called a PNG', JPEG, 'image/png', 'image/jpeg'],
    ['a PNG called a page', PNG, 'text/html', 'image/png'],
  ])('%s: is what it begins like', async (_, bytes, contentType, mimeType) => {
    expect(await fetched(Uint8Array.from(bytes), contentType)).toEqual({ bytes: Uint8Array.from(bytes), mimeType })
  })

  it.each([
    ['a page called a JPEG', Buffer.from('<script>alert(1)</script>')],
    ['a drawing that may hold scripts', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>')],
    ['nothing', new Uint8Array(0)],
    ['a picture larger than any cover', Buffer.concat([Uint8Array.from(JPEG), Buffer.alloc(COVER_SIZE_MAX_BYTES)])],
  ])('%s: is no cover', async (_, bytes) => {
    await expect(fetched(bytes, 'image/jpeg')).rejects.toMatchObject({ code: 'EVA_COVER_NOT_FOUND' })
  })
})
