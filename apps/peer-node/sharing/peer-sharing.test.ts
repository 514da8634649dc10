// Whole nodes on loopback that share, only receive, or keep to themselves: real sockets and disks, the three services are stubs.
// Not the parts: upload-cap, upload-gate and connection-limits have tests of their own.
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { seededRandom } from '@evastream/core/random'
import { KIB } from '@evastream/core/units'
import type { PeerStatus } from '@evastream/protocol/peer-http'
import type { SharingState } from '@evastream/protocol/sharing-http'
import { loadConfig } from '@evastream/service-kit/config'
import { createLogger } from '@evastream/service-kit/logger'
import { systemClock, systemTimers } from '@evastream/service-kit/system-clock'
import { eventually } from '@evastream/testkit/eventually'
import { type FaultyOrigin, startFaultyOrigin } from '@evastream/testkit/faulty-origin'
import { RawListener, RawPeer } from '@evastream/testkit/raw-peer'
import { songFixture } from '@evastream/testkit/song-fixture'
import { StubMetadata } from '@evastream/testkit/stub-metadata'
import { StubTracker } from '@evastream/testkit/stub-tracker'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { peerNodeConfig, peerNodeOptions } from '../config.ts'
import { PeerNode } from '../peer-node.ts'

const NOON = Date.parse('2026-11-23T12:00:00.000Z')
const song = songFixture({ fileSize: 640_000, chunkSize: 32 * KIB })
const { id: songId, chunkCount } = song.manifest

const nodes = new Set<PeerNode>()
let directory = ''
let metadata: StubMetadata
let tracker: StubTracker
let origin: FaultyOrigin
let logLines: { msg: string; level: string }[] = []
let epochMs = NOON

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'evastream-sharing-'))
  metadata = await new StubMetadata().start()
  metadata.add(song)
  tracker = await new StubTracker().start()
  origin = await startFaultyOrigin({ chunkOf: (_songId, chunkId) => song.chunkBytes(chunkId) })
  logLines = []
  epochMs = NOON
})

afterEach(async () => {
  await Promise.all([...nodes].map(node => node.close()))
  nodes.clear()
  await Promise.all([metadata.stop(), tracker.stop(), origin.stop()])
  await rm(directory, { recursive: true, force: true })
})

async function startNode(peerId: string, flags: readonly string[] = []): Promise<PeerNode> {
  const urls = [`--metadata=${metadata.url}`, `--tracker=${tracker.url}`, `--origin=${origin.url}`]
  const argv = [`--peer.id=${peerId}`, '--http.port=0', `--data=${directory}`, ...urls, ...flags]
  const stream = { write: (text: string) => void logLines.push(JSON.parse(text)) }
  const logger = createLogger({ name: 'peer', level: 'info', json: true }, { stdout: stream, stderr: stream })
  const time = { clock: systemClock, wallClock: { epochMs: () => epochMs }, timers: systemTimers }
  const config = peerNodeConfig(loadConfig(peerNodeOptions, { argv, env: {} }).values)
  const node = await PeerNode.start({ ...time, random: seededRandom(peerId.length), logger }, config)
  nodes.add(node)
  return node
}

async function stopNode(node: PeerNode): Promise<void> {
  nodes.delete(node)
  await node.close()
}

async function fetchWhole(node: PeerNode): Promise<void> {
  await node.download(songId)
  await node.whenComplete(songId, AbortSignal.timeout(20_000))
}

/** A node that has the song, and the tracker knows it. */
async function aHolder(peerId: string, flags: readonly string[] = []): Promise<PeerNode> {
  const node = await startNode(peerId, flags)
  await fetchWhole(node)
  await eventually('the tracker knows', () => tracker.held(peerId, songId).length === chunkCount)
  return node
}

async function statusOf(node: PeerNode): Promise<PeerStatus> {
  return (await (await fetch(`${node.url}/api/status`)).json()) as PeerStatus
}

