// Checks the readers of a node with their plays: what the Scheduler is told, what lies ahead, what a play says afterwards.

import { parsePeerId, type SongId } from '@evastream/core/ids'
import { KIB } from '@evastream/core/units'
import type { Play } from '@evastream/protocol/peer-http'
import { type FakeClock, fakeClock } from '@evastream/testkit/fake-clock'
import { MemoryChunkStore } from '@evastream/testkit/memory-chunk-store'
import { RecordedLog } from '@evastream/testkit/recorded-log'
import { songFixture } from '@evastream/testkit/song-fixture'
import { Registry } from 'prom-client'
import { beforeEach, describe, expect, it } from 'vitest'
import { PlayLog } from './play-log.ts'
import { PlaybackDesk } from './playback-desk.ts'
import type { SongReader } from './song-reader.ts'
import { VerifiedAudio } from './verified-audio.ts'

const CHUNK = 64 * KIB
/** 320 kbit/s for 20 seconds: a chunk is 1.6 s of music. */
const song = songFixture({ fileSize: 800_000, chunkSize: CHUNK, durationMs: 20_000, mimeType: 'audio/mpeg' })
const { manifest } = song
const BYTES_PER_SECOND = 40_000

let clock: FakeClock
let store: MemoryChunkStore
let audio: VerifiedAudio
let plays: PlayLog
let desk: PlaybackDesk
let registry: Registry
let told: string[]
let started: SongId[]
let ended: Play[]

beforeEach(async () => {
  clock = fakeClock(0)
  store = new MemoryChunkStore()
  await store.openSong(manifest)
  audio = new VerifiedAudio({ store, arriving: { verifiedBytes: () => new Uint8Array(0) } })
  registry = new Registry()
  told = []
  started = []
  ended = []
  plays = new PlayLog({
    clock,
    timers: clock,
    registry,
    playStarted: songId => void started.push(songId),
    playEnded: play => void ended.push(play),
  })
  const coordinator = {
    playbackMoved: (_songId: SongId, readerId: string, positionBytes: number) => void told.push(`moved ${readerId} ${positionBytes}`),
    readingAhead: (_songId: SongId, readerId: string, positionBytes: number) => void told.push(`ahead ${readerId} ${positionBytes}`),
    playbackStopped: (_songId: SongId, readerId: string) => void told.push(`stopped ${readerId}`),
  }
  desk = new PlaybackDesk({ audio, coordinator, plays, clock, timers: clock, log: new RecordedLog() })
})

async function hold(...chunkIds: number[]): Promise<void> {
  for (const chunkId of chunkIds) await store.saveChunk(manifest.id, chunkId, song.chunkBytes(chunkId))
  audio.arrived(manifest.id)
}

const all = () => hold(...manifest.chunks.map(({ chunkId }) => chunkId))
const open = (positionBytes = 0) => desk.open(manifest, positionBytes, clock.now())

async function readTo(reader: SongReader, fromBytes: number, toBytes: number): Promise<void> {
  for (let at = fromBytes; at < toBytes; ) at += (await reader.read(at, toBytes - at)).length
}

const turns = async () => {
  for (let turn = 0; turn < 5; turn++) await new Promise(resolve => setImmediate(resolve))
}

