// Whole nodes on loopback, in this process: real sockets, real disks, the real Scheduler; the three services are stubs.
// Not processes and not the real services: tests/ has those.
// Invariant: every node of a test has a port, a directory and a store of its own, and is closed at the end.

import { mkdtemp, open, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as setTimeoutPromise } from 'node:timers/promises'
import { parseSongId } from '@evastream/core/ids'
import { seededRandom } from '@evastream/core/random'
import { KIB } from '@evastream/core/units'
import { loadConfig } from '@evastream/service-kit/config'
import { createLogger } from '@evastream/service-kit/logger'
import { systemClock, systemTimers, systemWallClock } from '@evastream/service-kit/system-clock'
import { eventually } from '@evastream/testkit/eventually'
import { type FaultyOrigin, startFaultyOrigin } from '@evastream/testkit/faulty-origin'
import { type SongFixture, songFixture } from '@evastream/testkit/song-fixture'
import { StubMetadata } from '@evastream/testkit/stub-metadata'
import { StubTracker } from '@evastream/testkit/stub-tracker'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type PeerNodeConfig, peerNodeConfig, peerNodeOptions } from './config.ts'
import { PeerNode } from './peer-node.ts'
import { songPaths } from './store/store-layout.ts'

const never = new AbortController().signal
const songs = new Map<string, SongFixture>()
const nodes = new Set<PeerNode>()
let directory = ''
let metadata: StubMetadata
let tracker: StubTracker
let origin: FaultyOrigin
let logLines: Record<string, unknown>[] = []

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'evastream-node-'))
  metadata = await new StubMetadata().start()
  tracker = await new StubTracker().start()
  origin = await startFaultyOrigin({ chunkOf: (songId, chunkId) => songs.get(songId)?.chunkBytes(chunkId) })
  logLines = []
})

afterEach(async () => {
  await Promise.all([...nodes].map(node => node.close()))
  nodes.clear()
  songs.clear()
  await Promise.all([metadata.stop(), tracker.stop(), origin.stop()])
  await rm(directory, { recursive: true, force: true })
})

function publish(song: SongFixture, options?: { readonly hasBlockHashes: boolean }): SongFixture {
  songs.set(song.manifest.id, song)
  metadata.add(song, options)
  return song
}

function configOf(peerId: string, more: readonly string[] = []): PeerNodeConfig {
  const urls = [`--metadata=${metadata.url}`, `--tracker=${tracker.url}`, `--origin=${origin.url}`]
  const argv = [`--peer.id=${peerId}`, '--http.port=0', `--data=${directory}`, ...urls, ...more]
  return peerNodeConfig(loadConfig(peerNodeOptions, { argv, env: {} }).values)
}

async function startNode(peerId: string, more: readonly string[] = []): Promise<PeerNode> {
  const stream = { write: (text: string) => void logLines.push(JSON.parse(text)) }
  const logger = createLogger({ name: 'peer', level: 'debug', json: true }, { stdout: stream, stderr: stream })
  const deps = { clock: systemClock, wallClock: systemWallClock, timers: systemTimers, random: seededRandom(peerId.length), logger }
  const node = await PeerNode.start(deps, configOf(peerId, more))
  nodes.add(node)
  return node
}

async function stopNode(node: PeerNode): Promise<void> {
  nodes.delete(node)
  await node.close()
}

async function fetchWhole(node: PeerNode, song: SongFixture): Promise<void> {
  await node.download(song.manifest.id)
  await node.whenComplete(song.manifest.id, AbortSignal.timeout(20_000))
  const path = join(directory, `${node.peerId}.out`)
  await node.exportSong(song.manifest.id, path)
  expect(Buffer.compare(await readFile(path), song.bytes)).toBe(0)
}

function everyChunk(song: SongFixture): number[] {
  return song.manifest.chunks.map(chunk => chunk.chunkId)
}