describe('sharing', () => {
  it('sharing on, for the first time: one line says what others see and how to change it, before anything is shared', async () => {
    const first = await startNode('first')
    const messages = logLines.map(line => line.msg)
    const notices = messages.filter(message => message.startsWith('Sharing is on'))
    expect(notices).toHaveLength(1)
    expect(notices[0]).toMatch(/address.*chunks.*--sharing=receive-only.*--sharing=off/)
    expect(messages.indexOf(notices[0] ?? '')).toBeLessThan(messages.indexOf('the peer is up'))
    expect(await statusOf(first)).toMatchObject({ sharing: 'on', peers: { downloadingFrom: 0, uploadingTo: 0 } })
    await stopNode(first)
    logLines = []
    await startNode('first')
    expect(logLines.filter(line => line.msg.startsWith('Sharing is on'))).toEqual([])
  })

  it('two that share: each tells how many peers it is connected to, in which direction', async () => {
    const first = await aHolder('first', ['--upload-limit=200K'])
    const second = await startNode('second')
    await second.download(songId)
    await eventually('connected', async () => (await statusOf(second)).peers.downloadingFrom === 1)
    expect([(await statusOf(first)).peers, (await statusOf(second)).peers]).toEqual([
      { downloadingFrom: 0, uploadingTo: 1 },
      { downloadingFrom: 1, uploadingTo: 0 },
    ])
  })

  it('receive-only: takes from peers, listens to nobody, and the tracker neither lists it nor hears of its chunks', async () => {
    await aHolder('first')
    const second = await startNode('second', ['--sharing=receive-only'])
    await fetchWhole(second)
    expect(await statusOf(second)).toMatchObject({
      sharing: 'receive-only',
      uploadPort: 0,
      received: { originBytes: 0, peerBytes: 640_000 },
    })
    await stopNode(second)
    expect(tracker.peerIds).toEqual(['first'])
    expect(tracker.calls.filter(call => call.peerId === 'second')).toEqual([])
    expect(await readdir(join(directory, 'second'))).not.toContain('peer-token')
  })

  it('off: everything comes from the origin; no peer is dialled, and no tracker is asked anything', async () => {
    const ghost = await RawListener.start('ghost')
    tracker.addPeer({ peerId: 'ghost', port: ghost.port, songId, chunkIds: song.manifest.chunks.map(chunk => chunk.chunkId) })
    const alone = await startNode('alone', ['--sharing=off'])
    await fetchWhole(alone)
    expect(await statusOf(alone)).toMatchObject({ sharing: 'off', uploadPort: 0, received: { originBytes: 640_000, peerBytes: 0 } })
    await stopNode(alone)
    expect([tracker.requestCount, ghost.acceptedCount]).toEqual([0, 0])
    await ghost.close()
  })
})

async function turn(node: PeerNode, mode: string, headers: Record<string, string> = {}): Promise<Response> {
  const init = { method: 'PUT', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify({ mode }) }
  return fetch(`${node.url}/api/sharing`, init)
}

async function sharingOf(node: PeerNode): Promise<SharingState> {
  return (await (await fetch(`${node.url}/api/sharing`)).json()) as SharingState
}

describe('the sharing switch', () => {
  it('on: says what others can see; turned down, nobody can connect, the tracker lists nothing, and who is connected is sent away', async () => {
    const node = await aHolder('first')
    const { uploadPort } = await statusOf(node)
    expect(await sharingOf(node)).toEqual({
      mode: 'on',
      isSet: false,
      sentBytes: 0,
      seen: { host: '127.0.0.1', port: uploadPort, songCount: 1, songs: [{ songId, chunkCount, chunksHeld: chunkCount }] },
    })
    const guest = await RawPeer.greet(uploadPort)
    const reply = await turn(node, 'receive-only')
    expect([reply.status, await reply.json()]).toEqual([
      200,
      { mode: 'receive-only', isSet: false, sentBytes: 0, seen: { host: null, port: 0, songCount: 0, songs: [] } },
    ])
    await guest.closed()
    expect(tracker.peerIds).toEqual([])
    await expect(RawPeer.greet(uploadPort)).rejects.toThrow()
    expect(await statusOf(node)).toMatchObject({ sharing: 'receive-only', uploadPort: 0 })
  })

  it('turned down while another takes the song: not a byte more is given, and the other gets it elsewhere', async () => {
    const first = await aHolder('first', ['--upload-limit=100K'])
    const second = await startNode('second')
    await second.download(songId)
    await eventually('something was given', () => first.status().sentBytes > 0)
    await turn(first, 'receive-only')
    const { sentBytes } = first.status()
    await second.whenComplete(songId, AbortSignal.timeout(20_000))
    expect(first.status().sentBytes).toBe(sentBytes)
  })

  it('turned up again: listens, is listed with all it holds, and gives', async () => {
    const first = await aHolder('first', ['--sharing=on'])
    for (const mode of ['off', 'receive-only', 'off', 'on']) expect((await turn(first, mode)).status).toBe(200)
    await eventually('the tracker knows', () => tracker.held('first', songId).length === chunkCount)
    const second = await startNode('second', ['--sharing=receive-only'])
    await fetchWhole(second)
    expect(second.status().received).toEqual({ originBytes: 0, peerBytes: 640_000 })
  })

  it('started without sharing and turned on: it asks for leases from then on, and gives what it fetches', async () => {
    const first = await startNode('first', ['--sharing=off'])
    await turn(first, 'on')
    await fetchWhole(first)
    expect(tracker.calls.some(({ path, peerId }) => path === '/origin-lease' && peerId === 'first')).toBe(true)
    await eventually('the tracker knows', () => tracker.held('first', songId).length === chunkCount)
  })

  it('turned off: leaves the peers it takes from, asks the tracker nothing more, and gets the rest from the origin', async () => {
    await aHolder('first', ['--upload-limit=100K'])
    const second = await startNode('second')
    await second.download(songId)
    await eventually('connected', () => second.status().received.peerBytes > 0)
    await turn(second, 'off')
    expect(second.status().peers).toEqual({ downloadingFrom: 0, uploadingTo: 0 })
    const looks = () => tracker.requestCount - tracker.calls.length
    const before = looks()
    await second.whenComplete(songId, AbortSignal.timeout(20_000))
    await fetch(`${second.url}/api/swarm`)
    expect(tracker.calls.filter(({ peerId }) => peerId === 'second').at(-1)?.path).toBe('/deregister')
    expect(looks()).toBe(before)
    expect(second.status().received.originBytes).toBeGreaterThan(0)
  })

  it('what was chosen holds after a restart; a setting comes first', async () => {
    const first = await startNode('first')
    await turn(first, 'receive-only')
    await stopNode(first)
    const again = await startNode('first')
    expect(await sharingOf(again)).toMatchObject({ mode: 'receive-only', isSet: false })
    expect(tracker.peerIds).toEqual([])
    await stopNode(again)
    const typed = await startNode('first', ['--sharing=on'])
    expect(await sharingOf(typed)).toMatchObject({ mode: 'on', isSet: true })
  })

  it('the port was taken meanwhile: turning it on fails with a name for it, and it stays as it was', async () => {
    const other = await startNode('other')
    const { uploadPort } = await statusOf(other)
    const node = await startNode('first', ['--sharing=receive-only', `--peer.port=${uploadPort}`])
    const reply = await turn(node, 'on')
    expect(((await reply.json()) as { code: string }).code).toBe('EVA_PORT_TAKEN')
    expect(await sharingOf(node)).toMatchObject({ mode: 'receive-only', seen: { port: 0 } })
    expect(tracker.peerIds).toEqual(['other'])
  })

  it('strangers: a page of another origin, a rebound host name and a word that is no mode turn nothing', async () => {
    const node = await startNode('first')
    expect((await turn(node, 'off', { origin: 'https://evil.example' })).status).toBe(403)
    expect((await turn(node, 'off', { 'sec-fetch-site': 'cross-site' })).status).toBe(403)
    expect((await turn(node, 'maybe')).status).toBe(400)
    expect(await sharingOf(node)).toMatchObject({ mode: 'on' })
  })
})