describe('playback desk', () => {
  it('a reader: is told where it reads, and as stopped a moment after it left', async () => {
    await all()
    const reader = open()
    await readTo(reader, 0, 2 * CHUNK)
    expect(told).toEqual(['moved reader-1 0', `moved reader-1 ${CHUNK}`])
    reader.close()
    expect(told).not.toContain('stopped reader-1')
    clock.advance(100)
    expect(told.at(-1)).toBe('stopped reader-1')
    reader.close()
    clock.advance(5000)
    expect(told.filter(text => text === 'stopped reader-1')).toHaveLength(1)
  })

  it('a player that seeks by a new connection: its old one is told as stopped only once the new one reads', async () => {
    await all()
    const first = open()
    await readTo(first, 0, CHUNK)
    first.close()
    const second = open(5 * CHUNK)
    await readTo(second, 5 * CHUNK, 6 * CHUNK)
    expect(told).toEqual(['moved reader-1 0', `moved reader-2 ${5 * CHUNK}`, 'stopped reader-1'])
  })

  it('a reader that read to the end: is remembered until its music is over, and nobody else reads the song', async () => {
    await all()
    const reader = open()
    await readTo(reader, 0, 800_000)
    reader.close()
    clock.advance(19_000)
    expect(told).not.toContain('stopped reader-1')
    expect(desk.playingSongIds).toEqual([manifest.id])
    clock.advance(1100)
    expect(told.at(-1)).toBe('stopped reader-1')
  })

  it('another song is heard: the one that was read to its end plays no more', async () => {
    await all()
    const other = songFixture({ songId: 'song-2', seed: 2 })
    await store.openSong(other.manifest)
    await store.saveChunk(other.manifest.id, 0, other.chunkBytes(0))
    const reader = open()
    await readTo(reader, 0, 800_000)
    reader.close()
    const next = desk.open(other.manifest, 0, clock.now())
    expect(desk.playingSongIds).toContain(manifest.id)
    await next.read(0, 10)
    expect(desk.playingSongIds).toEqual([other.manifest.id])
    expect(told).toContain('stopped reader-1')
    next.close()
  })

  it('the end of an MP3: is wanted as soon as the first sound is out, and given up with the reader', async () => {
    await hold(0)
    const reader = open()
    await readTo(reader, 0, CHUNK)
    await turns()
    expect(told).toEqual(['moved reader-1 0', 'ahead reader-1-tail 799872'])
    reader.close()
    await turns()
    expect(told.at(-1)).toBe('stopped reader-1-tail')
  })

  it('the end of an MP3 that is here: is not asked for', async () => {
    await hold(0, 12)
    const reader = open()
    await readTo(reader, 0, CHUNK)
    await turns()
    expect(told).toEqual(['moved reader-1 0'])
    reader.close()
  })

  it('the music ahead: is what was given and what lies ready, of the reader who has least', async () => {
    expect(desk.bufferMs).toBeUndefined()
    await hold(0, 1, 2, 6)
    const [reader, other] = [open(), open(6 * CHUNK)]
    expect(desk.bufferMs).toBeUndefined()
    await readTo(reader, 0, CHUNK)
    const chunkMs = (CHUNK / BYTES_PER_SECOND) * 1000
    expect(desk.bufferMs).toBeCloseTo(3 * chunkMs)
    clock.advance(chunkMs)
    expect(desk.bufferMs).toBeCloseTo(2 * chunkMs)
    await readTo(other, 6 * CHUNK, 6 * CHUNK + 100)
    expect(desk.bufferMs).toBeCloseTo(chunkMs)
    other.close()
    expect(desk.bufferMs).toBeCloseTo(2 * chunkMs)
  })

  it('the music ahead when all the rest is here: nothing can run dry', async () => {
    await all()
    const reader = open(10 * CHUNK)
    await readTo(reader, 10 * CHUNK, 10 * CHUNK + 100)
    expect(desk.bufferMs).toBeUndefined()
  })

  it('closed: every reader is told as stopped, its wait ends, and nobody gets in any more', async () => {
    const reader = open()
    const waiting = reader.read(0, 10)
    await turns()
    desk.close()
    await expect(waiting).rejects.toMatchObject({ code: 'EVA_CANCELLED' })
    expect(told).toEqual(['moved reader-1 0', 'stopped reader-1'])
    expect(() => open()).toThrow(expect.objectContaining({ code: 'EVA_LIMIT_REACHED' }))
    expect(clock.pendingCount).toBe(0)
  })
})

