// Playing while it downloads, with real processes: whoever fails, lies or says nothing, the music goes on, bit for bit.
// Not real players (players.test.ts): here a plain reader takes all it can get, and the peer tells whether the music had to wait.
// One town serves all tests; each has a song and peers of its own.
// Invariant: in every test the listener holds nothing of the song when its player asks.

import type { PeerPlays, Play } from '@evastream/protocol/peer-http'
import { eventually } from '@evastream/testkit/eventually'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { LoopbackTown, type PublishedFile, portOf, sha256Of } from './loopback-town.ts'
import { StagedPeer, type StagedPeerOptions } from './staged-peer.ts'

let town: LoopbackTown
let song: PublishedFile
let testCount = 0
let isOriginDown = false
const staged: StagedPeer[] = []

beforeAll(async () => {
  town = await LoopbackTown.open()
})

beforeEach(async () => {
  // 60 seconds of music.
  song = await town.publish({ songId: `song-${++testCount}`, sizeBytes: 15 * 64 * 1024 + 1, seed: testCount })
})

afterEach(async () => {
  await Promise.all(staged.splice(0).map(peer => peer.close()))
  await Promise.all([town.endPeer(seeder()), town.endPeer(listener())])
  if (isOriginDown) await town.startOrigin(portOf(town.url('origin')))
  isOriginDown = false
})

afterAll(() => town.close())

const seeder = () => `seeder-${testCount}`
const listener = () => `listener-${testCount}`

async function startSeeder(...flags: string[]): Promise<void> {
  await town.startPeer(seeder(), flags)
  await town.download(seeder(), song.songId)
  await town.whenComplete(seeder(), song.songId)
  await eventually('the seeder is listed with the whole song', async () => (await town.holders(song.songId)).get(seeder())?.length === 16)
}

async function killOrigin(): Promise<void> {
  isOriginDown = true
  await town.process('origin').kill()
}

async function stage(options: Omit<StagedPeerOptions, 'song'>): Promise<void> {
  staged.push(await StagedPeer.start(town, { ...options, song }))
}

function streamAt(peerId: string, range?: string): Promise<Response> {
  return fetch(`${town.url(peerId)}/stream/${song.songId}.mp3`, range === undefined ? {} : { headers: { range } })
}

/** Plays the whole song; `midway` runs once a quarter of it was heard. */
async function play(peerId: string, midway: () => Promise<void> = async () => {}): Promise<string> {
  const reply = await streamAt(peerId)
  const parts: Uint8Array[] = []
  let readBytes = 0
  let isMidway = false
  for await (const part of reply.body ?? []) {
    parts.push(part)
    readBytes += part.length
    if (isMidway || readBytes < song.bytes.length / 4) continue
    isMidway = true
    await midway()
  }
  return sha256Of(Buffer.concat(parts))
}

async function lastPlay(peerId: string): Promise<Play> {
  const { plays } = (await (await fetch(`${town.url(peerId)}/api/plays`)).json()) as PeerPlays
  const [play] = plays
  expect(play).toBeDefined()
  return play as Play
}

describe('playing while it downloads', () => {
  test('the origin stops midway: peers carry the rest', async () => {
    await startSeeder('--upload-limit=300K')
    await town.startPeer(listener())
    expect(await play(listener(), killOrigin)).toBe(song.sha256)
    expect(await lastPlay(listener())).toMatchObject({ stallCount: 0, cacheBytes: 0 })
  })

  test('the peer that serves is killed midway: the origin carries the rest', async () => {
    await startSeeder('--upload-limit=300K')
    await town.startPeer(listener())
    expect(await play(listener(), () => town.process(seeder()).kill())).toBe(song.sha256)
    const { originBytes, peerBytes, peerCount, stallCount } = await lastPlay(listener())
    expect(stallCount).toBe(0)
    expect(originBytes + peerBytes).toBe(song.bytes.length)
    expect([originBytes > 0, peerBytes > 0, peerCount]).toEqual([true, true, 1])
  })

  test('nine of ten peers are tarpits or liars: it begins soon and never waits', async () => {
    await startSeeder()
    const manners: readonly Omit<StagedPeerOptions, 'song' | 'peerId'>[] = [
      { faults: { isMute: true } },
      { faults: { toClient: { byteIntervalMs: 1000 } } },
      { faults: { toClient: { stallAfterBytes: 64 * 1024 } } },
      { faults: { toClient: { byteIntervalMs: 1000, stallAfterBytes: 0 } } },
      { spoil: chunk => chunk.fill(7) },
    ]
    for (let index = 0; index < 9; index++) await stage({ peerId: `bad-${testCount}-${index}`, ...manners[index % manners.length] })
    await town.startPeer(listener())
    expect(await play(listener())).toBe(song.sha256)
    const { startupMs, stallCount } = await lastPlay(listener())
    expect(startupMs).toBeLessThan(2500)
    expect(stallCount).toBe(0)
  })

  test('a seek: what is asked for now comes first, and a player that hangs up costs nothing more', async () => {
    await startSeeder('--upload-limit=100K')
    await killOrigin()
    await town.startPeer(listener())
    const start = await streamAt(listener())
    const reader = start.body?.getReader()
    await reader?.read()
    await reader?.cancel()
    const from = Math.floor(song.bytes.length * 0.8)
    const sought = (await streamAt(listener(), `bytes=${from}-`)).body?.getReader()
    const { value = new Uint8Array(0) } = (await sought?.read()) ?? {}
    expect(Buffer.compare(value, song.bytes.subarray(from, from + value.length))).toBe(0)
    await sought?.cancel()
    const received = async () => (await town.status(listener())).received.peerBytes
    await eventually(
      'nothing more arrives',
      async () => {
        const before = await received()
        await new Promise(resolve => setTimeout(resolve, 1000))
        return (await received()) === before
      },
      { intervalMs: 1 },
    )
    expect((await town.progress(listener(), song.songId)).chunksHeld).toBeLessThan(12)
  })

  test('the listener is killed while it plays and started again: it goes on with what it has, bit for bit', async () => {
    await startSeeder('--upload-limit=300K')
    await killOrigin()
    await town.startPeer(listener())
    await play(listener(), () => town.process(listener()).kill()).catch(() => 'cut')
    await town.startPeer(listener())
    expect(await play(listener())).toBe(song.sha256)
    const { cacheBytes, peerBytes } = await lastPlay(listener())
    expect(cacheBytes).toBeGreaterThan(0)
    expect(cacheBytes + peerBytes).toBe(song.bytes.length)
  })

  test('the listener stops while its player waits: the answer ends, and the process with it', async () => {
    await startSeeder('--upload-limit=20K')
    await killOrigin()
    await town.startPeer(listener())
    const reply = await streamAt(listener())
    const reading = reply.arrayBuffer().then(
      () => 'whole',
      () => 'cut',
    )
    expect(await town.process(listener()).stop()).toBe(0)
    expect(await reading).toBe('cut')
  })

  test('songs of odd sizes and songs of one chunk: play while they arrive', async () => {
    await town.startPeer(listener())
    for (const [index, sizeBytes] of [600, 16 * 1024, 64 * 1024, 3 * 64 * 1024 + 1].entries()) {
      const odd = await town.publish({ songId: `odd-${index}`, sizeBytes, seed: index + 100 })
      expect(await town.sha256At(listener(), odd.songId)).toBe(odd.sha256)
    }
  })
})
