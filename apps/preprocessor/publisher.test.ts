// Checks the order of a publication's steps, and which answers to its first question end it.

import { existsSync } from 'node:fs'
import { cp, type FileHandle, mkdtemp, open, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EvaError } from '@evastream/core/errors'
import { parseSongId } from '@evastream/core/ids'
import type { Manifest } from '@evastream/core/manifest'
import type { PublishBody } from '@evastream/protocol/metadata-http'
import { seededBytes } from '@evastream/testkit/audio-fixtures'
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { openInputFile } from './input-file.ts'
import { type MetadataPort, Publisher } from './publisher.ts'

const CHUNK_SIZE = 16_384
const bytes = seededBytes(1, 3 * CHUNK_SIZE + 5)

let root: string

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'evastream-publisher-'))
  onTestFinished(() => rm(root, { recursive: true }))
  await writeFile(join(root, 'song.mp3'), bytes)
})

/** A service in memory that takes whatever comes, and answers the question about its token as it is told. */
function memoryService(answerToCheck: () => Promise<unknown>): MetadataPort & { readonly songs: Map<string, PublishBody> } {
  const songs = new Map<string, PublishBody>()
  return {
    songs,
    updateSong: answerToCheck,
    async lookUpSong(songId) {
      const song = songs.get(songId)
      return song === undefined ? { kind: 'missing' } : { kind: 'found', manifest: song as unknown as Manifest }
    },
    async publish(body) {
      const isNew = !songs.has(body.id)
      songs.set(body.id, body)
      return isNew ? 'created' : 'unchanged'
    },
  }
}

const refused = async () => {
  throw new EvaError('EVA_REQUEST_INVALID', { details: { reason: 'an edit of nothing' } })
}

async function publish(metadata: MetadataPort): Promise<{ steps: string[]; progress: number[] }> {
  const [steps, progress]: [string[], number[]] = [[], []]
  const input = await openInputFile(join(root, 'song.mp3'))
  try {
    const listener = {
      reached: (step: string) => void steps.push(step),
      progressed: (doneBytes: number, totalBytes: number) => {
        progress.push(doneBytes)
        expect(totalBytes).toBe(bytes.length)
      },
      noted: () => {},
    }
    const deps = { input, metadata, listener, owner: { hostname: 'here', pid: 1 }, nowMs: () => Date.now() }
    const wish = { inputPath: input.path, songId: parseSongId('song-1'), chunkSize: CHUNK_SIZE, storageDir: root, overrides: {} }
    await new Publisher(deps, wish).publish()
    return { steps, progress }
  } finally {
    await input.close()
  }
}

/** Which files and directories were brought to the disk; the storage counts once the song is in it. */
async function watchSyncs(directory: string): Promise<(path: string) => Promise<boolean>> {
  const synced = new Set<number>()
  const handle = await open(root)
  const { ino: storage } = await handle.stat()
  const all = Object.getPrototypeOf(handle) as FileHandle
  await handle.close()
  for (const name of ['sync', 'datasync'] as const) {
    const original = all[name]
    const spy = vi.spyOn(all, name).mockImplementation(async function (this: FileHandle) {
      await original.call(this)
      const { ino } = await this.stat()
      if (ino !== storage || existsSync(directory)) synced.add(ino)
    })
    onTestFinished(() => spy.mockRestore())
  }
  return async path => synced.has((await stat(path)).ino)
}

describe('the publisher', () => {
  it.each(['written', 'found in its place', 'placed by another meanwhile'])(
    'publisher: a song that is %s: is on the disk before it is registered, file by file, with its names',
    async how => {
      const directory = join(root, 'song-1')
      await publish(memoryService(refused))
      await cp(directory, join(root, 'copy'), { recursive: true })
      await rm(directory, { recursive: true })
      const place = () => cp(join(root, 'copy'), directory, { recursive: true })
      if (how === 'found in its place') await place()
      const isSynced = await watchSyncs(directory)
      const metadata = memoryService(refused)
      const unsynced: string[] = []
      await publish({
        ...metadata,
        async lookUpSong(...question) {
          // The second question comes once everything is staged.
          if (how === 'placed by another meanwhile' && (await readdir(root)).some(name => name.startsWith('.staging'))) await place()
          return metadata.lookUpSong(...question)
        },
        async publish(body) {
          const paths = [root, directory, ...(await readdir(directory)).map(name => join(directory, name))]
          expect(paths.length).toBe(2 + 4)
          for (const path of paths) if (!(await isSynced(path))) unsynced.push(path)
          return metadata.publish(body)
        },
      })
      expect(unsynced).toEqual([])
    },
  )

  it('publisher: a first run: stages, places and registers, in this order', async () => {
    const { steps, progress } = await publish(memoryService(refused))
    expect(steps).toEqual(['checked', 'staged', 'placed', 'registered'])
    // Chunks are written side by side and may finish in any order.
    expect(progress.length).toBe(4)
    expect(progress).toEqual([...progress].sort((left, right) => left - right))
    expect(progress.at(-1)).toBe(bytes.length)
  })

  it('publisher: a second run: reads and compares, and stages nothing', async () => {
    const metadata = memoryService(refused)
    await publish(metadata)
    const { steps, progress } = await publish(metadata)
    expect(steps).toEqual(['checked', 'placed', 'registered'])
    expect(progress.at(-1)).toBe(bytes.length)
  })

  it.each([
    'EVA_SERVICE_UNREACHABLE',
    'EVA_SERVICE_TIMEOUT',
    'EVA_TOKEN_REQUIRED',
    'EVA_TOKEN_REJECTED',
    'EVA_NOT_READY',
    'EVA_CANCELLED',
  ] as const)('publisher: a service that answers the first question with %s: ends the work there', async code => {
    const metadata = memoryService(async () => {
      throw new EvaError(code)
    })
    await expect(publish(metadata)).rejects.toMatchObject({ code })
    expect(metadata.songs.size).toBe(0)
  })

  it.each(['EVA_SONG_NOT_FOUND', 'EVA_REQUEST_INVALID', 'EVA_METHOD_NOT_ALLOWED'] as const)(
    'publisher: a service that answers the first question with %s: is there',
    async code => {
      const metadata = memoryService(async () => {
        throw new EvaError(code)
      })
      await publish(metadata)
      expect(metadata.songs.get('song-1')?.blockHashes).toBeDefined()
    },
  )
})
