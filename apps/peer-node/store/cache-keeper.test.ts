// The cache within its limit: on a real disk with real songs, whatever is played, kept, rare or stored at the same time.
// Not the choice by itself (the engine tests that), and not HTTP.
// Invariant: after every step the files take no more than the limit and one extent, and what is read is what was published.

import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EvaError, toEvaError } from '@evastream/core/errors'
import type { SongId } from '@evastream/core/ids'
import { KIB, MIB } from '@evastream/core/units'
import { fakeClock } from '@evastream/testkit/fake-clock'
import { RecordedLog } from '@evastream/testkit/recorded-log'
import { type SongFixture, songFixture } from '@evastream/testkit/song-fixture'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ChunkStore, type ChunkStoreDeps } from '../chunk-store.ts'
import { SwarmCopies } from '../tracker/swarm-copies.ts'
import { CacheKeeper } from './cache-keeper.ts'
import { RecentSongs } from './recent-songs.ts'
import { notesLengthBytes } from './song-stock.ts'
import { extentIndexOf, songPaths, songsDirectory } from './store-layout.ts'

const SONG_BYTES = 100 * KIB
const silence = new EvaError('EVA_SERVICE_UNREACHABLE', { details: { service: 'tracker', url: 'u', reason: 'ECONNREFUSED' } })
const names = ['a', 'b', 'c', 'd']
const songs = new Map(names.map((name, seed) => [name, songFixture({ songId: name, seed, fileSize: SONG_BYTES, chunkSize: 32 * KIB })]))
/** Beside the audio of one of these songs. */
const NOTES_BYTES = notesLengthBytes(song('a').manifest)
/** Room for two songs, and for what is noted of all of them. */
const LIMIT_BYTES = 2 * SONG_BYTES + 5 * KIB

let directory = ''
const stages = new Set<Stage>()

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'evastream-keeper-'))
})

afterEach(async () => {
  for (const stage of stages) await stage.close()
  await rm(directory, { recursive: true, force: true })
})

class Stage {
  readonly log = new RecordedLog()
  readonly clock = fakeClock(0)
  readonly kept = new Set<string>()
  readonly readers = new Map<string, number[]>()
  /** What the tracker counts for every chunk of a song; of others it says nothing. */
  readonly holders = new Map<string, number>()
  readonly queue: { songIds: SongId[] } = { songIds: [] }
  readonly asked: string[] = []
  readonly evicted: string[] = []
  readonly store: ChunkStore
  readonly keeper: CacheKeeper
  readonly recent: RecentSongs

  private constructor(parts: { store: ChunkStore; recent: RecentSongs; keeper: (stage: Stage) => CacheKeeper }) {
    this.store = parts.store
    this.recent = parts.recent
    this.keeper = parts.keeper(this)
  }

