import { TrackerClient } from '@evastream/clients/tracker-client'
import { parsePeerId, parseSongId } from '@evastream/core/ids'
import { loadConfig } from '@evastream/service-kit/config'
import { createLogger } from '@evastream/service-kit/logger'
import { eventually } from '@evastream/testkit/eventually'
import { loopbackHttp } from '@evastream/testkit/loopback-http'
import { songFixture } from '@evastream/testkit/song-fixture'
import { afterEach, describe, expect, it } from 'vitest'
import { trackerOptions } from './config.ts'
import { startTrackerService } from './main.ts'

const songId = parseSongId('song-1')
const logger = createLogger({ name: 'tracker', level: 'silent' })
const open: { close(): Promise<unknown> }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

async function aMetadataService() {
  const { manifest } = songFixture({ songId, fileSize: 300 * 16_384, chunkSize: 16_384 })
  const server = await loopbackHttp((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json', etag: '"1"' }).end(JSON.stringify(manifest))
  })
  open.push(server)
  return server
}

async function startTracker(...flags: string[]) {
  const anyPort = flags.some(flag => flag.startsWith('--port')) ? [] : ['--port=0']
  const argv = [...anyPort, '--heartbeat.intervalMs=20', '--peer.expiresAfterMs=2000', '--sweep.intervalMs=50', ...flags]
  const service = await startTrackerService(loadConfig(trackerOptions, { argv, env: {}, verb: 'tracker' }).values, logger)
  open.push(service)
  return service
}

function clientOf(baseUrl: string) {
  const client = new TrackerClient({ baseUrl })
  open.push(client)
  return client
}

describe('startTrackerService, with its client', () => {
  it('a peer that beats stays, holds three hundred chunks, and is gone some time after its last heartbeat', async () => {
    const metadata = await aMetadataService()
    const tracker = await startTracker(`--metadata=${metadata.url}`)
    const giver = clientOf(tracker.url)
    const asker = clientOf(tracker.url)
    const registration = await giver.register({ peerId: parsePeerId('giver'), port: 9001 })
    expect(registration).toMatchObject({ heartbeatIntervalMs: 20, expiresAfterMs: 2000, observedHost: '127.0.0.1' })
    await giver.notifyChunkAcquired(
      songId,
      Array.from({ length: 300 }, (_, chunkId) => chunkId),
    )
    await giver.notifyChunkReleased(songId, [299])
    const [listed] = await asker.getPeers(songId, { chunkId: 298 })
    expect(listed).toMatchObject({ peerId: 'giver', host: '127.0.0.1', port: 9001 })
    expect(listed?.chunks).toEqual(Array.from({ length: 299 }, (_, chunkId) => chunkId))
    expect(await asker.getPeers(songId, { chunkId: 299 })).toEqual([])
    expect(await giver.getPeers(songId)).toEqual([])
    expect((await giver.heartbeat({ originBytes: 1 })).bootId).toBe(registration.bootId)
    await eventually('the silent peer is gone', async () => (await asker.stats()).peers === 0)
    await expect(giver.heartbeat()).rejects.toMatchObject({ code: 'EVA_PEER_UNKNOWN' })
  })

  it('a tracker that restarted: has another boot id, and the peer takes up its id with its old token', async () => {
    const metadata = await aMetadataService()
    const first = await startTracker(`--metadata=${metadata.url}`)
    const peer = clientOf(first.url)
    const before = await peer.register({ peerId: parsePeerId('peer-1'), port: 9001 })
    await first.close()
    open.splice(open.indexOf(first), 1)
    await startTracker(`--metadata=${metadata.url}`, `--port=${new URL(first.url).port}`)
    await expect(peer.heartbeat()).rejects.toMatchObject({ code: 'EVA_PEER_UNKNOWN' })
    const after = await peer.register({ peerId: parsePeerId('peer-1'), port: 9001 })
    expect(after.token).toBe(before.token)
    expect(after.bootId).not.toBe(before.bootId)
  })

  it('the metadata service is not there: it starts, is ready, and says of unknown songs that nobody can tell', async () => {
    const tracker = await startTracker('--metadata=http://127.0.0.1:1')
    expect((await fetch(`${tracker.url}/readyz`)).status).toBe(200)
    const peer = clientOf(tracker.url)
    await peer.register({ peerId: parsePeerId('peer-1'), port: 9001 })
    await expect(peer.notifyChunkAcquired(songId, [0])).rejects.toMatchObject({ code: 'EVA_NOT_READY', details: { retryAfterMs: 2000 } })
  })

  it('a port that is taken: says which, and how to choose another', async () => {
    const { url } = await aMetadataService()
    const { port } = new URL(url)
    const argv = [`--port=${port}`]
    const starting = startTrackerService(loadConfig(trackerOptions, { argv, env: {}, verb: 'tracker' }).values, logger)
    await expect(starting).rejects.toMatchObject({ code: 'EVA_PORT_TAKEN', details: { port: Number(port), flag: '--port' } })
  })
})
