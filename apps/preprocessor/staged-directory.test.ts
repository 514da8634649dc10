// Checks that a directory appears whole or not at all, and that leftovers of the dead go while those of the living stay.

import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { seededBytes } from '@evastream/testkit/audio-fixtures'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { isProcessAlive, type StagingOwner, stageDirectory, storageFault, sweepStaging } from './staged-directory.ts'

const owner: StagingOwner = { hostname: 'here', pid: 4711 }
const bytes = seededBytes(1, 100_000)
const HOUR_MS = 3600 * 1000

let storage: string

beforeEach(async () => {
  storage = await mkdtemp(join(tmpdir(), 'evastream-staged-'))
  onTestFinished(() => rm(storage, { recursive: true }))
})

describe('a staged directory', () => {
  it('staged directory: until it is moved: nothing is there but a name that begins with a dot', async () => {
    const staged = await stageDirectory(storage, owner)
    await staged.write('chunk-0.bin', bytes)
    expect((await readdir(storage)).map(name => name[0])).toEqual(['.'])
    expect(await staged.moveTo(join(storage, 'song-1'))).toBe('moved')
    expect((await readFile(join(storage, 'song-1', 'chunk-0.bin'))).equals(bytes)).toBe(true)
    await staged.discard()
    expect(await readdir(storage)).toEqual(['song-1'])
  })

  it('staged directory: moved: has the rights that the umask gives, not those of a temporary directory', async () => {
    await mkdir(join(storage, 'usual'))
    const staged = await stageDirectory(storage, owner)
    await staged.moveTo(join(storage, 'song-1'))
    expect((await stat(join(storage, 'song-1'))).mode).toBe((await stat(join(storage, 'usual'))).mode)
  })

  it('staged directory: a name that is taken: is left alone', async () => {
    await mkdir(join(storage, 'song-1'))
    await writeFile(join(storage, 'song-1', 'chunk-0.bin'), 'first')
    const staged = await stageDirectory(storage, owner)
    await staged.write('chunk-0.bin', bytes)
    expect(await staged.moveTo(join(storage, 'song-1'))).toBe('occupied')
    expect(await readFile(join(storage, 'song-1', 'chunk-0.bin'), 'utf8')).toBe('first')
  })

  it('staged directory: a name that an empty directory has: is taken over', async () => {
    await mkdir(join(storage, 'song-1'))
    const staged = await stageDirectory(storage, owner)
    await staged.write('chunk-0.bin', bytes)
    expect(await staged.moveTo(join(storage, 'song-1'))).toBe('moved')
  })

  it('staged directory: one of its files: takes the place of another', async () => {
    await writeFile(join(storage, 'chunk-0.bin'), 'old')
    const staged = await stageDirectory(storage, owner)
    await staged.write('chunk-0.bin', bytes)
    await staged.moveFile('chunk-0.bin', join(storage, 'chunk-0.bin'))
    expect((await readFile(join(storage, 'chunk-0.bin'))).equals(bytes)).toBe(true)
  })

  it('staged directory: a name written twice, or a storage that is gone: fails with its reason', async () => {
    const staged = await stageDirectory(storage, owner)
    await staged.write('chunk-0.bin', bytes)
    await expect(staged.write('chunk-0.bin', bytes)).rejects.toMatchObject({ code: 'EVA_STORAGE_FAILED', details: { reason: 'EEXIST' } })
    await expect(stageDirectory(join(storage, 'none'), owner)).rejects.toMatchObject({
      code: 'EVA_STORAGE_FAILED',
      details: { reason: 'ENOENT' },
    })
  })

  it.runIf(process.platform === 'linux')('staged directory: a full disk: is told as such', async () => {
    const full = await writeFile('/dev/full', 'x').catch((cause: unknown) => cause)
    expect(storageFault(full)).toMatchObject({ code: 'EVA_STORAGE_FULL' })
  })
})

describe('sweeping leftovers', () => {
  async function leftoverOf(left: StagingOwner, ageMs = 0): Promise<string> {
    const before = new Set(await readdir(storage))
    const staged = await stageDirectory(storage, left)
    await staged.write('chunk-0.bin', bytes)
    const name = (await readdir(storage)).find(entry => !before.has(entry)) ?? ''
    const changedAt = new Date(Date.now() - ageMs)
    for (const path of [join(storage, name, 'song'), join(storage, name)]) await utimes(path, changedAt, changedAt)
    return name
  }

  const sweep = (living: readonly number[]) =>
    sweepStaging(storage, owner, { nowMs: () => Date.now(), isAlive: pid => living.includes(pid) })

  it('sweeping: the work of a dead process of this machine: goes', async () => {
    await leftoverOf({ hostname: 'here', pid: 1 })
    await leftoverOf({ hostname: 'here', pid: 2 })
    const living = await leftoverOf({ hostname: 'here', pid: 3 })
    expect(await sweep([3])).toBe(2)
    expect(await readdir(storage)).toEqual([living])
  })

  it('sweeping: our own work, and that of another machine: stays for a day', async () => {
    const own = await leftoverOf(owner, 23 * HOUR_MS)
    const foreign = await leftoverOf({ hostname: 'there', pid: 1 }, 23 * HOUR_MS)
    await leftoverOf(owner, 25 * HOUR_MS)
    await leftoverOf({ hostname: 'there', pid: 1 }, 25 * HOUR_MS)
    expect(await sweep([])).toBe(2)
    expect((await readdir(storage)).sort()).toEqual([own, foreign].sort())
  })

  it('sweeping: a day-old directory in which something was written lately: stays', async () => {
    const name = await leftoverOf({ hostname: 'there', pid: 1 }, 25 * HOUR_MS)
    await writeFile(join(storage, name, 'song', 'chunk-1.bin'), 'x')
    expect(await sweep([])).toBe(0)
  })

  it('sweeping: songs and whatever else lies there: stay', async () => {
    await mkdir(join(storage, 'song-1'))
    await mkdir(join(storage, '.hidden'))
    await writeFile(join(storage, 'README'), 'x')
    await utimes(join(storage, '.hidden'), 0, 0)
    expect(await sweep([])).toBe(0)
    expect((await readdir(storage)).length).toBe(3)
  })

  it('sweeping: odd names that begin like ours: are judged by their age', async () => {
    await mkdir(join(storage, '.staging-'))
    await mkdir(join(storage, '.staging-x-y-z'))
    await utimes(join(storage, '.staging-x-y-z'), 0, 0)
    await chmod(join(storage, '.staging-'), 0o700)
    expect(await sweep([])).toBe(1)
    expect(await readdir(storage)).toEqual(['.staging-'])
  })

  it('sweeping: whether a process lives: is known of this one and of none', () => {
    expect(isProcessAlive(process.pid)).toBe(true)
    expect(isProcessAlive(2 ** 22 + 1)).toBe(false)
  })
})
