// What every storage of chunks promises, and what a directory in particular must not be talked into.

import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rename, rm, stat, symlink, truncate, utimes, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseSongId, type SongId } from '@evastream/core/ids'
import { pngPicture, seededBytes } from '@evastream/testkit/audio-fixtures'
import { fakeClock } from '@evastream/testkit/fake-clock'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { DirectoryChunkStorage, openStorageDirectory, type StoredFile } from './chunk-storage.ts'
import { FileReads } from './file-reads.ts'

const songId = parseSongId('song-1')
const chunk = seededBytes(1, 100_000)
const reads = new FileReads({ clock: fakeClock() })

let root: string
let directory: string
let storage: DirectoryChunkStorage

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'evastream-origin-'))
  onTestFinished(() => rm(root, { recursive: true }))
  directory = join(root, 'origin-storage')
  await mkdir(join(directory, songId), { recursive: true })
  await writeFile(join(directory, songId, 'chunk-0.bin'), chunk)
  storage = new DirectoryChunkStorage({ reads }, { directory })
})

/** As for a storage that has to ask somebody else. */
const chunkOf = async (song: SongId, chunkId: number): Promise<StoredFile> => storage.openChunk(song, chunkId)
const coverOf = async (song: SongId): Promise<StoredFile> => storage.openCover(song)

async function open(chunkId = 0): Promise<StoredFile> {
  const file = await chunkOf(songId, chunkId)
  onTestFinished(() => file.close())
  return file
}

async function readAll(file: StoredFile): Promise<Buffer> {
  const bytes = Buffer.alloc(file.sizeBytes)
  await file.read(bytes, 0)
  return bytes
}

const notFound = { code: 'EVA_CHUNK_NOT_FOUND' }

describe('a chunk storage', () => {
  it('chunk storage: a chunk that is there: is told its size and read in any part', async () => {
    const file = await open()
    expect(file.sizeBytes).toBe(chunk.length)
    expect(file.mimeType).toBe('application/octet-stream')
    expect((await readAll(file)).equals(chunk)).toBe(true)
    const part = Buffer.alloc(777)
    await file.read(part, 12_345)
    expect(part.equals(chunk.subarray(12_345, 12_345 + 777))).toBe(true)
  })

  it('chunk storage: a chunk or song that is not there: is not found, by name', async () => {
    await expect(chunkOf(songId, 1)).rejects.toMatchObject({ ...notFound, details: { songId, chunkId: 1 } })
    await expect(chunkOf(parseSongId('song-2'), 0)).rejects.toMatchObject(notFound)
    await expect(coverOf(songId)).rejects.toMatchObject({ code: 'EVA_COVER_NOT_FOUND' })
    await expect(coverOf(parseSongId('song-2'))).rejects.toMatchObject({ code: 'EVA_COVER_NOT_FOUND' })
  })

  it('chunk storage: the entity tag: is the same for the same file, and another for another chunk or content', async () => {
    await writeFile(join(directory, songId, 'chunk-1.bin'), chunk)
    const path = join(directory, songId, 'chunk-0.bin')
    const { mtime } = await stat(path)
    await utimes(join(directory, songId, 'chunk-1.bin'), mtime, mtime)
    await utimes(path, mtime, mtime)
    const first = (await open()).entityTag
    expect(first).toMatch(/^"[\x21\x23-\x7e]+"$/)
    expect((await open()).entityTag).toBe(first)
    expect((await open(1)).entityTag).not.toBe(first)
    await writeFile(`${path}.new`, seededBytes(2, chunk.length))
    await rename(`${path}.new`, path)
    const second = (await open()).entityTag
    expect(second).not.toBe(first)
    await truncate(path, 50)
    await utimes(path, mtime, mtime)
    expect((await open()).entityTag).not.toBe(first)
  })

  it('chunk storage: a file that became shorter after it was opened: fails instead of reading what is not there', async () => {
    const file = await open()
    await truncate(join(directory, songId, 'chunk-0.bin'), 1000)
    await expect(readAll(file)).rejects.toMatchObject({ code: 'EVA_STORAGE_FAILED' })
  })

  it.each([
    ['cover.jpg', 'image/jpeg'],
    ['cover.png', 'image/png'],
    ['cover.webp', 'image/webp'],
    ['cover.gif', 'image/gif'],
  ])('chunk storage: a cover named %s: is found with its type', async (name, mimeType) => {
    const picture = pngPicture(1, 8)
    await writeFile(join(directory, songId, name), picture)
    const file = await coverOf(songId)
    expect(file.mimeType).toBe(mimeType)
    expect((await readAll(file)).equals(picture)).toBe(true)
    file.close()
  })

  it('chunk storage: a cover of another kind: is not found', async () => {
    await writeFile(join(directory, songId, 'cover.svg'), '<svg/>')
    await writeFile(join(directory, songId, 'cover.html'), '<html>')
    await expect(coverOf(songId)).rejects.toMatchObject({ code: 'EVA_COVER_NOT_FOUND' })
  })
})

