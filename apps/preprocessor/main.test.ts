// Checks whole publications against a service over HTTP and a storage on disk: what arrives, what a rerun does, what is refused.

import { createHash } from 'node:crypto'
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, stat, unlink, utimes, writeFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { blockHashesLengthBytes, parseManifest } from '@evastream/core/manifest'
import { KIB } from '@evastream/core/units'
import type { PublishBody } from '@evastream/protocol/metadata-http'
import { loadConfig } from '@evastream/service-kit/config'
import { mp3Bytes, mp3DurationMs, pngPicture, seededBytes, VARIED_SONGS } from '@evastream/testkit/audio-fixtures'
import { PublishingDesk } from '@evastream/testkit/publishing-desk'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { preprocessorOptions } from './config.ts'
import { publishSong } from './main.ts'
import type { Publication } from './publisher.ts'

const TOKEN = 'operator-token-of-this-test'
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

/** Runs a hook when the service is asked for the first time: after the input was opened, before it is read. */
class HookedDesk extends PublishingDesk {
  onFirstRequest: () => Promise<void> = async () => {}

  protected override answer(request: IncomingMessage, response: ServerResponse): void {
    const hook = this.onFirstRequest
    this.onFirstRequest = async () => {}
    void hook().then(() => super.answer(request, response))
  }
}

let root: string
let storage: string
let desk: HookedDesk

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'evastream-publish-'))
  storage = join(root, 'origin-storage')
  desk = await new HookedDesk({ token: TOKEN }).start()
  onTestFinished(async () => {
    await desk.stop()
    await rm(root, { recursive: true })
  })
})

interface Run {
  readonly publication: Publication
  readonly stdout: string
  readonly stderr: string
}

interface RunOptions {
  readonly env?: Record<string, string>
  readonly isTerminal?: boolean
  readonly signal?: AbortSignal
}

async function run(argv: readonly string[], options: RunOptions = {}): Promise<Run> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  if (options.isTerminal) Object.assign(stderr, { isTTY: true, columns: 80 })
  const places = { EVASTREAM_STORAGE: storage, EVASTREAM_METADATA: desk.url, EVASTREAM_DATA: join(root, 'no-data') }
  const env = { ...places, ...(options.env ?? { EVASTREAM_ADMIN_TOKEN: TOKEN }) }
  const { values } = loadConfig(preprocessorOptions, { argv, env })
  const { signal } = options
  const io = { stdout, stderr, isTerminal: options.isTerminal ?? false, env, ...(signal === undefined ? {} : { signal }) }
  const publication = await publishSong(values, io)
  return { publication, stdout: String(stdout.read() ?? ''), stderr: String(stderr.read() ?? '') }
}

async function inputOf(bytes: Uint8Array, name = 'song.mp3'): Promise<string> {
  const path = join(root, name)
  await writeFile(path, bytes)
  return path
}

const publish = async (bytes: Uint8Array, ...flags: string[]) => (await run([`--input=${await inputOf(bytes)}`, ...flags])).publication

async function storedBytes(songId: string): Promise<Buffer> {
  const names = (await readdir(join(storage, songId))).filter(name => name.startsWith('chunk-'))
  const chunks = names.map((_name, chunkId) => readFile(join(storage, songId, `chunk-${chunkId}.bin`)))
  return Buffer.concat(await Promise.all(chunks))
}

const songBytes = seededBytes(7, 100_000)
const SONG_1 = ['--songId=song-1', '--chunkSize=16384']

