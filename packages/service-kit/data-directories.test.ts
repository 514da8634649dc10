// Checks that a directory is made and proven writable, or refused with its path and flag.

import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ensureWritableDirectory, errnoOf } from './data-directories.ts'

describe('a data directory', () => {
  let place = ''
  beforeEach(async () => {
    place = await mkdtemp(join(tmpdir(), 'evastream-dirs-'))
  })
  afterEach(async () => await rm(place, { recursive: true }))

  it('missing with its parents: is made, and left empty', async () => {
    const path = join(place, 'a/b/c')
    expect(await ensureWritableDirectory(path, '--data')).toBe(path)
    expect(await readdir(path)).toEqual([])
  })

  it('made by several at once: all succeed', async () => {
    const path = join(place, 'a/b/c')
    await expect(Promise.all(Array.from({ length: 8 }, () => ensureWritableDirectory(path, '--data')))).resolves.toHaveLength(8)
  })

  it('under a file: is refused with path, reason and flag', async () => {
    await writeFile(join(place, 'file'), '')
    const path = join(place, 'file/data')
    await expect(ensureWritableDirectory(path, '--data')).rejects.toMatchObject({
      code: 'EVA_DIRECTORY_UNWRITABLE',
      details: { path, reason: 'ENOTDIR', flag: '--data' },
    })
  })

  it('that is a file: is refused', async () => {
    await writeFile(join(place, 'file'), '')
    await expect(ensureWritableDirectory(join(place, 'file'), '--data')).rejects.toMatchObject({ code: 'EVA_DIRECTORY_UNWRITABLE' })
  })

  it.skipIf(process.platform !== 'linux')('where nothing can be made (/proc): is refused at once', async () => {
    await expect(ensureWritableDirectory('/proc/evastream/data', '--data')).rejects.toMatchObject({ code: 'EVA_DIRECTORY_UNWRITABLE' })
  })

  it('the name of a failure: without a code: is its message', () => {
    expect(errnoOf(Object.assign(new TypeError('x'), { code: 'EIO' }))).toBe('EIO')
    expect(errnoOf(new TypeError('broken'))).toBe('broken')
    expect(errnoOf('text')).toBe('text')
  })
})
