// The songs of a node: opened from the metadata service or the cache, in whatever state those are, and followed until complete.
// Not bytes and not the Scheduler: store and coordinator only note what they are told.
// Invariant: what is expected is what the coordinator was told, and what people would read.

import { EvaError } from '@evastream/core/errors'
import { parseSongId, type SongId } from '@evastream/core/ids'
import { seededRandom } from '@evastream/core/random'
import { fakeClock } from '@evastream/testkit/fake-clock'
import { MemoryChunkStore } from '@evastream/testkit/memory-chunk-store'
import { RecordedLog } from '@evastream/testkit/recorded-log'
import { type SongFixture, songFixture } from '@evastream/testkit/song-fixture'
import { describe, expect, it } from 'vitest'
import type { KnownSong } from '../store/manifest-cache.ts'
import { SongLibrary } from './song-library.ts'

const down = () => new EvaError('EVA_SERVICE_UNREACHABLE', { details: { service: 'metadata service', url: 'u', reason: 'ECONNREFUSED' } })

class Stage {
  readonly clock = fakeClock(0)
  readonly log = new RecordedLog()
  readonly store = new MemoryChunkStore()
  readonly cached = new Map<SongId, KnownSong>()
  readonly wanted = new Set<SongId>()
  readonly pinned = new Set<SongId>()
  readonly published = new Map<SongId, SongFixture>()
  /** What the coordinator and the others were told, in order. */
  readonly told: string[] = []
  metadataFault: EvaError | undefined
  metadataAskedCount = 0
  /** Asked, it answers only those who give up. */
  isMetadataMute = false
  cacheFault: EvaError | undefined
  storeFault: EvaError | undefined
  /** What the next hashing finds. */
  readonly rottenChunkIds: number[] = []
  readonly library: SongLibrary

  constructor() {
    this.library = new SongLibrary({
      store: {
        openSong: async manifest => {
          if (this.storeFault !== undefined) throw this.storeFault
          await this.store.openSong(manifest)
        },
        proveSong: async songId => {
          this.told.push(`prove ${songId}`)
          for (const chunkId of this.rottenChunkIds.splice(0)) this.store.loseChunk(songId, chunkId)
        },
        heldChunks: songId => this.store.heldChunks(songId),
        heldCount: songId => this.store.heldChunks(songId).length,
      },
      cache: {
        directories: async () => [...this.cached.keys()],
        readIn: async name => this.cached.get(parseSongId(name)),
        read: async songId => this.cached.get(songId),
        write: async song => {
          if (this.cacheFault !== undefined) throw this.cacheFault
          this.cached.set(song.manifest.id, song)
        },
        markWanted: async songId => {
          if (this.cacheFault !== undefined) throw this.cacheFault
          this.wanted.add(songId)
        },
        markPinned: async (songId, isPinned) => {
          if (this.cacheFault !== undefined) throw this.cacheFault
          if (isPinned) this.pinned.add(songId)
          else this.pinned.delete(songId)
        },
        marksOf: async songId => ({ isWanted: this.wanted.has(songId), isPinned: this.pinned.has(songId) }),
      },
      lookAhead: songId => void this.lookedAhead.push(songId),
      metadata: {
        getSong: async songId => this.#published(songId),
        getManifest: async (songId, signal) => {
          if (this.isMetadataMute) await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(down())))
          return this.#published(songId).manifest
        },
        getBlockHashes: async manifest => this.#published(manifest.id).blockHashes,
      },
      coordinator: {
        addSong: ({ songId, interest, heldChunkIds, blockHashes }) =>
          void this.told.push(`add ${songId} ${interest} ${heldChunkIds.length} held${blockHashes === undefined ? '' : ', with blocks'}`),
        setInterest: (songId, interest) => void this.told.push(`${interest} ${songId}`),
      },
      network: { follow: songId => void this.told.push(`follow ${songId}`) },
      timers: this.clock,
      random: seededRandom(1),
      log: this.log,
      opened: manifest => void this.told.push(`opened ${manifest.id}`),
    })
  }

  readonly lookedAhead: SongId[] = []

  publish(song: SongFixture): SongFixture {
    this.published.set(song.manifest.id, song)
    return song
  }

  async pass(durationMs: number): Promise<void> {
    for (let passed = 0; passed < durationMs; passed += 100) {
      this.clock.advance(100)
      for (let turn = 0; turn < 40; turn++) await Promise.resolve()
    }
  }

  async store1(song: SongFixture, chunkId: number): Promise<void> {
    await this.store.saveChunk(song.manifest.id, chunkId, song.chunkBytes(chunkId))
    this.library.chunkStored(song.manifest.id)
  }

  #published(songId: SongId): SongFixture {
    this.metadataAskedCount++
    if (this.metadataFault !== undefined) throw this.metadataFault
    const song = this.published.get(songId)
    if (song === undefined) throw new EvaError('EVA_SONG_NOT_FOUND', { details: { songId } })
    return song
  }
}