  static async open(limitBytes: number, deps: Partial<ChunkStoreDeps> = {}): Promise<Stage> {
    const recent = await RecentSongs.open({ timers: fakeClock(0) }, { directory })
    const room = {
      take: (size: number) => stage.keeper.take(size),
      found: (size: number) => stage.keeper.found(size),
      give: (size: number) => stage.keeper.give(size),
    }
    const onEvicted = (songId: SongId, chunkIds: readonly number[]) => void stage.evicted.push(`${songId} ${chunkIds.join(' ')}`)
    const store = await ChunkStore.open(
      { onRotten: () => undefined, onEvicted, onUsed: songId => recent.used(songId), room, ...deps },
      { directory, directoryFlag: '--data' },
    )
    const stage: Stage = new Stage({ store, recent, keeper: made => made.#makeKeeper(limitBytes) })
    stages.add(stage)
    return stage
  }

  /** Opens the songs, as a resume does, and begins. */
  async begin(...opened: readonly SongFixture[]): Promise<void> {
    for (const song of opened) await this.store.openSong(song.manifest)
    await this.keeper.begin()
  }

  async save(song: SongFixture, ...chunkIds: readonly number[]): Promise<void> {
    const all = song.manifest.chunks.map(chunk => chunk.chunkId)
    for (const chunkId of chunkIds.length === 0 ? all : chunkIds)
      await this.store.saveChunk(song.manifest.id, chunkId, song.chunkBytes(chunkId))
  }

  heldOf(): string[] {
    return this.store.openSongs().flatMap(({ id }) => (this.store.heldChunks(id).length > 0 ? [id] : []))
  }

  async close(): Promise<void> {
    stages.delete(this)
    await this.keeper.close()
    await this.store.close()
    await this.recent.close()
  }

  #makeKeeper(limitBytes: number): CacheKeeper {
    const { store, recent, clock, log, kept, readers } = this
    const swarm = async (songId: SongId) => {
      this.asked.push(songId)
      const count = this.holders.get(songId)
      if (count === undefined) throw silence
      return { availability: Array.from({ length: 4 }, () => count) }
    }
    const copies = new SwarmCopies({ tracker: () => ({ swarm }), store, clock })
    const library = { isKept: (songId: SongId) => kept.has(songId), keptBytes: () => kept.size * SONG_BYTES }
    const playback = {
      get playingSongIds() {
        return [...readers.keys()] as SongId[]
      },
      positionsOf: (songId: SongId) => readers.get(songId) ?? [],
    }
    return new CacheKeeper({ store, library, playback, queue: this.queue, recent, copies, log }, { limitBytes })
  }
}

function song(name: string): SongFixture {
  return songs.get(name) ?? songFixture()
}

/** What the audio on the disk takes, at its full length. */
async function audioBytes(): Promise<number> {
  let sum = 0
  for (const name of await readdir(songsDirectory(directory)))
    for (const file of await readdir(join(songsDirectory(directory), name)))
      if (extentIndexOf(file) !== undefined) sum += (await stat(join(songsDirectory(directory), name, file))).size
  return sum
}

describe('cache keeper', () => {
  it('more songs than the limit: the least recently used goes, file and all, and everybody may hear of it', async () => {
    const stage = await Stage.open(LIMIT_BYTES)
    await stage.begin(song('a'), song('b'), song('c'))
    await stage.save(song('a'))
    await stage.save(song('b'))
    await stage.store.loadChunk(song('a').manifest.id, 0)
    await stage.save(song('c'))
    await stage.keeper.settled()
    expect([stage.evicted, stage.heldOf()]).toEqual([['b 0 1 2 3'], ['a', 'c']])
    const usedBytes = 2 * SONG_BYTES + 3 * NOTES_BYTES
    expect([await audioBytes(), stage.keeper.status()]).toEqual([2 * SONG_BYTES, { usedBytes, limitBytes: LIMIT_BYTES }])
    await expect(stage.store.loadChunk(song('b').manifest.id, 0)).rejects.toMatchObject({ code: 'EVA_CHUNK_NOT_FOUND' })
  })

  it('an evicted song: stored again, is as it was, in this process and in the next', async () => {
    const stage = await Stage.open(SONG_BYTES + 5 * KIB)
    await stage.begin(song('a'), song('b'))
    for (const name of ['a', 'b', 'a']) await stage.save(song(name))
    await stage.keeper.settled()
    expect(stage.evicted).toEqual(['a 0 1 2 3', 'b 0 1 2 3'])
    const { manifest, bytes } = song('a')
    expect(Buffer.compare(await stage.store.readRange(manifest.id, 0, bytes.length), bytes)).toBe(0)
    await stage.close()
    const next = await Stage.open(SONG_BYTES + 5 * KIB)
    await next.begin(song('a'), song('b'))
    expect([next.heldOf(), next.keeper.status().usedBytes, await audioBytes()]).toEqual([['a'], SONG_BYTES + 2 * NOTES_BYTES, SONG_BYTES])
    expect(Buffer.compare(await next.store.readRange(manifest.id, 0, bytes.length), bytes)).toBe(0)
  })

  it('a song being played and a kept one: stay; when nothing else is there, storing is refused and said once', async () => {
    const stage = await Stage.open(LIMIT_BYTES)
    await stage.begin(song('a'), song('b'), song('c'), song('d'))
    stage.kept.add('a')
    stage.readers.set('b', [SONG_BYTES])
    stage.readers.set('c', [0])
    for (const name of ['a', 'b', 'c']) await stage.save(song(name))
    for (let time = 0; time < 3; time++) await expect(stage.save(song('d'), 0)).rejects.toMatchObject({ code: 'EVA_CACHE_FULL' })
    expect([stage.evicted, stage.log.messages('warn').length, await audioBytes()]).toEqual([[], 1, 3 * SONG_BYTES])
    stage.readers.delete('b')
    await stage.save(song('d'))
    await stage.keeper.settled()
    expect([stage.evicted, stage.heldOf()]).toEqual([['b 0 1 2 3'], ['a', 'c', 'd']])
  })

  it('the next songs of the queue: stay, so that they are not fetched in turns; the fifth goes like any other', async () => {
    const stage = await Stage.open(LIMIT_BYTES)
    await stage.begin(...songs.values())
    stage.queue.songIds = ['b', 'c', 'c', 'c', 'a'].map(name => song(name).manifest.id)
    for (const name of ['b', 'c', 'a', 'd']) await stage.save(song(name))
    await stage.keeper.settled()
    expect(stage.evicted).toEqual(['a 0 1 2 3'])
  })

  it('a song that nobody else holds: goes after one used later that others hold; the tracker is asked once', async () => {
    const stage = await Stage.open(LIMIT_BYTES)
    await stage.begin(song('a'), song('b'), song('c'))
    stage.holders.set('a', 1)
    stage.holders.set('b', 2)
    for (const name of ['a', 'b', 'c']) await stage.save(song(name))
    await stage.keeper.settled()
    expect(stage.heldOf()).toEqual(['a', 'c'])
    expect(stage.asked).toEqual(['a', 'b', 'c'])
  })

  it('everything is held only here, or the tracker is silent: the least recently used goes all the same', async () => {
    const stage = await Stage.open(LIMIT_BYTES)
    await stage.begin(song('a'), song('b'), song('c'), song('d'))
    for (const name of ['a', 'b', 'c']) await stage.save(song(name))
    await stage.keeper.settled()
    expect(stage.heldOf()).toEqual(['b', 'c'])
    for (const name of ['b', 'c', 'd']) stage.holders.set(name, 1)
    stage.clock.advance(30_000)
    await stage.save(song('d'))
    await stage.keeper.settled()
    expect(stage.heldOf()).toEqual(['c', 'd'])
  })

  it('a song larger than the cache, being played: what its readers left behind makes room for what comes', async () => {
    const large = songFixture({ songId: 'large', fileSize: 50 * MIB, chunkSize: 2 * MIB, seed: 9 })
    const stage = await Stage.open(16 * MIB + 200 * KIB)
    await stage.begin(large)
    stage.readers.set('large', [0])
    await stage.save(large, ...Array.from({ length: 16 }, (_, chunkId) => chunkId))
    await expect(stage.save(large, 16)).rejects.toMatchObject({ code: 'EVA_CACHE_FULL' })
    stage.readers.set('large', [16 * MIB])
    await stage.save(large, 16)
    await stage.keeper.settled()
    expect(stage.store.heldChunks(large.manifest.id)).toEqual([8, 9, 10, 11, 12, 13, 14, 15, 16])
    expect(await audioBytes()).toBeLessThanOrEqual(32 * MIB)
    const played = await stage.store.readRange(large.manifest.id, 16 * MIB, 18 * MIB)
    expect(Buffer.compare(played, large.bytes.subarray(16 * MIB, 34 * MIB))).toBe(0)
  })

  it('a smaller limit than at the last start: is kept as soon as everything is open, by the order of that time', async () => {
    const before = await Stage.open(0)
    await before.begin(song('a'), song('b'), song('c'))
    for (const name of ['c', 'b', 'a']) await before.save(song(name))
    await before.close()
    const stage = await Stage.open(SONG_BYTES + 5 * KIB)
    await stage.begin(song('a'), song('b'), song('c'))
    expect([stage.heldOf(), await audioBytes()]).toEqual([['a'], SONG_BYTES])
  })

  it('room wanted before everything is open: waits until it is known how much is taken', async () => {
    const before = await Stage.open(0)
    await before.begin(song('a'))
    await before.save(song('a'))
    await before.close()
    const stage = await Stage.open(SONG_BYTES + 5 * KIB)
    await stage.store.openSong(song('b').manifest)
    const saved = stage.save(song('b'))
    await stage.begin(song('a'))
    await saved
    await stage.keeper.settled()
    expect([stage.heldOf(), await audioBytes()]).toEqual([['b'], SONG_BYTES])
  })

  it('a directory whose song nobody knows: counts, and goes before every song; a marked one stays', async () => {
    const stage = await Stage.open(LIMIT_BYTES)
    for (const [name, more] of [['stray', []] as const, ['marked', ['pinned']] as const]) {
      const path = join(songsDirectory(directory), name)
      await mkdir(path, { recursive: true })
      for (const file of ['audio', ...more]) await writeFile(join(path, file), new Uint8Array(file === 'audio' ? 60 * KIB : 0))
    }
    await stage.begin(song('a'), song('b'))
    expect(stage.keeper.status().usedBytes).toBe(120 * KIB + 2 * NOTES_BYTES)
    await stage.save(song('a'))
    await stage.save(song('b'))
    await stage.keeper.settled()
    expect((await readdir(songsDirectory(directory))).sort()).toEqual(['a', 'b', 'marked'])
    expect([stage.evicted, await audioBytes()]).toEqual([['a 0 1 2 3'], 160 * KIB])
  })

  it('a stray that becomes known again: is that song, counted once, with its chunks', async () => {
    const before = await Stage.open(0)
    await before.begin(song('a'))
    await before.save(song('a'))
    await before.close()
    const stage = await Stage.open(10 * SONG_BYTES)
    await stage.begin()
    const strayBytes = stage.keeper.status().usedBytes
    await stage.store.openSong(song('a').manifest)
    expect([strayBytes >= SONG_BYTES, stage.keeper.status().usedBytes]).toEqual([true, SONG_BYTES + NOTES_BYTES])
    expect(stage.heldOf()).toEqual(['a'])
  })

  it('a file that cannot be removed: another goes, and it is told', async () => {
    const path = songPaths(directory, song('a').manifest.id).extent(0)
    const removeFile = async (file: string) => {
      if (file === path) throw Object.assign(toEvaError(undefined), { code: 'EBUSY' })
      await rm(file, { force: true })
    }
    const stage = await Stage.open(LIMIT_BYTES, { removeFile })
    await stage.begin(song('a'), song('b'), song('c'))
    for (const name of ['a', 'b', 'c']) await stage.save(song(name))
    await stage.keeper.settled()
    expect([stage.heldOf(), stage.log.messages('warn').length, await audioBytes()]).toEqual([['c'], 1, 2 * SONG_BYTES])
  })

  it('without a limit: nothing goes, and nobody waits', async () => {
    const stage = await Stage.open(0)
    for (const name of names) await stage.store.openSong(song(name).manifest)
    for (const name of names) await stage.save(song(name))
    expect([stage.heldOf(), stage.keeper.status()]).toEqual([names, { usedBytes: 4 * (SONG_BYTES + NOTES_BYTES), limitBytes: 0 }])
  })

  const anyStep = fc.oneof(
    { weight: 5, arbitrary: fc.record({ kind: fc.constant('save' as const), name: fc.constantFrom(...names), chunkId: fc.nat(3) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('load' as const), name: fc.constantFrom(...names), chunkId: fc.nat(3) }) },
    fc.record({ kind: fc.constantFrom('keep' as const, 'play' as const), name: fc.constantFrom(...names), chunkId: fc.nat(3) }),
  )

  it('anything at the same time: the limit holds, the count is right, and every byte read is right', async () => {
    const limitBytes = 255 * KIB
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(anyStep, { maxLength: 5 }), { maxLength: 12 }), async rounds => {
        const stage = await Stage.open(limitBytes)
        await stage.begin(...songs.values())
        const run = async ({ kind, name, chunkId }: { kind: 'save' | 'load' | 'keep' | 'play'; name: string; chunkId: number }) => {
          const { manifest, chunkBytes } = song(name)
          if (kind === 'keep') {
            if (!stage.kept.delete(name)) stage.kept.add(name)
          } else if (kind === 'play') {
            if (!stage.readers.delete(name)) stage.readers.set(name, [chunkId * 32 * KIB])
          } else if (kind === 'save') {
            const failure = await stage.save(song(name), chunkId).then(() => undefined, toEvaError)
            expect([undefined, 'EVA_CACHE_FULL']).toContain(failure?.code)
          } else {
            const bytes = await stage.store.loadChunk(manifest.id, chunkId).catch(toEvaError)
            if (bytes instanceof EvaError) expect(bytes.code).toBe('EVA_CHUNK_NOT_FOUND')
            else expect(Buffer.compare(bytes, chunkBytes(chunkId))).toBe(0)
          }
        }
        for (const steps of rounds) {
          await Promise.all(steps.map(run))
          expect(await audioBytes()).toBeLessThanOrEqual(limitBytes + SONG_BYTES)
          await stage.keeper.settled()
          expect(stage.keeper.status().usedBytes).toBe((await audioBytes()) + names.length * NOTES_BYTES)
        }
        await stage.close()
        await rm(songsDirectory(directory), { recursive: true, force: true })
      }),
      { seed: 3, numRuns: 60 },
    )
  })
})