describe('one node', () => {
  it.each([
    ['five chunks', 300_000, 64 * KIB],
    ['one byte', 1, 16 * KIB],
    ['a last chunk of one byte', 4 * 16 * KIB + 1, 16 * KIB],
    ['exactly one chunk', 64 * KIB, 64 * KIB],
    ['300 chunks', 300 * 16 * KIB - 7, 16 * KIB],
    ['a crooked chunk size', 500_009, 77_777],
  ])('a song (%s), nobody else there: comes from the origin, bit for bit, once', async (_name, fileSize, chunkSize) => {
    const song = publish(songFixture({ fileSize, chunkSize }))
    const node = await startNode('first')
    await fetchWhole(node, song)
    expect(node.status()).toMatchObject({
      peerId: 'first',
      songs: [{ songId: 'song-1', chunkCount: song.manifest.chunkCount, chunksHeld: song.manifest.chunkCount, complete: true }],
      received: { originBytes: fileSize, peerBytes: 0 },
      wastedBytes: 0,
    })
    expect(origin.sentBytes).toBe(fileSize)
    await eventually('the tracker knows all chunks', () => tracker.held('first', 'song-1').length === song.manifest.chunkCount)
    expect(tracker.held('first', 'song-1')).toEqual(everyChunk(song))
  })

  it('a song published without block hashes: comes by whole chunks', async () => {
    const song = publish(songFixture(), { hasBlockHashes: false })
    const node = await startNode('first')
    await fetchWhole(node, song)
    expect(node.status().received.originBytes).toBe(song.bytes.length)
  })

  it('an origin that fails in every way, then heals: the song is complete without a restart', async () => {
    const song = publish(songFixture({ fileSize: 400_000, chunkSize: 32 * KIB }))
    origin.script(
      { kind: 'status', status: 500 },
      { kind: 'wrong-bytes' },
      { kind: 'truncate', afterBytes: 5000 },
      { kind: 'status', status: 429, retryAfterSeconds: 0 },
      { kind: 'reset', afterBytes: 20_000 },
      { kind: 'status', status: 404 },
      { kind: 'wrong-length', deltaBytes: -3 },
      { kind: 'ignore-range' },
    )
    const node = await startNode('first')
    await fetchWhole(node, song)
    const { received, wastedBytes } = node.status()
    expect(received.originBytes).toBe(song.bytes.length)
    expect(wastedBytes).toBeGreaterThan(0)
  })

  it('a song nobody published: is refused, and asked for at the start it is told once and tried on', async () => {
    const node = await startNode('first', ['--song.id=nowhere'])
    await expect(node.download(parseSongId('nowhere'))).rejects.toMatchObject({ code: 'EVA_SONG_NOT_FOUND' })
    publish(songFixture({ songId: 'nowhere' }))
    await eventually('the song published later', () => node.status().songs[0]?.complete === true)
    expect(logLines.filter(line => line.level === 'warn' && line.code === 'EVA_SONG_NOT_FOUND')).toHaveLength(1)
  })

  it('closed twice, and in the middle of a download: closes once, and the directory is free', async () => {
    const song = publish(songFixture({ fileSize: 3_000_000, chunkSize: 64 * KIB }))
    origin.otherwise({ kind: 'hang', afterBytes: 100 })
    const node = await startNode('first')
    await node.download(song.manifest.id)
    await eventually('a request', () => origin.requests.length > 0)
    const waiting = node.whenComplete(song.manifest.id, never)
    await Promise.all([stopNode(node), expect(waiting).rejects.toMatchObject({ code: 'EVA_CANCELLED' })])
    await stopNode(node)
    expect(tracker.peerIds).toEqual([])
    await startNode('first')
  })
})

describe('a node that is stopped', () => {
  it('while the metadata service leaves it without an answer: stops at once', async () => {
    metadata.isMute = true
    const node = await startNode('first', ['--song.id=song-1'])
    const refused = expect(node.openSong(parseSongId('song-2'))).rejects.toMatchObject({ code: 'EVA_CANCELLED' })
    const stopped = await Promise.race([stopNode(node).then(() => 'stopped'), setTimeoutPromise(3000, 'late')])
    await refused
    expect(stopped).toBe('stopped')
  })
})