describe('song library', () => {
  it('a song opened twice at once: is asked for and added once, and nothing is hashed for that', async () => {
    const stage = new Stage()
    const { manifest } = stage.publish(songFixture())
    expect(await Promise.all([stage.library.openSong(manifest.id), stage.library.openSong(manifest.id)])).toEqual([manifest, manifest])
    expect(stage.told).toEqual(['add song-1 idle 0 held, with blocks', 'follow song-1', 'opened song-1'])
    expect(stage.lookedAhead).toEqual(['song-1'])
    expect(stage.library.list()).toEqual([{ songId: 'song-1', chunkCount: 5, chunksHeld: 0, complete: false }])
    expect(stage.cached.has(manifest.id)).toBe(true)
  })

  it('a download: seeds the song once and is remembered', async () => {
    const stage = new Stage()
    const { manifest } = stage.publish(songFixture())
    await stage.library.download(manifest.id)
    await stage.library.download(manifest.id)
    expect(stage.told.filter(line => line.startsWith('seed'))).toEqual(['seed song-1'])
    expect(stage.wanted.has(manifest.id)).toBe(true)
  })

  it('a song that was found a moment ago: is opened and kept as it was found, and not asked for again', async () => {
    const stage = new Stage()
    const { manifest, blockHashes } = songFixture()
    expect(await stage.library.openSong(manifest.id, { manifest, blockHashes })).toEqual(manifest)
    expect(stage.metadataAskedCount).toBe(0)
    expect(stage.told).toEqual(['add song-1 idle 0 held, with blocks', 'follow song-1', 'opened song-1'])
    expect([stage.cached.get(manifest.id), stage.lookedAhead]).toEqual([{ manifest, blockHashes }, ['song-1']])
  })

  it('a song that nobody published: is refused, and nothing is left open', async () => {
    const stage = new Stage()
    const songId = parseSongId('none')
    await expect(stage.library.download(songId)).rejects.toMatchObject({ code: 'EVA_SONG_NOT_FOUND' })
    expect([stage.told, stage.library.list()]).toEqual([[], []])
    stage.publish(songFixture({ songId: 'none' }))
    await stage.library.download(songId)
  })

  it('the metadata service down: a known song is opened as it was known; an unknown one is refused with the reason', async () => {
    const stage = new Stage()
    const { manifest, blockHashes } = songFixture()
    stage.cached.set(manifest.id, { manifest, blockHashes })
    stage.metadataFault = down()
    expect(await stage.library.openSong(manifest.id)).toEqual(manifest)
    expect(stage.log.messages('info')[0]).toContain('as it was known before')
    await expect(stage.library.openSong(parseSongId('other'))).rejects.toMatchObject({ code: 'EVA_SERVICE_UNREACHABLE' })
  })

  it('a known song that was edited since: is opened as it is now', async () => {
    const stage = new Stage()
    const { manifest, blockHashes } = songFixture({ title: 'Old' })
    stage.cached.set(manifest.id, { manifest, blockHashes })
    stage.publish(songFixture({ title: 'New' }))
    expect((await stage.library.openSong(manifest.id)).title).toBe('New')
    expect(stage.cached.get(manifest.id)?.manifest.title).toBe('New')
  })

  it('seeding with the metadata service down: one line, tried until it works', async () => {
    const stage = new Stage()
    const { manifest } = stage.publish(songFixture())
    stage.metadataFault = down()
    stage.library.seed(manifest.id)
    await stage.pass(60_000)
    expect(stage.log.messages('warn')).toEqual([
      'Fetching the song song-1: The metadata service at u cannot be reached (ECONNREFUSED). It is tried again.',
    ])
    stage.metadataFault = undefined
    await stage.pass(16_000)
    expect(stage.told.at(-1)).toBe('seed song-1')
    await stage.library.close()
    expect(stage.clock.pendingCount).toBe(0)
  })

  it('seeding what can never work: is told once and given up', async () => {
    const stage = new Stage()
    const { manifest } = stage.publish(songFixture())
    stage.metadataFault = new EvaError('EVA_MANIFEST_INVALID', { details: { field: 'x', reason: 'y' } })
    stage.library.seed(manifest.id)
    await stage.pass(60_000)
    expect([stage.log.messages('error').length, stage.clock.pendingCount]).toEqual([1, 0])
  })

  it('resumed: every known song is opened, those that were wanted are seeded, and a service that is down is asked once', async () => {
    const stage = new Stage()
    stage.metadataFault = down()
    for (const songId of ['a', 'b', 'c']) {
      const { manifest, blockHashes } = songFixture({ songId })
      stage.cached.set(manifest.id, { manifest, blockHashes })
    }
    for (const songId of ['b', 'c']) stage.wanted.add(parseSongId(songId))
    await stage.library.resume()
    expect(stage.told.filter(line => /^(add|seed)/.test(line))).toEqual([
      'add a idle 0 held, with blocks',
      'add b idle 0 held, with blocks',
      'seed b',
      'add c idle 0 held, with blocks',
      'seed c',
    ])
    expect([stage.log.messages('warn'), stage.metadataAskedCount]).toEqual([[], 1])
  })

  it('resumed with a metadata service that never answers: idle songs are open at once, all wanted ones after one short wait', async () => {
    const stage = new Stage()
    stage.isMetadataMute = true
    for (let index = 0; index < 40; index++) {
      const { manifest, blockHashes } = songFixture({ songId: `song-${index}`, fileSize: 100 })
      stage.cached.set(manifest.id, { manifest, blockHashes })
      if (index % 2 === 0) stage.wanted.add(manifest.id)
    }
    const resumed = stage.library.resume()
    await stage.pass(200)
    expect(stage.library.list()).toHaveLength(20)
    await resumed
    expect(stage.library.list()).toHaveLength(40)
    expect(stage.told.filter(line => line.startsWith('seed'))).toHaveLength(20)
    expect(stage.log.messages('info').filter(line => line.includes('as it was known before'))).toHaveLength(1)
  })

  it('resumed and published anew with other audio meanwhile: the new audio is fetched, and it is said', async () => {
    const stage = new Stage()
    const { manifest, blockHashes } = songFixture({ seed: 1 })
    stage.cached.set(manifest.id, { manifest, blockHashes })
    stage.wanted.add(manifest.id)
    const anew = stage.publish(songFixture({ seed: 2 }))
    await stage.library.resume()
    expect(stage.library.manifestOf(manifest.id)).toEqual(anew.manifest)
    expect(stage.log.messages('warn')).toEqual(['The song was published anew with other audio; what was stored of it is forgotten.'])
  })

  it('resumed with one song on a failing disk: the others are opened, and the failure is told', async () => {
    const stage = new Stage()
    const { manifest, blockHashes } = songFixture()
    stage.cached.set(manifest.id, { manifest, blockHashes })
    stage.storeFault = new EvaError('EVA_STORAGE_FAILED', { details: { reason: 'EMFILE' } })
    await stage.library.resume()
    expect(stage.log.messages('warn')).toEqual(['A stored song was not opened: The storage failed (EMFILE).'])
    stage.storeFault = undefined
    await stage.library.openSong(manifest.id)
  })

  it('a disk that cannot keep the manifest: the song is fetched all the same, and it is said', async () => {
    const stage = new Stage()
    const { manifest } = stage.publish(songFixture())
    stage.cacheFault = new EvaError('EVA_STORAGE_FULL')
    await stage.library.download(manifest.id)
    expect(stage.told.at(-1)).toBe('seed song-1')
    expect(stage.log.messages('warn')).toEqual([
      'The manifest cannot be kept on disk: The disk is full.',
      'After a restart the song is not fetched by itself: The disk is full.',
    ])
  })

  it('waiting for a song: ends with its last chunk, at an abort, or with the library', async () => {
    const stage = new Stage()
    const song = stage.publish(songFixture({ fileSize: 100_000 }))
    const abort = new AbortController()
    const ends: string[] = []
    const wait = (name: string, signal: AbortSignal) =>
      stage.library.whenComplete(song.manifest.id, signal).then(
        () => ends.push(`${name} complete`),
        error => ends.push(`${name} ${error.code}`),
      )
    void wait('patient', new AbortController().signal)
    void wait('impatient', abort.signal)
    await stage.pass(100)
    abort.abort()
    await stage.store1(song, 0)
    await stage.pass(100)
    expect(ends).toEqual(['impatient EVA_CANCELLED'])
    await stage.store1(song, 1)
    await stage.pass(100)
    expect(ends).toEqual(['impatient EVA_CANCELLED', 'patient complete'])
    stage.store.loseChunk(song.manifest.id, 1)
    const last = wait('last', new AbortController().signal)
    await stage.pass(100)
    await stage.library.close()
    await last
    expect(ends.at(-1)).toBe('last EVA_CANCELLED')
  })

  it('waiting for a song with rotten chunks on the disk: every chunk is hashed, and the wait goes on until they are here anew', async () => {
    const stage = new Stage()
    const song = stage.publish(songFixture({ fileSize: 100_000 }))
    for (const chunkId of [0, 1]) {
      await stage.store.openSong(song.manifest)
      await stage.store.saveChunk(song.manifest.id, chunkId, song.chunkBytes(chunkId))
    }
    stage.rottenChunkIds.push(1)
    let isOver = false
    void stage.library.whenComplete(song.manifest.id, new AbortController().signal).then(() => {
      isOver = true
    })
    await stage.pass(100)
    expect([isOver, stage.told.at(-1)]).toEqual([false, 'prove song-1'])
    await stage.store1(song, 1)
    await stage.pass(100)
    expect([isOver, stage.told.filter(line => line === 'prove song-1').length]).toEqual([true, 2])
  })

  it('a pinned song: is kept until it is unpinned, also after a restart; a wanted one always', async () => {
    const stage = new Stage()
    const [one, two] = [stage.publish(songFixture()), stage.publish(songFixture({ songId: 'song-2' }))]
    await stage.library.pin(one.manifest.id, true)
    await stage.library.download(two.manifest.id)
    const keptBy = (library: SongLibrary) => [one, two].map(({ manifest }) => library.isKept(manifest.id))
    expect([stage.library.isPinned(one.manifest.id), keptBy(stage.library)]).toEqual([true, [true, true]])
    const next = new Stage()
    for (const songId of stage.pinned) next.pinned.add(songId)
    for (const songId of stage.wanted) next.wanted.add(songId)
    for (const [songId, known] of stage.cached) next.cached.set(songId, known)
    await next.library.resume()
    expect(keptBy(next.library)).toEqual([true, true])
    await next.library.pin(one.manifest.id, false)
    expect([next.library.isPinned(one.manifest.id), keptBy(next.library), next.pinned.size]).toEqual([false, [false, true], 0])
  })

  it('a pin for a song that nobody knows, or on a disk that cannot keep it: is refused, and nothing is pinned', async () => {
    const stage = new Stage()
    await expect(stage.library.pin(parseSongId('none'), true)).rejects.toMatchObject({ code: 'EVA_SONG_NOT_FOUND' })
    const { manifest } = stage.publish(songFixture())
    stage.cacheFault = new EvaError('EVA_STORAGE_FULL')
    await expect(stage.library.pin(manifest.id, true)).rejects.toMatchObject({ code: 'EVA_STORAGE_FULL' })
    expect(stage.library.isPinned(manifest.id)).toBe(false)
  })

  it('a known song of the same audio: its block hashes are not asked for again', async () => {
    const stage = new Stage()
    const { manifest, blockHashes } = stage.publish(songFixture())
    stage.cached.set(manifest.id, { manifest, blockHashes })
    await stage.library.openSong(manifest.id)
    expect(stage.metadataAskedCount).toBe(1)
  })
})