describe('--max-peers', () => {
  it('as many connections as allowed, dialled and accepted ones together: the next is told to come back, and no other peer is dialled', async () => {
    const [ghost, other] = [await RawListener.start('ghost'), await RawListener.start('other')]
    for (const { peerId, port } of [ghost, other]) tracker.addPeer({ peerId, port, songId, chunkIds: [0] })
    const node = await startNode('node', ['--max-peers=2'])
    await node.download(songId)
    await eventually('one is dialled', () => ghost.acceptedCount + other.acceptedCount === 1)
    const { uploadPort } = await statusOf(node)
    const guest = await RawPeer.greet(uploadPort)
    const late = await RawPeer.dial(uploadPort)
    expect(await late.next('reject')).toMatchObject({ requestId: 0, code: 'busy' })
    expect((await statusOf(node)).peers).toEqual({ downloadingFrom: 1, uploadingTo: 1 })
    expect(ghost.acceptedCount + other.acceptedCount).toBe(1)
    for (const peer of [guest, late]) peer.close()
    await Promise.all([ghost.close(), other.close()])
  })
})

describe('upload cap of a node', () => {
  it('the cap is reached: the rest of the song comes from elsewhere; the count survives a restart, and the next day is a new one', async () => {
    const first = await aHolder('first', ['--upload-cap=200K/day'])
    const second = await startNode('second')
    await fetchWhole(second)
    const { uploadCap } = await statusOf(first)
    expect(uploadCap).toMatchObject({ limitBytes: 200_000, resetsAt: '2026-11-24T00:00:00.000Z' })
    const usedBytes = uploadCap?.usedBytes ?? 0
    expect(usedBytes).toBeGreaterThan(200_000 - 2 * 16_404)
    expect(usedBytes).toBeLessThanOrEqual(200_000)
    expect(logLines.filter(line => line.msg.includes('--upload-cap is reached'))).toHaveLength(1)
    await eventually('the tracker does not list it', () => tracker.held('first', songId).length === 0)
    await stopNode(first)
    const again = await startNode('first', ['--upload-cap=200K/day'])
    await eventually('its song is open', () => again.status().songs[0]?.complete === true)
    expect((await statusOf(again)).uploadCap?.usedBytes).toBe(usedBytes)
    expect(tracker.held('first', songId)).toEqual([])
    epochMs += 24 * 3_600_000
    expect((await statusOf(again)).uploadCap).toEqual({ limitBytes: 200_000, usedBytes: 0, resetsAt: '2026-11-25T00:00:00.000Z' })
    await eventually('the tracker lists it again', () => tracker.held('first', songId).length === chunkCount)
  })
})
