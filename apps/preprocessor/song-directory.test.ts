// Checks that what lies in the storage is judged by its bytes, and repaired file by file.

import { mkdir, mkdtemp, readdir, readFile, rm, symlink, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KIB } from '@evastream/core/units'
import { pngPicture, seededBytes } from '@evastream/testkit/audio-fixtures'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { type CutSong, cutIntoChunks } from './chunker.ts'
import { type CoverPicture, judgeCover } from './cover-picture.ts'
import { compareSong, hasSongDirectory, isComplete, isSameAudio, repairSong } from './song-directory.ts'
import { type StagedDirectory, stageDirectory } from './staged-directory.ts'

const bytes = seededBytes(1, 70 * KIB)
const pictures = judgeCover(pngPicture(1, 8))
const cover = (pictures.kind === 'cover' ? pictures.cover : undefined) as CoverPicture

let storage: string
let directory: string
let cut: CutSong

async function stageAll(): Promise<StagedDirectory> {
  const staged = await stageDirectory(storage, { hostname: 'here', pid: 1 })
  async function* whole() {
    yield bytes
  }
  cut = await cutIntoChunks(whole(), chunk => staged.write(`chunk-${chunk.chunkId}.bin`, chunk.bytes), { chunkSize: 16 * KIB })
  await staged.write('cover.png', cover.bytes)
  return staged
}

beforeEach(async () => {
  storage = await mkdtemp(join(tmpdir(), 'evastream-song-'))
  onTestFinished(() => rm(storage, { recursive: true }))
  directory = join(storage, 'song-1')
  const staged = await stageAll()
  await staged.moveTo(directory)
  await staged.discard()
})

const path = (name: string) => join(directory, name)
const compare = () => compareSong(directory, { cut, cover })

describe("a song's directory", () => {
  it('song directory: as it was published: is complete', async () => {
    expect(await compare()).toEqual({ damaged: [], surplus: [] })
    expect(isComplete(await compare())).toBe(true)
    expect(await hasSongDirectory(directory)).toBe(true)
  })

  it('song directory: missing, or empty: is no song yet', async () => {
    expect(await hasSongDirectory(join(storage, 'song-2'))).toBe(false)
    await mkdir(join(storage, 'song-3'))
    expect(await hasSongDirectory(join(storage, 'song-3'))).toBe(false)
  })

  it('song directory: a file or a link in its place: is refused by name', async () => {
    await writeFile(join(storage, 'song-4'), 'x')
    await symlink(directory, join(storage, 'song-5'))
    for (const name of ['song-4', 'song-5']) {
      const reason = `${join(storage, name)} is in the way and not a directory`
      await expect(hasSongDirectory(join(storage, name))).rejects.toMatchObject({ code: 'EVA_STORAGE_FAILED', details: { reason } })
    }
  })

  it('song directory: chunks with other bytes, missing, cut or replaced by a link: are damaged', async () => {
    const rotten = await readFile(path('chunk-0.bin'))
    rotten[5] = (rotten[5] ?? 0) ^ 1
    await writeFile(path('chunk-0.bin'), rotten)
    await unlink(path('chunk-1.bin'))
    await writeFile(path('chunk-2.bin'), (await readFile(path('chunk-2.bin'))).subarray(0, 100))
    await writeFile(join(storage, 'elsewhere'), await readFile(path('chunk-3.bin')))
    await unlink(path('chunk-3.bin'))
    await symlink(join(storage, 'elsewhere'), path('chunk-3.bin'))
    const difference = await compare()
    expect(difference).toEqual({ damaged: ['chunk-0.bin', 'chunk-1.bin', 'chunk-2.bin', 'chunk-3.bin'], surplus: [] })
    expect(isSameAudio(difference)).toBe(false)
  })

  it('song directory: more chunks than the song has: are another song', async () => {
    await writeFile(path('chunk-5.bin'), 'x')
    expect(await compare()).toEqual({ damaged: [], surplus: ['chunk-5.bin'] })
    expect(isSameAudio(await compare())).toBe(false)
  })

  it('song directory: another cover: is the same audio', async () => {
    await writeFile(path('cover.png'), 'x')
    await writeFile(path('cover.jpg'), 'x')
    const difference = await compare()
    expect(difference).toEqual({ damaged: ['cover.png'], surplus: ['cover.jpg'] })
    expect([isSameAudio(difference), isComplete(difference)]).toEqual([true, false])
  })

  it('song directory: files of other names: are nobody’s business', async () => {
    await writeFile(path('notes.txt'), 'x')
    await writeFile(path('chunk-01.bin'), 'x')
    expect(isComplete(await compare())).toBe(true)
  })

  it('song directory: repaired: is complete, and what was whole was not touched', async () => {
    await writeFile(path('chunk-0.bin'), 'x')
    await unlink(path('chunk-4.bin'))
    await writeFile(path('chunk-9.bin'), 'x')
    await unlink(path('cover.png'))
    const staged = await stageAll()
    await repairSong(directory, staged, await compare())
    expect(await compare()).toEqual({ damaged: [], surplus: [] })
    await staged.discard()
    expect((await readdir(storage)).filter(name => name.startsWith('.'))).toEqual([])
    const whole = await Promise.all(cut.chunkHashes.map((_hash, chunkId) => readFile(path(`chunk-${chunkId}.bin`))))
    expect(Buffer.concat(whole).equals(bytes)).toBe(true)
  })

  it('song directory: compared after a cancel: stops', async () => {
    await expect(compareSong(directory, { cut }, AbortSignal.abort())).rejects.toMatchObject({ code: 'EVA_CANCELLED' })
  })
})
