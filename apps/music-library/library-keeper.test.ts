// Checks that a folder and its songs stay in step: a real folder, a record on disk, time that the test moves, and a desk in memory.

import { mkdir, mkdtemp, readFile, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { EvaError } from '@evastream/core/errors'
import { parseSongId } from '@evastream/core/ids'
import { eventually } from '@evastream/testkit/eventually'
import { fakeClock } from '@evastream/testkit/fake-clock'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LibraryKeeper } from './library-keeper.ts'
import { ScanRecord } from './scan-record.ts'
import type { LibraryListener, LibraryState } from './song-desk.ts'

const SETTLE_MS = 2_000
const GRACE_MS = 60_000
const OLD = new Date('2020-01-01')

let root = ''
let folder = ''
let record: ScanRecord
let keeper: LibraryKeeper
let said: string[] = []
let readPaths: string[] = []
let unpublished: string[] = []
let troubleWith: (path: string) => EvaError | undefined = () => undefined
let reading: Promise<void> = Promise.resolve()
const clock = fakeClock(0)
const playable = new Set<string>()

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'evastream-keeper-'))
  folder = join(root, 'music')
  await mkdir(folder)
  playable.clear()
  said = []
  readPaths = []
  unpublished = []
  troubleWith = () => undefined
  reading = Promise.resolve()
  await open()
})
afterEach(async () => {
  await close()
  await rm(root, { recursive: true })
})

async function open(): Promise<void> {
  record = await ScanRecord.open(join(root, 'record.sqlite'))
  const listener: LibraryListener = {
    published: (_song, path) => void said.push(`published ${path}`),
    refused: (path, reason) => void said.push(`refused ${path}: ${reason}`),
    removed: (_songId, path) => void said.push(`removed ${path}`),
    away: (path, reason) => void said.push(`away ${path}: ${reason}`),
    settled: () => undefined,
  }
  const desk = {
    listPlayable: async () => new Set(playable),
    // The song of a file is what the file holds.
    publish: async (path: string) => {
      readPaths.push(basename(path))
      await reading
      const trouble = troubleWith(path)
      if (trouble !== undefined) throw trouble
      const text = await readFile(path, 'utf8')
      if (text.startsWith('junk')) throw new EvaError('EVA_INPUT_NOT_AUDIO', { details: { path } })
      if (text.startsWith('full')) throw new EvaError('EVA_STORAGE_FULL')
      const songId = parseSongId(text)
      const result = playable.has(songId) ? ('unchanged' as const) : ('created' as const)
      playable.add(songId)
      return { songId, title: text, result }
    },
    unpublish: async (songId: string) => {
      const trouble = troubleWith(songId)
      if (trouble !== undefined) throw trouble
      unpublished.push(songId)
      return playable.delete(songId)
    },
  }
  keeper = new LibraryKeeper(
    { desk, record, listener, clock, timers: clock, wallClock: { epochMs: () => Date.now() } },
    { folder, ignored: [join(folder, 'data')], settleMs: SETTLE_MS, graceMs: GRACE_MS, intervalMs: 300_000 },
  )
}

async function close(): Promise<void> {
  await keeper.close()
  record.close()
}

async function settled(): Promise<LibraryState> {
  return eventually('the folder is dealt with', () => (keeper.state().isBusy ? undefined : keeper.state()))
}

async function look(): Promise<LibraryState> {
  keeper.look()
  return settled()
}

async function put(path: string, text: string, isOld = true): Promise<void> {
  await mkdir(join(folder, path, '..'), { recursive: true })
  await writeFile(join(folder, path), text)
  if (isOld) await utimes(join(folder, path), OLD, new Date(OLD.getTime() + text.length * 1000 + text.charCodeAt(0)))
}

const songs = () => [...playable].sort()