describe('a publication', () => {
  it.each(VARIED_SONGS)('publication: $name: is in the storage, registered, and adds up', async ({ fileSize, chunkSize }) => {
    const bytes = seededBytes(fileSize, fileSize)
    const publication = await publish(bytes, '--songId=song-1', `--chunkSize=${chunkSize}`)
    const chunkCount = Math.ceil(fileSize / chunkSize)
    expect(publication).toEqual({
      songId: 'song-1',
      title: 'song',
      chunkCount,
      chunkSize,
      fileSize,
      sha256: sha256(bytes),
      result: 'created',
    })
    expect((await storedBytes('song-1')).equals(bytes)).toBe(true)
    expect(await readdir(storage)).toEqual(['song-1'])
    const { blockHashes = '', ...manifest } = desk.published.get('song-1') as PublishBody
    const parsed = parseManifest(manifest)
    expect(parsed.chunks[0]?.hash).toBe(sha256(bytes.subarray(0, chunkSize)))
    expect(Buffer.from(blockHashes, 'base64').length).toBe(blockHashesLengthBytes(parsed))
    expect(blockHashes.slice(0, 40)).toBe(
      createHash('sha256')
        .update(bytes.subarray(0, Math.min(chunkSize, 16 * KIB)))
        .digest('base64')
        .slice(0, 40),
    )
  })

  it('publication: an MP3 with tags and a cover: is described by them, and the cover lies beside the chunks', async () => {
    const cover = pngPicture(1, 32)
    const tags = { title: 'Título', artist: 'A', album: 'B', albumArtist: 'C', trackNumber: 1, discNumber: 2, year: 2020, genre: 'Pop' }
    const bytes = mp3Bytes({ seed: 1, sizeBytes: 200_000, tags: { ...tags, cover } })
    await publish(bytes, ...SONG_1)
    const durationMs = Math.round(mp3DurationMs(bytes))
    expect(desk.published.get('song-1')).toMatchObject({ ...tags, durationMs, mimeType: 'audio/mpeg', coverHash: sha256(cover) })
    expect((await readFile(join(storage, 'song-1', 'cover.png'))).equals(cover)).toBe(true)
  })

  it('publication: a title, artist or album that was given: wins over the tags', async () => {
    const bytes = mp3Bytes({ seed: 1, sizeBytes: 50_000, tags: { title: 'tag', artist: 'tag', album: 'tag', genre: 'tag' } })
    await publish(bytes, ...SONG_1, '--title=Given', '--artist=By hand')
    expect(desk.published.get('song-1')).toMatchObject({ title: 'Given', artist: 'By hand', album: 'tag', genre: 'tag' })
  })

  it('publication: without an id: gets one from title and content, the same at every run', async () => {
    const bytes = mp3Bytes({ seed: 1, sizeBytes: 50_000, tags: { title: 'Für Elise' } })
    const first = await publish(bytes)
    const again = await publish(bytes)
    expect(first).toMatchObject({ songId: `fur-elise-${sha256(bytes).slice(0, 12)}`, result: 'created' })
    expect(again).toEqual({ ...first, result: 'unchanged' })
    expect(await readdir(storage)).toEqual([first.songId])
  })

  it('publication: two at once of the same song: both succeed', async () => {
    const input = await inputOf(songBytes)
    for (const flags of [SONG_1, ['--chunkSize=16384']]) {
      const runs = await Promise.all([run([`--input=${input}`, ...flags]), run([`--input=${input}`, ...flags])])
      expect(runs.map(({ publication }) => publication.result).sort()).toEqual(['created', 'unchanged'])
    }
    expect((await readdir(storage)).filter(name => name.startsWith('.'))).toEqual([])
    expect((await storedBytes('song-1')).equals(songBytes)).toBe(true)
  })

  it('publication: two songs under one id at once: one is published whole, the other refused', async () => {
    const inputs = [await inputOf(songBytes, 'a.mp3'), await inputOf(seededBytes(8, 90_000), 'b.mp3')]
    const outcomes = await Promise.allSettled(inputs.map(input => run([`--input=${input}`, ...SONG_1])))
    const won = outcomes.flatMap(outcome => (outcome.status === 'fulfilled' ? [outcome.value.publication] : []))
    const lost = outcomes.flatMap(outcome => (outcome.status === 'rejected' ? [(outcome.reason as { code: string }).code] : []))
    expect(won.length).toBe(1)
    expect(['EVA_CHUNKS_CONFLICT', 'EVA_SONG_CONFLICT']).toContain(lost[0])
    expect(sha256(await storedBytes('song-1'))).toBe(won[0]?.sha256)
    expect(desk.published.get('song-1')?.fileSize).toBe(won[0]?.fileSize)
  })

  it('publication: what a dead process left in the storage: is swept away', async () => {
    await mkdir(join(storage, '.staging-x-1-abc', 'song'), { recursive: true })
    for (const path of ['.staging-x-1-abc/song', '.staging-x-1-abc']) await utimes(join(storage, path), 0, 0)
    const { stderr } = await run([`--input=${await inputOf(songBytes)}`, ...SONG_1])
    expect(await readdir(storage)).toEqual(['song-1'])
    expect(stderr).toContain('swept away')
  })
})

