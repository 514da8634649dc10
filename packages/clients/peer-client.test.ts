import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseSongId } from '@evastream/core/ids'
import type { PeerStatus } from '@evastream/protocol/peer-http'
import { afterEach, describe, expect, it } from 'vitest'
import { PeerClient } from './peer-client.ts'

const STATUS: PeerStatus = {
  peerId: 'p',
  uploadPort: 1,
  httpPort: 2,
  sharing: 'on',
  peers: { downloadingFrom: 0, uploadingTo: 0 },
  limits: { uploadBytesPerSecond: 0, downloadBytesPerSecond: 0 },
  cache: { usedBytes: 0, limitBytes: 0 },
  playing: { songIds: [] },
  songs: [],
  received: { originBytes: 0, peerBytes: 0 },
  sentBytes: 0,
  wastedBytes: 0,
}

const closings: (() => Promise<unknown>)[] = []

/** A peer that answers every call with this, and notes what it was asked. */
async function peerThatSays(status: number, body: unknown): Promise<{ client: PeerClient; asked: string[] }> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    let text = ''
    request.on('data', chunk => (text += chunk))
    request.on('end', () => {
      asked.push(`${request.method} ${request.url} ${text}`.trim())
      response.writeHead(status, { 'content-type': status < 300 ? 'application/json' : 'application/problem+json' })
      response.end(JSON.stringify(body))
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const client = new PeerClient({ baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, timeoutMs: 2000 })
  closings.push(
    () => client.close(),
    () => new Promise(resolve => server.close(resolve)),
  )
  return { client, asked }
}

afterEach(async () => {
  for (const close of closings.splice(0)) await close()
})

describe('PeerClient', () => {
  it('an order of songs: goes out as it is and comes back as it stands', async () => {
    const { client, asked } = await peerThatSays(200, { songIds: ['a'] })
    expect(await client.orderQueue([parseSongId('a')])).toEqual(['a'])
    expect(asked).toEqual(['PUT /api/queue {"songIds":["a"]}'])
    expect(client.url).not.toMatch(/\/$/)
  })

  it('an unknown song: keeps its code and its name', async () => {
    const { client } = await peerThatSays(404, { code: 'EVA_SONG_NOT_FOUND', songId: 'a' })
    await expect(client.openSong(parseSongId('a'))).rejects.toMatchObject({ code: 'EVA_SONG_NOT_FOUND', details: { songId: 'a' } })
  })

  it('something else at that address: is no peer', async () => {
    const { client } = await peerThatSays(200, { hello: 'world' })
    expect(await client.isThere()).toBe(false)
    await expect(client.status()).rejects.toMatchObject({ code: 'EVA_SERVICE_REPLY_INVALID' })
  })

  it('a peer: is one', async () => {
    expect(await (await peerThatSays(200, STATUS)).client.isThere()).toBe(true)
  })
})