describe('library keeper: what is there', () => {
  it('songs anywhere below the folder: are published; what is no music, hidden or our own is passed over', async () => {
    for (const path of ['a.mp3', 'x/y/b.FLAC', 'cover.jpg', '.trash/c.mp3', '.d.mp3', 'data/e.mp3'])
      await put(path, basename(path)[0] ?? '')
    await symlink(folder, join(folder, 'circle'))
    expect(await look()).toMatchObject({ songCount: 2, fileCount: 2, refused: [] })
    expect(songs()).toEqual(['a', 'b'])
  })

  it('looked at again, and after a restart: nothing is read', async () => {
    await put('a.mp3', 'a')
    await put('bad.mp3', 'junk')
    await look()
    await look()
    await close()
    await open()
    await look()
    expect(readPaths.sort()).toEqual(['a.mp3', 'bad.mp3'])
    expect(said.filter(line => line.startsWith('refused'))).toHaveLength(1)
    expect(keeper.state()).toMatchObject({ songCount: 1, refused: [{ path: 'bad.mp3' }] })
  })

  it('a song that the services lost: is published again', async () => {
    await put('a.mp3', 'a')
    await look()
    await close()
    playable.clear()
    await open()
    await look()
    expect(songs()).toEqual(['a'])
  })

  it('a file that is still being written: is read when two sightings agree, not before', async () => {
    await put('a.mp3', 'a', false)
    await look()
    expect(readPaths).toEqual([])
    await put('a.mp3', 'aa', false)
    clock.advance(SETTLE_MS)
    await settled()
    expect(readPaths).toEqual([])
    clock.advance(SETTLE_MS)
    await settled()
    expect(songs()).toEqual(['aa'])
  })

  it('a link that cannot be followed, or a name that is no text: is told, and hides nothing beside it', async () => {
    await put('a.mp3', 'a')
    await symlink('n'.repeat(300), join(folder, 'b.mp3'))
    await symlink('nowhere', join(folder, 'c.mp3'))
    await writeFile(Buffer.concat([Buffer.from(`${folder}/d`), Buffer.from([0xff]), Buffer.from('.mp3')]), 'd')
    const { refused, awayReason } = await look()
    expect(songs()).toEqual(['a'])
    expect({ awayReason, refused: refused.map(({ path, reason }) => `${path}: ${reason}`).sort() }).toEqual({
      awayReason: undefined,
      refused: ['b.mp3: ENAMETOOLONG', 'c.mp3: it is a link that leads nowhere', 'd\ufffd.mp3: its name is not UTF-8'],
    })
    await rm(join(folder, 'c.mp3'))
    expect((await look()).refused).toHaveLength(2)
  })

  it('a directory and a link to it: its files go by their own paths', async () => {
    await put('one/a.mp3', 'a')
    for (const name of ['0', 'two', 'zz']) await symlink(join(folder, 'one'), join(folder, name))
    await look()
    expect([...record.files()].map(({ path }) => path)).toEqual(['one/a.mp3'])
  })

  it('a file that something unforeseen happens with: the others are published all the same', async () => {
    troubleWith = path => (path.endsWith('a.mp3') ? new EvaError('EVA_INTERNAL') : undefined)
    for (const name of ['a', 'b', 'c', 'd', 'e']) await put(`${name}.mp3`, name)
    expect((await look()).refused.map(({ path }) => path)).toEqual(['a.mp3'])
    expect(songs()).toEqual(['b', 'c', 'd', 'e'])
  })

  it('a disk on which not even a refusal can be remembered: is told, and ends nothing', async () => {
    await put('bad.mp3', 'junk')
    record.close()
    await look()
    expect(said).toHaveLength(1)
    expect(said[0]).toMatch(/^refused : /)
    record = await ScanRecord.open(join(root, 'record.sqlite'))
  })

  it('a full disk: is told once and stops the work, until a later look', async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) await put(`${name}.mp3`, 'full')
    await look()
    const readCount = readPaths.length
    expect(readCount).toBeLessThan(5)
    expect(said.filter(line => line.startsWith('refused'))).toHaveLength(1)
    clock.advance(GRACE_MS)
    await settled()
    expect(readPaths).toHaveLength(readCount)
  })
})