describe('a second publication', () => {
  it('rerun: the same again: is unchanged, and no file is touched', async () => {
    await publish(songBytes, ...SONG_1)
    const before = await stat(join(storage, 'song-1', 'chunk-0.bin'))
    expect((await publish(songBytes, ...SONG_1)).result).toBe('unchanged')
    const after = await stat(join(storage, 'song-1', 'chunk-0.bin'))
    expect([after.ino, after.mtimeMs]).toEqual([before.ino, before.mtimeMs])
  })

  it('rerun: after a registration that failed: finds its chunks and registers them', async () => {
    const controller = new AbortController()
    desk.fail('hang-before-storing', () => controller.abort())
    const input = await inputOf(songBytes)
    await expect(run([`--input=${input}`, ...SONG_1], { signal: controller.signal })).rejects.toMatchObject({ code: 'EVA_CANCELLED' })
    const before = await stat(join(storage, 'song-1', 'chunk-0.bin'))
    desk.fail('none')
    expect((await run([`--input=${input}`, ...SONG_1])).publication.result).toBe('created')
    expect((await stat(join(storage, 'song-1', 'chunk-0.bin'))).ino).toBe(before.ino)
  })

  it('rerun: other content under a registered id: is refused before a byte is written', async () => {
    await publish(songBytes, ...SONG_1)
    await expect(publish(seededBytes(8, 100_000), ...SONG_1)).rejects.toMatchObject({ code: 'EVA_SONG_CONFLICT' })
    desk.asked.length = 0
    await expect(publish(seededBytes(8, 100_001), ...SONG_1)).rejects.toMatchObject({ code: 'EVA_SONG_CONFLICT' })
    // Another size is seen at the first look.
    expect(desk.asked).toEqual(['PATCH /metadata/song-1', 'GET /metadata/song-1'])
    await expect(publish(songBytes, '--songId=song-1', '--chunkSize=20000')).rejects.toMatchObject({ code: 'EVA_SONG_CONFLICT' })
    await rm(join(storage, 'song-1'), { recursive: true })
    await expect(publish(seededBytes(8, 100_000), ...SONG_1)).rejects.toMatchObject({ code: 'EVA_SONG_CONFLICT' })
    expect(await readdir(storage)).toEqual([])
  })

  it('rerun: other content where unregistered chunks lie: is refused and they stay', async () => {
    await publish(songBytes, ...SONG_1)
    desk.published.clear()
    await expect(publish(seededBytes(8, 100_000), ...SONG_1)).rejects.toMatchObject({ code: 'EVA_CHUNKS_CONFLICT' })
    await expect(publish(songBytes.subarray(0, 16_384), ...SONG_1)).rejects.toMatchObject({ code: 'EVA_CHUNKS_CONFLICT' })
    expect((await storedBytes('song-1')).equals(songBytes)).toBe(true)
    expect(await readdir(storage)).toEqual(['song-1'])
    expect(desk.published.size).toBe(0)
  })

  it('rerun: a registered song with rotten, missing and stray chunks: is put right, and says so', async () => {
    await publish(songBytes, ...SONG_1)
    await writeFile(join(storage, 'song-1', 'chunk-1.bin'), 'rotten')
    await unlink(join(storage, 'song-1', 'chunk-2.bin'))
    await writeFile(join(storage, 'song-1', 'chunk-99.bin'), 'stray')
    const { publication, stderr } = await run([`--input=${await inputOf(songBytes)}`, ...SONG_1])
    expect(publication.result).toBe('unchanged')
    expect(stderr).toContain('put right in the storage: chunk-1.bin, chunk-2.bin, chunk-99.bin')
    expect((await readdir(join(storage, 'song-1'))).length).toBe(publication.chunkCount)
    expect((await storedBytes('song-1')).equals(songBytes)).toBe(true)
  })

  it('rerun: a registered song whose directory is gone: is written again', async () => {
    await publish(songBytes, ...SONG_1)
    await rm(join(storage, 'song-1'), { recursive: true })
    expect((await publish(songBytes, ...SONG_1)).result).toBe('unchanged')
    expect((await storedBytes('song-1')).equals(songBytes)).toBe(true)
  })

  it('rerun: a cover that is gone: comes back', async () => {
    const bytes = mp3Bytes({ seed: 1, sizeBytes: 60_000, tags: { title: 'x', cover: pngPicture(1, 16) } })
    await publish(bytes, ...SONG_1)
    await unlink(join(storage, 'song-1', 'cover.png'))
    await publish(bytes, ...SONG_1)
    expect(await readdir(join(storage, 'song-1'))).toContain('cover.png')
  })

  it('rerun: a song that was described otherwise since: keeps that, and says so', async () => {
    await publish(songBytes, ...SONG_1)
    const { publication, stderr } = await run([`--input=${await inputOf(songBytes)}`, ...SONG_1, '--title=Another'])
    expect(publication.result).toBe('unchanged')
    expect(stderr).toContain('another description, which was kept')
    expect(desk.published.get('song-1')?.title).toBe('song')
  })

  it('rerun: something else in the place of the directory: is named', async () => {
    await mkdir(storage)
    await writeFile(join(storage, 'song-1'), 'x')
    await expect(publish(songBytes, ...SONG_1)).rejects.toMatchObject({ code: 'EVA_STORAGE_FAILED' })
  })
})