describe('two nodes', () => {
  it('the second of two: takes the song from the first, and nothing from the origin', async () => {
    const song = publish(songFixture({ fileSize: 1_000_001, chunkSize: 64 * KIB }))
    const first = await startNode('first')
    await fetchWhole(first, song)
    await eventually('the tracker knows', () => tracker.held('first', 'song-1').length === song.manifest.chunkCount)
    const second = await startNode('second')
    await fetchWhole(second, song)
    expect(second.status()).toMatchObject({ received: { originBytes: 0, peerBytes: song.bytes.length } })
    expect(first.status().sentBytes).toBe(second.status().received.peerBytes + second.status().wastedBytes)
    expect(origin.sentBytes).toBe(song.bytes.length)
  })

  it('the origin is stopped: a newcomer gets the whole song from a peer', async () => {
    const song = publish(songFixture({ fileSize: 300_000, chunkSize: 16 * KIB + 1 }))
    await fetchWhole(await startNode('first'), song)
    await eventually('the tracker knows', () => tracker.held('first', 'song-1').length === song.manifest.chunkCount)
    await origin.stop()
    const second = await startNode('second')
    await fetchWhole(second, song)
    expect(second.status().received).toEqual({ originBytes: 0, peerBytes: 300_000 })
  })

  it('three nodes that begin together: all complete, bit for bit', async () => {
    const song = publish(songFixture({ fileSize: 2_000_000, chunkSize: 64 * KIB }))
    const three = await Promise.all(['first', 'second', 'third'].map(id => startNode(id)))
    await Promise.all(three.map(node => fetchWhole(node, song)))
    for (const node of three) {
      const { originBytes, peerBytes } = node.status().received
      expect(originBytes + peerBytes).toBe(2_000_000)
    }
  })

  it('a peer that is listed and not there: the song comes all the same', async () => {
    const song = publish(songFixture())
    const gone = createServer().listen(0, '127.0.0.1')
    await eventually('a port', () => gone.listening)
    const { port } = gone.address() as { port: number }
    gone.close()
    tracker.addPeer({ peerId: 'ghost', port, songId: 'song-1', chunkIds: everyChunk(song) })
    await fetchWhole(await startNode('first'), song)
  })

  it('a song whose bytes rot on the first disk: the second never keeps a bad byte, the first fetches the chunk again', async () => {
    const song = publish(songFixture({ fileSize: 400_000, chunkSize: 32 * KIB }))
    const first = await startNode('first')
    await fetchWhole(first, song)
    await stopNode(first)
    const file = await open(songPaths(join(directory, 'first'), song.manifest.id).extent(0), 'r+')
    await file.write(Uint8Array.of(1, 2, 3, 4), 0, 4, 5 * 32 * KIB + 9)
    await file.close()
    const again = await startNode('first')
    await again.whenComplete(song.manifest.id, AbortSignal.timeout(20_000))
    expect(again.status().received).toEqual({ originBytes: 32 * KIB, peerBytes: 0 })
    await fetchWhole(await startNode('second'), song)
  })
})

