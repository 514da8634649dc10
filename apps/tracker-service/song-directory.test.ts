import type { SongLookup } from '@evastream/clients/metadata-client'
import { EvaError } from '@evastream/core/errors'
import { parseSongId, type SongId } from '@evastream/core/ids'
import { fakeClock } from '@evastream/testkit/fake-clock'
import { RecordedLog } from '@evastream/testkit/recorded-log'
import { songFixture } from '@evastream/testkit/song-fixture'
import { describe, expect, it } from 'vitest'
import { SongDirectory } from './song-directory.ts'

interface Published {
  readonly fileSize: number
  readonly version: string
  readonly seed?: number
}

/** A metadata service in a map, that can be down and keeps count of what it was asked. */
class FakeMetadata {
  readonly songs = new Map<string, Published>()
  readonly asked: string[] = []
  isDown = false
  /** What an answer waits for. */
  gate: Promise<void> = Promise.resolve()

  async lookUpSong(songId: SongId, knownVersion?: string): Promise<SongLookup> {
    this.asked.push(knownVersion === undefined ? songId : `${songId} unless ${knownVersion}`)
    await this.gate
    const details = { service: 'metadata service', url: 'http://127.0.0.1:1/', reason: 'ECONNREFUSED' }
    if (this.isDown) throw new EvaError('EVA_SERVICE_UNREACHABLE', { details })
    const song = this.songs.get(songId)
    if (song === undefined) return { kind: 'missing' }
    if (song.version === knownVersion) return { kind: 'unchanged' }
    const { manifest } = songFixture({ songId, fileSize: song.fileSize, chunkSize: 16_384, seed: song.seed ?? 1 })
    return { kind: 'found', manifest, version: song.version }
  }
}

const songId = parseSongId('song-1')
const FOUR_CHUNKS = 3 * 16_384 + 1

function aDirectory() {
  const clock = fakeClock()
  const metadata = new FakeMetadata()
  const log = new RecordedLog()
  metadata.songs.set(songId, { fileSize: FOUR_CHUNKS, version: '"1"' })
  return { clock, metadata, log, directory: new SongDirectory({ metadata, clock, log }, { metadataUrl: 'http://127.0.0.1:1' }) }
}

const refusedWith = (code: string) => expect.objectContaining({ code })

describe('SongDirectory: looking up', () => {
  it('a published song: its chunk count, asked for once', async () => {
    const { metadata, directory } = aDirectory()
    expect(await directory.chunkCountOf(songId)).toBe(4)
    expect(await directory.chunkCountOf(songId)).toBe(4)
    expect(metadata.asked).toEqual(['song-1'])
  })

  it('many at once for one song: one question', async () => {
    const { metadata, directory } = aDirectory()
    const counts = await Promise.all(Array.from({ length: 50 }, () => directory.chunkCountOf(songId)))
    expect(new Set(counts)).toEqual(new Set([4]))
    expect(metadata.asked).toHaveLength(1)
  })

  it('a song that does not exist: refused, remembered for a few seconds, then asked for again', async () => {
    const { clock, metadata, directory } = aDirectory()
    const missing = parseSongId('missing')
    for (let round = 0; round < 3; round++) await expect(directory.chunkCountOf(missing)).rejects.toEqual(refusedWith('EVA_SONG_NOT_FOUND'))
    expect(metadata.asked).toHaveLength(1)
    metadata.songs.set(missing, { fileSize: 1, version: '"1"' })
    clock.advance(5000)
    expect(await directory.chunkCountOf(missing)).toBe(1)
  })

  it('the metadata service down: unknown songs are not ready with a pause to wait, known ones go on, and nothing is remembered', async () => {
    const { metadata, directory } = aDirectory()
    await directory.chunkCountOf(songId)
    metadata.isDown = true
    const other = parseSongId('other')
    metadata.songs.set(other, { fileSize: 1, version: '"1"' })
    await expect(directory.chunkCountOf(other)).rejects.toMatchObject({ code: 'EVA_NOT_READY', details: { retryAfterMs: 2000 } })
    expect(await directory.chunkCountOf(songId)).toBe(4)
    metadata.isDown = false
    expect(await directory.chunkCountOf(other)).toBe(1)
  })

  it('an outage of the metadata service: one line with address and reason however many ask, the reason for each, and a line at its end', async () => {
    const { metadata, log, directory } = aDirectory()
    for (let outage = 0; outage < 2; outage++) {
      log.lines.length = 0
      metadata.isDown = true
      for (let call = 0; call < 3; call++)
        await expect(directory.chunkCountOf(parseSongId(`new-${outage}`))).rejects.toMatchObject({
          code: 'EVA_NOT_READY',
          message: expect.stringContaining('EVA_SERVICE_UNREACHABLE: ECONNREFUSED'),
        })
      await directory.revalidate([songId])
      expect(log.messages('warn')).toEqual([expect.stringMatching(/http:\/\/127\.0\.0\.1:1.*ECONNREFUSED/)])
      metadata.isDown = false
      await directory.chunkCountOf(songId)
      await directory.revalidate([songId])
      expect(log.lines.slice(1)).toMatchObject([{ level: 'info', message: 'the metadata service answers again' }])
    }
  })

  it('a flood of made-up songs: is refused beyond a bound, and leaves room afterwards', async () => {
    const { metadata, directory } = aDirectory()
    let open: () => void = () => undefined
    metadata.gate = new Promise(resolve => {
      open = resolve
    })
    const asking = Array.from({ length: 100 }, (_, number) =>
      directory.chunkCountOf(parseSongId(`made-up-${number}`)).catch((thrown: EvaError) => thrown.code),
    )
    open()
    const codes = await Promise.all(asking)
    expect(codes.filter(code => code === 'EVA_LIMIT_REACHED')).toHaveLength(36)
    expect(metadata.asked).toHaveLength(64)
    expect(await directory.chunkCountOf(songId)).toBe(4)
  })
})