describe('what stops a publication', () => {
  it.each([
    ['a missing file', 'none.mp3', 'EVA_INPUT_MISSING'],
    ['a directory', '.', 'EVA_INPUT_NOT_A_FILE'],
    ['an empty file', 'empty.mp3', 'EVA_INPUT_EMPTY'],
  ])('publication: %s: is refused, and nobody was asked', async (_what, name, code) => {
    await writeFile(join(root, 'empty.mp3'), '')
    await expect(run([`--input=${join(root, name)}`])).rejects.toMatchObject({ code })
    expect(desk.asked).toEqual([])
    expect(await readdir(root)).toEqual(['empty.mp3'])
  })

  it('publication: a storage that cannot be written: is refused with the flag to change', async () => {
    await writeFile(join(root, 'file'), 'x')
    await expect(run([`--input=${await inputOf(songBytes)}`, `--storage=${join(root, 'file', 'x')}`])).rejects.toMatchObject({
      code: 'EVA_DIRECTORY_UNWRITABLE',
      details: { flag: '--storage' },
    })
  })

  it('publication: no token, or a wrong one: is refused before a byte is written', async () => {
    const input = await inputOf(songBytes)
    await expect(run([`--input=${input}`], { env: {} })).rejects.toMatchObject({ code: 'EVA_TOKEN_MISSING' })
    await expect(run([`--input=${input}`, '--token=wrong'])).rejects.toMatchObject({ code: 'EVA_TOKEN_REJECTED' })
    expect(await readdir(storage)).toEqual([])
  })

  it('publication: a token in a file, or in the data directory: is found', async () => {
    await writeFile(join(root, 'operator-token'), `${TOKEN}\n`)
    const input = await inputOf(songBytes)
    const byFile = await run([`--input=${input}`, `--token-file=${join(root, 'operator-token')}`, ...SONG_1], { env: {} })
    const byData = await run([`--input=${input}`, `--data=${root}`, ...SONG_1], { env: {} })
    expect([byFile.publication.result, byData.publication.result]).toEqual(['created', 'unchanged'])
  })

  it('publication: a service that is down: is refused before a byte is written', async () => {
    await desk.stop()
    await expect(publish(songBytes, ...SONG_1)).rejects.toMatchObject({ code: 'EVA_SERVICE_UNREACHABLE' })
    expect(await readdir(storage)).toEqual([])
  })

  it.each([
    ['grows', (path: string) => appendFile(path, 'more')],
    ['is written in place', (path: string) => writeFile(path, seededBytes(9, songBytes.length), { flag: 'r+' })],
  ])('publication: a file that %s before it was read: leaves nothing', async (_what, change) => {
    const input = await inputOf(songBytes)
    await utimes(input, 1000, 1000)
    desk.onFirstRequest = () => change(input)
    await expect(run([`--input=${input}`, ...SONG_1])).rejects.toMatchObject({ code: 'EVA_INPUT_CHANGED' })
    expect(await readdir(storage)).toEqual([])
    expect(desk.published.size).toBe(0)
  })

  it('publication: cancelled: leaves nothing', async () => {
    const controller = new AbortController()
    desk.onFirstRequest = async () => controller.abort()
    const work = run([`--input=${await inputOf(songBytes)}`, ...SONG_1], { signal: controller.signal })
    await expect(work).rejects.toMatchObject({ code: 'EVA_CANCELLED' })
    expect(await readdir(storage)).toEqual([])
  })
})