describe('a node and its services', () => {
  it('tracker, metadata service and origin go down in the middle: the song is completed from the peer that is known', async () => {
    const song = publish(songFixture({ fileSize: 1_500_000, chunkSize: 64 * KIB }))
    const first = await startNode('first', ['--upload-limit=1M'])
    await fetchWhole(first, song)
    await eventually('the tracker knows', () => tracker.held('first', 'song-1').length === song.manifest.chunkCount)
    const second = await startNode('second')
    await second.download(song.manifest.id)
    await eventually('some chunks', () => (second.status().songs[0]?.chunksHeld ?? 0) > 1)
    await Promise.all([tracker.stop(), metadata.stop(), origin.stop()])
    expect(second.status().songs[0]?.complete).toBe(false)
    await second.whenComplete(song.manifest.id, AbortSignal.timeout(20_000))
    expect(second.status().received).toEqual({ originBytes: 0, peerBytes: 1_500_000 })
  })

  it('a restart in the middle: announces what it has, verifies it before it is called complete, and fetches only what is missing', async () => {
    const song = publish(songFixture({ fileSize: 640_000, chunkSize: 32 * KIB }))
    origin.script(...Array.from({ length: 6 }, () => ({ kind: 'ok' }) as const))
    origin.otherwise({ kind: 'hang' })
    const first = await startNode('first')
    await first.download(song.manifest.id)
    await eventually('six chunks', () => first.status().songs[0]?.chunksHeld === 6)
    await stopNode(first)
    const before = first.status().received.originBytes
    expect(before).toBeGreaterThan(5 * 32 * KIB)
    const again = await startNode('first')
    await eventually('what it had is announced', () => tracker.held('first', 'song-1').length === 6)
    origin.otherwise({ kind: 'ok' })
    await again.whenComplete(song.manifest.id, AbortSignal.timeout(20_000))
    expect(again.status()).toMatchObject({ received: { originBytes: song.bytes.length - before, peerBytes: 0 } })
    await eventually('everything is announced', () => tracker.held('first', 'song-1').length === song.manifest.chunkCount)
  })

  it('metadata and tracker down at the start: clear lines, and what is known is played, served and completed', async () => {
    const song = publish(songFixture())
    await fetchWhole(await startNode('first'), song)
    for (const node of nodes) await stopNode(node)
    await Promise.all([metadata.stop(), tracker.stop()])
    const again = await startNode('first')
    await eventually('the song is open', () => again.status().songs[0]?.complete === true)
    expect(Buffer.compare(Buffer.from(await (await fetch(`${again.url}/stream/song-1.mp3`)).arrayBuffer()), song.bytes)).toBe(0)
    expect(logLines.filter(line => line.level === 'warn').map(line => line.code)).toEqual(['EVA_SERVICE_UNREACHABLE'])
    await tracker.start()
    await eventually('registered and announced', () => tracker.held('first', 'song-1').length === song.manifest.chunkCount)
  })

  it('a tracker that restarts empty: the node registers and announces everything again by itself', async () => {
    const song = publish(songFixture())
    await fetchWhole(await startNode('first'), song)
    await eventually('announced', () => tracker.held('first', 'song-1').length === song.manifest.chunkCount)
    await tracker.stop()
    tracker.forgetAll()
    await tracker.start()
    await eventually('announced again', () => tracker.held('first', 'song-1').length === song.manifest.chunkCount)
  })

  it('a tracker that forgets it between two heartbeats: the next announcement notices, and everything is announced again', async () => {
    tracker.heartbeatIntervalMs = 3_600_000
    const [one, two] = [publish(songFixture()), publish(songFixture({ songId: 'song-2', seed: 2 }))]
    const node = await startNode('first')
    await fetchWhole(node, one)
    await eventually('announced', () => tracker.held('first', 'song-1').length === one.manifest.chunkCount)
    tracker.forgetAll()
    await fetchWhole(node, two)
    await eventually('both announced', () => ['song-1', 'song-2'].every(songId => tracker.held('first', songId).length === 5))
  })

  it('its id in use by a living peer: the start fails and says so; its own earlier life is no other peer', async () => {
    tracker.addPeer({ peerId: 'first', port: 1 })
    await expect(startNode('first')).rejects.toMatchObject({ code: 'EVA_PEER_ID_TAKEN' })
    tracker.forgetAll()
    await startNode('first')
    expect(tracker.peerIds).toEqual(['first'])
    const second = await startNode('second')
    const token = await readFile(join(directory, 'second', 'peer-token'), 'utf8')
    expect(token.trim()).toMatch(/^token-/)
    nodes.delete(second)
    await second.close()
    tracker.calls.length = 0
    await startNode('second')
    expect(await readFile(join(directory, 'second', 'peer-token'), 'utf8')).toBe(token)
  })

  it('a port in use: the start fails, names the flag, and leaves the directory free', async () => {
    const holder = createServer().listen(0, '127.0.0.1')
    await eventually('a port', () => holder.listening)
    const { port } = holder.address() as { port: number }
    await expect(startNode('first', [`--peer.port=${port}`])).rejects.toMatchObject({
      code: 'EVA_PORT_TAKEN',
      details: { flag: '--peer.port', port },
    })
    const config = { ...configOf('first'), httpPort: port }
    const logger = createLogger({ name: 'peer', level: 'silent' })
    const deps = { clock: systemClock, wallClock: systemWallClock, timers: systemTimers, random: seededRandom(1), logger }
    await expect(PeerNode.start(deps, config)).rejects.toMatchObject({ code: 'EVA_PORT_TAKEN', details: { flag: '--http.port', port } })
    holder.close()
    await startNode('first')
    await expect(startNode('first')).rejects.toMatchObject({ code: 'EVA_DIRECTORY_LOCKED', details: { flag: '--peer.id' } })
  })

  it('downloads in flight: never more than --peer.maxDownloads', async () => {
    publish(songFixture({ fileSize: 2_000_000, chunkSize: 32 * KIB }))
    origin.otherwise({ kind: 'hang', afterBytes: 10 })
    const node = await startNode('first', ['--peer.maxDownloads=2'])
    await node.download(parseSongId('song-1'))
    await eventually('requests', () => origin.requests.length >= 2)
    expect(origin.requests).toHaveLength(2)
  })
})
