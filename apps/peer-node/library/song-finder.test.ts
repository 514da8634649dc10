import { EvaError } from '@evastream/core/errors'
import { parseSongId, type SongId } from '@evastream/core/ids'
import type { Manifest } from '@evastream/core/manifest'
import { type FakeClock, fakeClock } from '@evastream/testkit/fake-clock'
import { songFixture } from '@evastream/testkit/song-fixture'
import { beforeEach, describe, expect, it } from 'vitest'
import type { KnownSong } from '../store/manifest-cache.ts'
import { SongFinder } from './song-finder.ts'

const long = 'x'.repeat(128)
const blockHashes = new Uint8Array(32)

/** By id. */
let published: Map<string, Manifest>
let open: Set<string>
let cached: Set<string>
/** Ids that the metadata service was asked for, those of them with all that opening takes, and those that were opened. */
let asked: string[]
let askedWhole: string[]
let opened: string[]
/** What a song was opened with, by id. */
let openedWith: Map<string, KnownSong | undefined>
let fault: EvaError | undefined
let isFaulty: (songId: string) => boolean
/** The metadata service answers once this has resolved. */
let silence: Promise<void>
let clock: FakeClock
let finder: SongFinder

beforeEach(() => {
  published = new Map()
  open = new Set()
  cached = new Set()
  asked = []
  askedWhole = []
  opened = []
  openedWith = new Map()
  fault = undefined
  isFaulty = () => true
  silence = Promise.resolve()
  clock = fakeClock(0)
  finder = new SongFinder({
    clock,
    library: {
      manifestOf: songId => (open.has(songId) ? published.get(songId) : undefined),
      openSong: async (songId, known) => {
        opened.push(songId)
        openedWith.set(songId, known)
        return manifestOf(songId)
      },
    },
    cache: { read: async songId => (cached.has(songId) ? published.get(songId) : undefined) },
    metadata: {
      getManifest: lookUp,
      getSong: async songId => {
        askedWhole.push(songId)
        return { manifest: await lookUp(songId), blockHashes }
      },
    },
  })
})

async function lookUp(songId: SongId, signal?: AbortSignal): Promise<Manifest> {
  asked.push(songId)
  const isCutShort = new Promise<void>(resolve => signal?.addEventListener('abort', () => resolve(), { once: true }))
  await Promise.race([silence, isCutShort])
  if (signal?.aborted === true) throw new EvaError('EVA_CANCELLED')
  if (fault !== undefined && isFaulty(songId)) throw fault
  return manifestOf(songId)
}

function publish(...songIds: string[]): void {
  for (const songId of songIds) published.set(songId, songFixture({ songId, fileSize: 20 }).manifest)
}

function manifestOf(songId: SongId): Manifest {
  const manifest = published.get(songId)
  if (manifest === undefined) throw new EvaError('EVA_SONG_NOT_FOUND', { details: { songId } })
  return manifest
}

async function found(name: string): Promise<string> {
  return (await finder.find(name)).id
}

