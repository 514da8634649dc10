// Whole nodes on loopback with a small cache, with pins, and with a restart: real sockets and disks, the three services are stubs.
// Not the parts: cache-keeper, chunk-eviction and song-library have tests of their own.
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { seededRandom } from '@evastream/core/random'
import { KIB } from '@evastream/core/units'
import type { PeerSongs } from '@evastream/protocol/peer-http'
import { loadConfig } from '@evastream/service-kit/config'
import { createLogger } from '@evastream/service-kit/logger'
import { systemClock, systemTimers } from '@evastream/service-kit/system-clock'
import { eventually } from '@evastream/testkit/eventually'
import { type FaultyOrigin, startFaultyOrigin } from '@evastream/testkit/faulty-origin'
import { type SongFixture, songFixture } from '@evastream/testkit/song-fixture'
import { StubMetadata } from '@evastream/testkit/stub-metadata'
import { StubTracker } from '@evastream/testkit/stub-tracker'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { peerNodeConfig, peerNodeOptions } from './config.ts'
import { PeerNode } from './peer-node.ts'
import { songPaths } from './store/store-layout.ts'

const SONG_BYTES = 300_000
/** Room for two songs, and what is noted beside three. */
const CACHE_FLAG = '--cache-size=615K'
// So short that its music is over as soon as its bytes are.
const songs = ['a', 'b', 'c'].map((songId, seed) =>
  songFixture({ songId, seed, fileSize: SONG_BYTES, chunkSize: 64 * KIB, durationMs: 20 }),
)
const [a, b, c] = songs as [SongFixture, SongFixture, SongFixture]

const nodes = new Set<PeerNode>()
let directory = ''
let metadata: StubMetadata
let tracker: StubTracker
let origin: FaultyOrigin

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'evastream-cached-'))
  metadata = await new StubMetadata().start()
  for (const song of songs) metadata.add(song)
  tracker = await new StubTracker().start()
  origin = await startFaultyOrigin({
    chunkOf: (songId, chunkId) => songs.find(({ manifest }) => manifest.id === songId)?.chunkBytes(chunkId),
  })
})

afterEach(async () => {
  await Promise.all([...nodes].map(node => node.close()))
  nodes.clear()
  await Promise.all([metadata.stop(), tracker.stop(), origin.stop()])
  await rm(directory, { recursive: true, force: true })
})

async function startNode(...flags: readonly string[]): Promise<PeerNode> {
  const urls = [`--metadata=${metadata.url}`, `--tracker=${tracker.url}`, `--origin=${origin.url}`]
  const argv = ['--peer.id=peer', '--http.port=0', `--data=${directory}`, ...urls, ...flags]
  const time = { clock: systemClock, wallClock: { epochMs: () => 0 }, timers: systemTimers }
  const config = peerNodeConfig(loadConfig(peerNodeOptions, { argv, env: {} }).values)
  const node = await PeerNode.start({ ...time, random: seededRandom(1), logger: createLogger({ name: 'peer', level: 'silent' }) }, config)
  nodes.add(node)
  return node
}

async function stopNode(node: PeerNode): Promise<void> {
  nodes.delete(node)
  await node.close()
}

/** Plays the song to its end, and waits until it is held and its play is over. */
async function play(node: PeerNode, { manifest, bytes }: SongFixture): Promise<void> {
  const reply = await fetch(`${node.url}/stream/${manifest.id}`)
  expect(Buffer.compare(new Uint8Array(await reply.arrayBuffer()), bytes)).toBe(0)
  await eventually('the play is over', async () => {
    const { plays } = (await (await fetch(`${node.url}/api/plays`)).json()) as { plays: { songId: string; isOver: boolean }[] }
    return plays.every(one => one.isOver)
  })
}

async function pin(node: PeerNode, { manifest }: SongFixture, method: 'PUT' | 'DELETE' = 'PUT'): Promise<unknown> {
  return (await fetch(`${node.url}/api/songs/${manifest.id}/pin`, { method })).json()
}

function heldOf(node: PeerNode): string[] {
  return node.status().songs.flatMap(({ songId, chunksHeld }) => (chunksHeld > 0 ? [songId] : []))
}

describe('a node with a small cache', () => {
  it('plays more than it can hold: the song played longest ago goes, the tracker hears of it, and it can be played again', async () => {
    const node = await startNode(CACHE_FLAG)
    for (const song of [a, b, c]) await play(node, song)
    await eventually('one song made room', () => heldOf(node).length === 2)
    expect(heldOf(node)).toEqual(['b', 'c'])
    expect(node.status().cache).toMatchObject({ limitBytes: 615_000 })
    expect(node.status().cache.usedBytes).toBeLessThanOrEqual(615_000)
    await eventually('the tracker knows', () => tracker.held('peer', 'a').length === 0 && tracker.held('peer', 'c').length === 5)
    await play(node, a)
    await eventually('another made room', () => heldOf(node).length === 2)
    expect(heldOf(node)).toEqual(['a', 'c'])
  })

  it('a pinned song: stays while others go, also after a restart; unpinned, it goes in its turn', async () => {
    const first = await startNode(CACHE_FLAG)
    await play(first, a)
    expect(await pin(first, a)).toEqual({ songId: 'a', pinned: true })
    await stopNode(first)
    const node = await startNode(CACHE_FLAG)
    await eventually('the song is open again', () => heldOf(node).length === 1)
    for (const song of [b, c]) await play(node, song)
    await eventually('one song made room', () => heldOf(node).length === 2)
    const known = (await (await fetch(`${node.url}/api/songs`)).json()) as PeerSongs
    expect([heldOf(node), known.songs.filter(song => song.pinned).map(song => song.songId)]).toEqual([['a', 'c'], ['a']])
    expect(await pin(node, a, 'DELETE')).toEqual({ songId: 'a', pinned: false })
    await play(node, b)
    await eventually('the unpinned one made room', () => !heldOf(node).includes('a'))
  })

  it('full of what is kept: a song plays from memory to its end all the same', async () => {
    const node = await startNode('--cache-size=300K')
    for (const { manifest } of [a, b]) await node.download(manifest.id)
    await eventually('one is complete, the other waits for room', () => heldOf(node).length > 0)
    await play(node, c)
  })
})

describe('a node that comes back', () => {
  it('announces what it has before it has read any of it; what rotted is found at its first use and fetched again', async () => {
    const first = await startNode()
    await play(first, a)
    await stopNode(first)
    const file = await open(songPaths(join(directory, 'peer'), a.manifest.id).extent(0), 'r+')
    await file.write(Uint8Array.of(1, 2, 3, 4), 0, 4, 2 * 64 * KIB + 9)
    await file.close()
    const node = await startNode()
    await eventually('all is announced', () => tracker.held('peer', 'a').length === 5)
    expect(node.status().received).toEqual({ originBytes: 0, peerBytes: 0 })
    await play(node, a)
    expect(node.status().received).toEqual({ originBytes: 64 * KIB, peerBytes: 0 })
    await eventually('the new copy is announced', () => tracker.held('peer', 'a').length === 5)
  })
})