describe('plays', () => {
  const stored = (chunkId: number, split: { originBytes: number; peerBytes: number }, ...peers: string[]) =>
    plays.chunkVerified({ songId: manifest.id, chunkId, split, peerIds: peers.map(parsePeerId) })

  it('a play: is one for all connections of a player, and over when no other comes for two seconds', async () => {
    await all()
    for (const from of [0, 12 * CHUNK, 4 * CHUNK]) {
      const reader = open(from)
      await readTo(reader, from, from + 100)
      reader.close()
      clock.advance(1900)
    }
    expect([started, ended.length]).toEqual([[manifest.id], 0])
    expect(desk.recentPlays()).toMatchObject([{ songId: 'song-1', isOver: false }])
    clock.advance(100)
    expect(ended).toMatchObject([
      { songId: 'song-1', isOver: true, cacheBytes: 2 * CHUNK + (800_000 - 12 * CHUNK), originBytes: 0, peerBytes: 0 },
    ])
    expect(desk.recentPlays()).toEqual(ended)
    open().close()
    expect(started).toHaveLength(2)
  })

  it('where the bytes came from: the network for what came for this play, the own cache for the rest', async () => {
    await hold(0)
    stored(1, { originBytes: CHUNK, peerBytes: 0 })
    stored(2, { originBytes: 16 * KIB, peerBytes: 48 * KIB }, 'peer-1', 'peer-2')
    stored(3, { originBytes: 0, peerBytes: CHUNK }, 'peer-2')
    await hold(1, 2, 3)
    const play = async () => {
      const reader = open()
      await readTo(reader, 0, 3 * CHUNK)
      reader.close()
      clock.advance(2000)
    }
    await play()
    const sum = { deliveredBytes: 3 * CHUNK, originBytes: 80 * KIB, peerBytes: 48 * KIB, cacheBytes: CHUNK, peerCount: 2 }
    expect(ended.at(-1)).toMatchObject(sum)
    await play()
    expect(ended.at(-1)).toMatchObject({ deliveredBytes: 3 * CHUNK, originBytes: 0, peerBytes: 0, cacheBytes: 3 * CHUNK, peerCount: 0 })
  })

  it('a chunk that was given away block by block before it was stored: is never from the cache', async () => {
    const arriving = { verifiedBytes: (_songId: SongId, offsetBytes: number) => song.bytes.subarray(offsetBytes, 16 * KIB) }
    const live = new VerifiedAudio({ store, arriving })
    const coordinator = { playbackMoved: () => {}, readingAhead: () => {}, playbackStopped: () => {} }
    const other = new PlaybackDesk({ audio: live, coordinator, plays, clock, timers: clock, log: new RecordedLog() })
    const reader = other.open(manifest, 0, 0)
    await reader.read(0, 100)
    expect(desk.recentPlays()).toMatchObject([{ deliveredBytes: 0, cacheBytes: 0 }])
    stored(0, { originBytes: CHUNK, peerBytes: 0 })
    reader.close()
    clock.advance(2000)
    expect(ended.at(-1)).toMatchObject({ deliveredBytes: CHUNK, originBytes: CHUNK, cacheBytes: 0 })
  })

  it('a song played to its end and at once from the beginning: is two plays', async () => {
    await all()
    for (let count = 0; count < 2; count++) {
      const reader = open()
      await readTo(reader, 0, 800_000)
      reader.close()
    }
    expect([started.length, ended.length]).toEqual([2, 1])
  })

  it('the start: is the time from the request to the first audio, and is measured once a play', async () => {
    const reader = desk.open(manifest, 0, clock.now())
    const reading = reader.read(0, 100)
    clock.advance(120)
    await hold(0, 5)
    await reading
    const second = open(5 * CHUNK)
    clock.advance(300)
    await second.read(5 * CHUNK, 100)
    expect(desk.recentPlays()).toMatchObject([{ startupMs: 120, stallCount: 0 }])
    expect(await registry.metrics()).toContain('evastream_playback_startup_seconds_sum 0.12')
  })

  it('a stall: is counted when the music had to wait, with its length', async () => {
    await hold(0)
    const reader = open()
    await readTo(reader, 0, CHUNK)
    const reading = reader.read(CHUNK, 100)
    clock.advance((CHUNK / BYTES_PER_SECOND) * 1000 + 700)
    await hold(1)
    await reading
    expect(desk.recentPlays()).toMatchObject([{ stallCount: 1, stalledMs: 700 }])
    expect(await registry.metrics()).toContain('evastream_playback_stalls_total 1')
  })

  it('a player that pauses for a minute and goes on: has not stalled', async () => {
    await all()
    const reader = open()
    await readTo(reader, 0, CHUNK)
    clock.advance(60_000)
    await reader.read(CHUNK, 100)
    expect(desk.recentPlays()).toMatchObject([{ stallCount: 0, stalledMs: 0 }])
  })

  it('a connection that got nothing: is no play', async () => {
    open().close()
    clock.advance(2000)
    expect([ended, desk.recentPlays()]).toEqual([[], []])
  })

  it('many plays: the fifty newest are kept', async () => {
    await all()
    for (let count = 0; count < 60; count++) {
      const reader = open()
      await reader.read(0, 10)
      reader.close()
      clock.advance(3000)
    }
    const kept = desk.recentPlays()
    expect(kept).toHaveLength(50)
    expect(kept[0]?.startedAtMs).toBe(59 * 3000)
  })
})