describe('song finder', () => {
  it('a name without an extension: is opened, and nobody is asked first', async () => {
    publish('a')
    expect(await found('a')).toBe('a')
    expect([asked, opened]).toEqual([[], ['a']])
  })

  it('a song, and another whose id is that with an extension: each by its own name, whichever is open here', async () => {
    publish('a', 'a.mp3')
    for (const here of [[], ['a'], ['a.mp3'], ['a', 'a.mp3']]) {
      open = new Set(here)
      expect([await found('a'), await found('a.mp3'), await found('a.mp3.mp3')]).toEqual(['a', 'a.mp3', 'a.mp3'])
      clock.advance(60_000)
    }
    expect(new Set(opened)).toEqual(new Set(['a', 'a.mp3']))
  })

  it('a name with an extension: both are looked up at the same time, and only the song there is is opened', async () => {
    publish('a')
    let speak = () => {}
    silence = new Promise(resolve => (speak = resolve))
    const finding = found('a.mp3')
    while (asked.length < 2) await new Promise(resolve => setImmediate(resolve))
    expect(new Set(asked)).toEqual(new Set(['a.mp3', 'a']))
    speak()
    expect(await finding).toBe('a')
    expect(opened).toEqual(['a'])
  })

  it('the song that is opened has been looked up with its blocks: it is handed on with what was found, and not asked for again', async () => {
    publish('a')
    await found('a.mp3')
    expect(openedWith.get('a')).toEqual({ manifest: manifestOf(parseSongId('a')), blockHashes })
    expect([asked.filter(songId => songId === 'a'), askedWhole]).toEqual([['a'], ['a']])
  })

  it('a song that is here, or whose name has the extension: its blocks are nobody’s question', async () => {
    publish('a', 'b.mp3')
    open.add('a')
    await found('a.mp3')
    await found('b.mp3')
    expect(askedWhole).toEqual(['b'])
    expect([...openedWith]).toEqual([
      ['a', undefined],
      ['b.mp3', undefined],
    ])
  })

  it('no song of either name: is told by the name that was asked for, and nothing is opened', async () => {
    await expect(finder.find('a.mp3')).rejects.toMatchObject({ code: 'EVA_SONG_NOT_FOUND', details: { songId: 'a.mp3' } })
    expect(opened).toEqual([])
  })

  it('a metadata service that fails: a song that is not here is not known to be missing; one that is here plays', async () => {
    publish('a')
    fault = new EvaError('EVA_SERVICE_TIMEOUT', { details: { service: 'metadata service' } })
    await expect(finder.find('a.mp3')).rejects.toBe(fault)
    expect(opened).toEqual([])
    isFaulty = songId => songId === 'a.mp3'
    await expect(finder.find('a.mp3')).rejects.toBe(fault)
    isFaulty = songId => songId === 'a'
    await expect(finder.find('a.mp3')).rejects.toBe(fault)
    expect(opened).toEqual([])
    isFaulty = songId => songId === 'a.mp3'
    cached.add('a')
    expect(await found('a.mp3')).toBe('a')
    publish('b', 'b.mp3')
    cached = new Set(['b', 'b.mp3'])
    isFaulty = () => true
    expect(await found('b.mp3')).toBe('b.mp3')
  })

  it('a metadata service that is silent: a song that is here waits a second at most', async () => {
    publish('a')
    open.add('a')
    silence = new Promise(() => {})
    expect(await found('a.mp3')).toBe('a')
    expect(asked).toEqual(['a.mp3'])
  })

  it('a player that seeks: asks once; a song that is published meanwhile is found a little later', async () => {
    publish('a')
    open.add('a')
    for (let seek = 0; seek < 5; seek++) expect(await found('a.mp3')).toBe('a')
    expect(asked).toEqual(['a.mp3'])
    publish('a.mp3')
    clock.advance(10_000)
    expect(await found('a.mp3')).toBe('a.mp3')
  })

  it('a flood of names: no more than some are remembered, and a failure is not', async () => {
    publish('a')
    open.add('a')
    for (let index = 0; index < 100; index++) await found(`a.x${index}`)
    await found('a.x99')
    expect(asked).toHaveLength(100)
    await found('a.x0')
    expect(asked).toHaveLength(101)
    await expect(finder.find('b.mp3')).rejects.toMatchObject({ code: 'EVA_SONG_NOT_FOUND' })
    publish('b')
    expect(await found('b.mp3')).toBe('b')
  })

  it('an id of 128 characters: may have an extension; a name that is none either way is refused', async () => {
    publish(long)
    expect(await found(`${long}.flac`)).toBe(long)
    expect(asked).toEqual([])
    for (const name of [`${long}x`, `${long}x.mp3`, '.mp3', '../a.mp3', ''])
      await expect(finder.find(name)).rejects.toMatchObject({ code: 'EVA_SONG_ID_INVALID' })
  })

  it('an id that looks like one with an extension: is itself', async () => {
    publish('v1.2')
    expect(await found('v1.2')).toBe('v1.2')
  })
})