describe('SongDirectory: revalidation', () => {
  it('an unchanged song, and one whose title was edited: are not outdated', async () => {
    const { clock, metadata, directory } = aDirectory()
    await directory.chunkCountOf(songId)
    clock.advance(20_000)
    expect(await directory.revalidate([songId])).toEqual([])
    metadata.songs.set(songId, { fileSize: FOUR_CHUNKS, version: '"2"' })
    expect(await directory.revalidate([songId])).toEqual([])
    expect(await directory.revalidate([songId])).toEqual([])
    expect(metadata.asked).toEqual(['song-1', 'song-1 unless "1"', 'song-1 unless "1"', 'song-1 unless "2"'])
  })

  it('a deleted song: is outdated and refused from then on', async () => {
    const { metadata, directory } = aDirectory()
    await directory.chunkCountOf(songId)
    metadata.songs.delete(songId)
    expect(await directory.revalidate([songId])).toEqual([songId])
    await expect(directory.chunkCountOf(songId)).rejects.toEqual(refusedWith('EVA_SONG_NOT_FOUND'))
  })

  it.each([
    ['other sizes', { fileSize: 16_384, version: '"9"' }, 1],
    ['the same sizes but other audio', { fileSize: FOUR_CHUNKS, version: '"9"', seed: 2 }, 4],
  ])('a song published anew with %s: is outdated, and known by its new shape', async (_, anew, chunkCount) => {
    const { metadata, directory } = aDirectory()
    await directory.chunkCountOf(songId)
    metadata.songs.set(songId, anew)
    expect(await directory.revalidate([songId])).toEqual([songId])
    expect(await directory.chunkCountOf(songId)).toBe(chunkCount)
  })

  it('the metadata service down: nothing is outdated, and it is not asked for every song', async () => {
    const { metadata, directory } = aDirectory()
    const songIds = Array.from({ length: 200 }, (_, number) => parseSongId(`song-${number}`))
    for (const each of songIds) {
      metadata.songs.set(each, { fileSize: 1, version: '"1"' })
      await directory.chunkCountOf(each)
    }
    metadata.isDown = true
    metadata.asked.length = 0
    expect(await directory.revalidate(songIds)).toEqual([])
    expect(metadata.asked.length).toBeLessThan(32)
    expect(await directory.chunkCountOf(songId)).toBe(1)
  })

  it('a song nobody holds any more: is forgotten after an interval, so that its deletion is noticed', async () => {
    const { clock, metadata, directory } = aDirectory()
    await directory.chunkCountOf(songId)
    metadata.songs.delete(songId)
    await directory.revalidate([])
    expect(await directory.chunkCountOf(songId)).toBe(4)
    clock.advance(20_000)
    await directory.revalidate([])
    await expect(directory.chunkCountOf(songId)).rejects.toEqual(refusedWith('EVA_SONG_NOT_FOUND'))
  })
})
