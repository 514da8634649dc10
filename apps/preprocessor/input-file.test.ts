// Checks that a file is read whole, as it was when it was opened, or not at all.

import { appendFile, mkdir, mkdtemp, rename, rm, symlink, truncate, utimes, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FILE_SIZE_MAX_BYTES } from '@evastream/core/manifest'
import { MIB } from '@evastream/core/units'
import { seededBytes } from '@evastream/testkit/audio-fixtures'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { type InputFile, openInputFile } from './input-file.ts'

let directory: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'evastream-input-'))
})

afterAll(() => rm(directory, { recursive: true }))

async function inputOf(name: string, bytes: Uint8Array): Promise<{ input: InputFile; path: string }> {
  const path = join(directory, name)
  await writeFile(path, bytes)
  const input = await openInputFile(path)
  onTestFinished(() => input.close())
  return { input, path }
}

async function readAll(input: InputFile, signal?: AbortSignal): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const part of input.bytes(signal)) parts.push(part.slice())
  return Buffer.concat(parts)
}

describe('the input file', () => {
  it.each([1, 5000, MIB - 1, MIB, MIB + 1, 3 * MIB + 7])('input file: of %i bytes: is read whole, and again', async sizeBytes => {
    const bytes = seededBytes(sizeBytes, sizeBytes)
    const { input } = await inputOf(`of-${sizeBytes}`, bytes)
    expect(input.sizeBytes).toBe(sizeBytes)
    expect((await readAll(input)).equals(bytes)).toBe(true)
    expect((await readAll(input)).equals(bytes)).toBe(true)
    await input.checkUnchanged()
  })

  it.each([
    ['a missing file', 'none.mp3', 'EVA_INPUT_MISSING'],
    ['a path through a file', 'plain/none.mp3', 'EVA_INPUT_MISSING'],
    ['a directory', 'folder', 'EVA_INPUT_NOT_A_FILE'],
    ['a socket', 'socket', 'EVA_INPUT_NOT_A_FILE'],
    ['an empty file', 'empty', 'EVA_INPUT_EMPTY'],
    ['a link to itself', 'loop', 'EVA_INPUT_UNREADABLE'],
    ['a file larger than any song', 'huge', 'EVA_MANIFEST_INVALID'],
  ])('input file: %s: is refused with its own code', async (_what, name, code) => {
    await mkdir(join(directory, 'folder'), { recursive: true })
    await writeFile(join(directory, 'plain'), 'x')
    await writeFile(join(directory, 'empty'), '')
    await writeFile(join(directory, 'huge'), '')
    await truncate(join(directory, 'huge'), FILE_SIZE_MAX_BYTES + 1)
    await symlink('loop', join(directory, 'loop')).catch(ignoreExisting)
    const server = createServer()
    await new Promise<void>(resolve => server.listen(join(directory, 'socket'), resolve))
    onTestFinished(() => void server.close())
    await expect(openInputFile(join(directory, name))).rejects.toMatchObject({ code })
  })

  it.skipIf(process.getuid?.() === 0)('input file: without the right to read it (root has every right): is refused', async () => {
    const path = join(directory, 'secret')
    await writeFile(path, 'x', { mode: 0o000 })
    await expect(openInputFile(path)).rejects.toMatchObject({ code: 'EVA_INPUT_UNREADABLE' })
  })

  it.each([
    ['that grows', (path: string) => appendFile(path, 'x')],
    ['that is cut', (path: string) => truncate(path, 1000)],
  ])('input file: one %s while it is read: ends the reading', async (_what, change) => {
    const { input, path } = await inputOf('moving', seededBytes(1, 3 * MIB))
    const reading = (async () => {
      for await (const _part of input.bytes()) await change(path)
    })()
    await expect(reading).rejects.toMatchObject({ code: 'EVA_INPUT_CHANGED', details: { path } })
  })

  it.each([
    ['written in place', async (path: string) => await writeFile(path, seededBytes(9, 1000), { flag: 'r+' })],
    ['touched', async (path: string) => await utimes(path, 1, 1)],
    [
      'replaced',
      async (path: string) => {
        await writeFile(`${path}.new`, seededBytes(2, 1000))
        await utimes(`${path}.new`, 1000, 1000)
        await rename(`${path}.new`, path)
      },
    ],
    ['removed', async (path: string) => await rm(path)],
  ])('input file: one that was %s after it was opened: is noticed', async (what, change) => {
    const { input, path } = await inputOf(`settled-${what.split(' ')[0]}`, seededBytes(1, 1000))
    await utimes(path, 1000, 1000)
    const reopened = await openInputFile(path)
    onTestFinished(() => reopened.close())
    await reopened.checkUnchanged()
    await change(path)
    await expect(reopened.checkUnchanged()).rejects.toMatchObject({ code: 'EVA_INPUT_CHANGED' })
    expect(input.sizeBytes).toBe(1000)
  })

  it('input file: cancelled while it is read: stops', async () => {
    const { input } = await inputOf('cancelled', seededBytes(1, 3 * MIB))
    const controller = new AbortController()
    const reading = (async () => {
      for await (const _part of input.bytes(controller.signal)) controller.abort()
    })()
    await expect(reading).rejects.toMatchObject({ code: 'EVA_CANCELLED' })
  })
})

function ignoreExisting(cause: NodeJS.ErrnoException): void {
  if (cause.code !== 'EEXIST') throw cause
}