describe('what a publication says', () => {
  it('publication: by default: prints the id on stdout and one line for people on stderr', async () => {
    const { stdout, stderr } = await run([`--input=${await inputOf(songBytes)}`, ...SONG_1])
    expect(stdout).toBe('song-1\n')
    expect(stderr).toMatch(/^note: .*\npublished "song" as song-1: 100000 bytes, 7 chunks of 16384 bytes\n$/)
  })

  it('publication: --json: prints one object on stdout', async () => {
    const { stdout, publication } = await run([`--input=${await inputOf(songBytes)}`, ...SONG_1, '--json'])
    expect(stdout.trimEnd().split('\n').length).toBe(1)
    expect(JSON.parse(stdout)).toEqual(publication)
    expect(Object.keys(publication).sort()).toEqual(['chunkCount', 'chunkSize', 'fileSize', 'result', 'sha256', 'songId', 'title'])
  })

  it('publication: --quiet: says nothing on stderr, terminal or not', async () => {
    const { stdout, stderr } = await run([`--input=${await inputOf(songBytes)}`, ...SONG_1, '--quiet'], { isTerminal: true })
    expect([stdout, stderr]).toEqual(['song-1\n', ''])
  })

  it('publication: on a terminal: draws a bar on stderr and takes it away', async () => {
    const { stdout, stderr } = await run([`--input=${await inputOf(songBytes)}`, ...SONG_1], { isTerminal: true })
    expect(stdout).toBe('song-1\n')
    expect(stderr).toContain('cutting and hashing')
    expect(stderr.endsWith('published "song" as song-1: 100000 bytes, 7 chunks of 16384 bytes\n')).toBe(true)
  })

  it('publication: a hostile title: cannot command the terminal', async () => {
    const bytes = mp3Bytes({ seed: 1, sizeBytes: 50_000, tags: { title: 'a\u001b[2Jb\u202ec' } })
    const { stderr } = await run([`--input=${await inputOf(bytes)}`, ...SONG_1])
    expect(stderr).toMatch(/published "a \[2Jb\\u202ec"/)
  })
})