describe('a chunk storage in a directory', () => {
  it('chunk storage: links to a chunk, to a song, or to a cover: are not followed', async () => {
    await mkdir(join(root, 'outside'))
    await writeFile(join(root, 'outside', 'chunk-0.bin'), 'secret')
    await writeFile(join(root, 'outside', 'cover.png'), 'secret')
    await symlink(join(root, 'outside', 'chunk-0.bin'), join(directory, songId, 'chunk-7.bin'))
    await symlink(join(root, 'outside', 'cover.png'), join(directory, songId, 'cover.png'))
    await symlink(join(root, 'outside'), join(directory, 'linked'))
    await expect(chunkOf(songId, 7)).rejects.toMatchObject(notFound)
    await expect(chunkOf(parseSongId('linked'), 0)).rejects.toMatchObject(notFound)
    await expect(coverOf(songId)).rejects.toMatchObject({ code: 'EVA_COVER_NOT_FOUND' })
    await expect(coverOf(parseSongId('linked'))).rejects.toMatchObject({ code: 'EVA_COVER_NOT_FOUND' })
  })

  it('chunk storage: a directory, a pipe or a socket in place of a chunk: is not found, and nobody waits', async () => {
    const server = createServer()
    await new Promise<void>(resolve => server.listen(join(directory, songId, 'chunk-6.bin'), resolve))
    onTestFinished(() => void server.close())
    await expect(chunkOf(songId, 6)).rejects.toMatchObject(notFound)
    await mkdir(join(directory, songId, 'chunk-8.bin'))
    execFileSync('mkfifo', [join(directory, songId, 'chunk-9.bin')])
    await expect(chunkOf(songId, 8)).rejects.toMatchObject(notFound)
    await expect(chunkOf(songId, 9)).rejects.toMatchObject(notFound)
  })

  it('chunk storage: a file in place of a song: is not found', async () => {
    await writeFile(join(directory, 'song-file'), 'x')
    await expect(chunkOf(parseSongId('song-file'), 0)).rejects.toMatchObject(notFound)
  })

  it('chunk storage: a path that the system refuses: is a failure that names no path', async () => {
    const broken = new DirectoryChunkStorage({ reads }, { directory: join(directory, 'x'.repeat(300)) })
    const opening = async () => broken.openChunk(songId, 0)
    const failure = await opening().catch((thrown: unknown) => thrown)
    expect(failure).toMatchObject({ code: 'EVA_STORAGE_FAILED', details: { reason: 'ENAMETOOLONG' } })
    expect(JSON.stringify([(failure as Error).message, (failure as { details: unknown }).details])).not.toContain(root)
  })

  it('chunk storage: its directory: is made when missing and taken as it is when there', async () => {
    const made = await openStorageDirectory(join(root, 'a', 'b'))
    expect((await stat(made)).isDirectory()).toBe(true)
    await openStorageDirectory(directory)
    expect((await readFile(join(directory, songId, 'chunk-0.bin'))).equals(chunk)).toBe(true)
  })

  it('chunk storage: a file in place of its directory: is refused with the flag to change', async () => {
    await writeFile(join(root, 'file'), 'x')
    for (const path of [join(root, 'file'), join(root, 'file', 'below')])
      await expect(openStorageDirectory(path)).rejects.toMatchObject({
        code: 'EVA_DIRECTORY_UNREADABLE',
        details: { path, reason: 'ENOTDIR', flag: '--storage' },
      })
  })

  it('chunk storage: a directory that cannot be made: is refused with the flag to change', async () => {
    await expect(openStorageDirectory('/proc/none')).rejects.toMatchObject({
      code: 'EVA_DIRECTORY_UNWRITABLE',
      details: { flag: '--storage' },
    })
  })

  it.skipIf(process.getuid?.() === 0)(
    'chunk storage: without rights (root has every right): fails, and says which of the two it is',
    async () => {
      await writeFile(join(directory, songId, 'chunk-3.bin'), 'x', { mode: 0o000 })
      await expect(chunkOf(songId, 3)).rejects.toMatchObject({ code: 'EVA_STORAGE_FAILED', details: { reason: 'EACCES' } })
      await mkdir(join(root, 'closed'), { mode: 0o000 })
      await expect(openStorageDirectory(join(root, 'closed'))).rejects.toMatchObject({ code: 'EVA_DIRECTORY_UNREADABLE' })
    },
  )
})