describe('library keeper: what is gone', () => {
  beforeEach(async () => {
    for (const name of ['a', 'b', 'c']) await put(`album/${name}.mp3`, name)
    await put('d.mp3', 'd')
    await look()
  })

  async function afterGrace(): Promise<void> {
    await look()
    clock.advance(GRACE_MS)
    await settled()
  }

  it('a deleted file: its song goes after the grace time, not before', async () => {
    await rm(join(folder, 'album/a.mp3'))
    expect((await look()).missingCount).toBe(1)
    clock.advance(GRACE_MS - 1)
    await settled()
    expect(songs()).toEqual(['a', 'b', 'c', 'd'])
    clock.advance(1)
    await settled()
    expect(songs()).toEqual(['b', 'c', 'd'])
    expect(said.at(-1)).toBe('removed album/a.mp3')
  })

  it('a file that comes back within the grace time: its song stays', async () => {
    await rename(join(folder, 'd.mp3'), join(root, 'd.mp3'))
    await look()
    await rename(join(root, 'd.mp3'), join(folder, 'd.mp3'))
    await look()
    clock.advance(GRACE_MS)
    await look()
    expect(songs()).toEqual(['a', 'b', 'c', 'd'])
  })

  it('a vanished or emptied folder: deletes nothing, and says so once', async () => {
    await rename(folder, join(root, 'elsewhere'))
    await afterGrace()
    await look()
    expect(said.filter(line => line.startsWith('away'))).toEqual(['away : ENOENT'])
    await mkdir(folder)
    await afterGrace()
    expect(songs()).toEqual(['a', 'b', 'c', 'd'])
    expect(keeper.state().awayReason).toBe('it is empty')
    await rm(folder, { recursive: true })
    await rename(join(root, 'elsewhere'), folder)
    expect(await look()).toMatchObject({ songCount: 4, missingCount: 0 })
  })

  it('a folder in which only our own data is left: deletes nothing', async () => {
    for (const name of ['album', 'd.mp3']) await rm(join(folder, name), { recursive: true })
    await put('data/e.mp3', 'e')
    await afterGrace()
    expect(songs()).toEqual(['a', 'b', 'c', 'd'])
  })

  it('volumes that have other numbers after a restart: what is deleted from then on goes', async () => {
    for (const file of [...record.files()]) record.put({ ...file, device: file.device + 1 })
    await look()
    await rm(join(folder, 'd.mp3'))
    await afterGrace()
    expect(songs()).toEqual(['a', 'b', 'c'])
  })

  it('a folder that vanishes while files wait: those are not read any more', async () => {
    let read: () => void = () => undefined
    reading = new Promise(resolve => {
      read = resolve
    })
    for (const name of ['p', 'q', 'r', 's']) await put(`${name}.mp3`, name)
    keeper.look()
    await eventually('two are being read', () => readPaths.length === 6)
    await rename(folder, join(root, 'elsewhere'))
    keeper.look()
    await eventually('that is noticed', () => keeper.state().awayReason)
    read()
    await settled()
    expect(readPaths).toHaveLength(6)
  })

  it('a copy of a file whose song was deleted: brings it back, and takes it along', async () => {
    await keeper.hide('d')
    expect(keeper.state().songCount).toBe(3)
    await put('again.mp3', 'd')
    await look()
    expect(songs()).toContain('d')
    await rm(join(folder, 'again.mp3'))
    await afterGrace()
    expect(songs()).not.toContain('d')
  })

  it('a link whose file is away: its song stays; a link that was deleted: its song goes', async () => {
    await writeFile(join(root, 'target.mp3'), 'linked')
    await utimes(join(root, 'target.mp3'), OLD, OLD)
    await symlink(join(root, 'target.mp3'), join(folder, 'link.mp3'))
    await look()
    await rm(join(root, 'target.mp3'))
    await afterGrace()
    expect(songs()).toContain('linked')
    await rm(join(folder, 'link.mp3'))
    await afterGrace()
    expect(songs()).not.toContain('linked')
  })

  it('a directory that was moved: its songs never go, however long the reading of the moved files takes', async () => {
    let read: () => void = () => undefined
    reading = new Promise(resolve => {
      read = resolve
    })
    await rename(join(folder, 'album'), join(folder, 'moved'))
    keeper.look()
    await eventually('a moved file is being read', () => readPaths.length > 4)
    clock.advance(GRACE_MS)
    clock.advance(GRACE_MS)
    keeper.look()
    await eventually('that is noticed', () => keeper.state().missingCount === 3)
    read()
    await settled()
    await afterGrace()
    expect(unpublished).toEqual([])
    expect([...record.files()].map(({ path }) => path).sort()).toEqual(['d.mp3', 'moved/a.mp3', 'moved/b.mp3', 'moved/c.mp3'])
  })

  it('a song that cannot be taken away now: is taken away later', async () => {
    await rm(join(folder, 'd.mp3'))
    await put('album/a.mp3', 'other')
    troubleWith = name => (name === 'd' || name === 'a' ? new EvaError('EVA_SERVICE_TIMEOUT', { details: { service: 'x' } }) : undefined)
    await afterGrace()
    expect(songs()).toEqual(['a', 'b', 'c', 'd', 'other'])
    troubleWith = () => undefined
    await afterGrace()
    expect(songs()).toEqual(['b', 'c', 'other'])
  })

  it('a directory on a volume that went: deletes nothing; a directory deleted in its place: its songs go', async () => {
    for (const file of [...record.files()]) if (file.path.startsWith('album/a')) record.put({ ...file, device: file.device + 1 })
    await rm(join(folder, 'album'), { recursive: true })
    await afterGrace()
    expect(songs()).toEqual(['a', 'd'])
  })

  it('a moved file, or a copy that stays: the song stays', async () => {
    await put('copy.mp3', 'a')
    await rename(join(folder, 'd.mp3'), join(folder, 'moved.mp3'))
    await look()
    await rm(join(folder, 'album/a.mp3'))
    await afterGrace()
    expect(songs()).toEqual(['a', 'b', 'c', 'd'])
  })

  it('a changed file: its new song replaces the old one at once', async () => {
    await put('d.mp3', 'other')
    await look()
    expect(songs()).toEqual(['a', 'b', 'c', 'other'])
  })

  it('a song that the operator deleted: is not published again from the same file, wherever it is moved; a changed file is', async () => {
    await keeper.hide('d')
    await look()
    await close()
    await open()
    await look()
    expect(songs()).toEqual(['a', 'b', 'c'])
    await rename(join(folder, 'd.mp3'), join(folder, 'moved.mp3'))
    await look()
    clock.advance(GRACE_MS)
    await look()
    expect(songs()).toEqual(['a', 'b', 'c'])
    await rename(join(folder, 'moved.mp3'), join(folder, 'd.mp3'))
    await look()
    await put('d.mp3', 'dd')
    await look()
    expect(songs()).toEqual(['a', 'b', 'c', 'dd'])
  })

  it('a song that the operator deletes: is told as unknown when there is nothing of it, and so is one deleted before', async () => {
    expect([await keeper.hide('d'), await keeper.hide('d'), await keeper.hide('nobody')]).toEqual([true, false, false])
    playable.delete('c')
    expect([await keeper.hide('c'), await keeper.hide('c')]).toEqual([true, false])
  })

  it('a song that was uploaded too: stays when its file goes', async () => {
    keeper.adopt('d')
    await rm(join(folder, 'd.mp3'))
    await afterGrace()
    expect(songs()).toContain('d')
    await keeper.hide('d')
    expect(songs()).not.toContain('d')
  })
})
