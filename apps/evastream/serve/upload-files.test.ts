// Checks what becomes of files that arrive over the page, on a real disk.

import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { Readable } from 'node:stream'
import { EvaError } from '@evastream/core/errors'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { UploadFiles } from './upload-files.ts'

let root = ''
let uploads: UploadFiles
const directory = () => join(root, 'uploads')
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'evastream-uploads-'))
  uploads = await UploadFiles.open(directory())
})
afterEach(() => rm(root, { recursive: true }))

const received = (name: string) => uploads.receive(name, Readable.from([Buffer.from('a'), Buffer.from('b')]), async path => path)

describe('upload files', () => {
  it('a file that arrives: is whole where it is used, and gone afterwards', async () => {
    const text = await uploads.receive('a.mp3', Readable.from([Buffer.from('a'), Buffer.from('b')]), path => readFile(path, 'utf8'))
    expect([text, await readdir(directory())]).toEqual(['ab', []])
  })

  it.each([
    ['../../etc/passwd', 'passwd'],
    ['C:\\Music\\a.mp3', 'a.mp3'],
    ['..', 'upload'],
    ['.hidden.mp3', 'hidden.mp3'],
    ['a\0b\n.mp3', 'a b .mp3'],
  ])('a file called %j: lies under one plain name, below the directory', async (name, plain) => {
    const path = await received(name)
    expect(basename(path)).toBe(plain)
    expect(path.startsWith(`${directory()}/`)).toBe(true)
  })

  it('a name longer than a file system takes: its end is kept, and its characters whole', async () => {
    expect(basename(await received(`${'曲'.repeat(200)}.mp3`))).toBe(`${'曲'.repeat(83)}.mp3`)
  })

  it('an upload that breaks off: is handed to nobody, and leaves nothing', async () => {
    const broken = new Readable({
      read() {
        this.push(Buffer.from('half'))
        this.destroy(Object.assign(new Error('gone'), { code: 'ECONNRESET' }))
      },
    })
    const paths: string[] = []
    const use = async (path: string) => void paths.push(path)
    await expect(uploads.receive('a.mp3', broken, use)).rejects.toMatchObject({ code: 'EVA_CANCELLED' })
    expect([paths, await readdir(directory())]).toEqual([[], []])
  })

  it('more at once than there is room for: the last is refused, and there is room again afterwards', async () => {
    let finish: () => void = () => undefined
    const finished = new Promise<void>(resolve => {
      finish = resolve
    })
    const running = Array.from({ length: 8 }, () => uploads.receive('a.mp3', Readable.from([Buffer.from('a')]), () => finished))
    await expect(received('b.mp3')).rejects.toMatchObject({ code: 'EVA_LIMIT_REACHED', details: { limit: 8 } })
    finish()
    await Promise.all(running)
    expect(basename(await received('b.mp3'))).toBe('b.mp3')
  })

  it('an error about the file: calls it as its uploader does', async () => {
    const refusal = uploads.receive('a.mp3', Readable.from([Buffer.from('a')]), async path => {
      throw new EvaError('EVA_INPUT_NOT_AUDIO', { details: { path } })
    })
    await expect(refusal).rejects.toMatchObject({ details: { path: 'a.mp3' } })
  })

  it('opened anew: what a killed process left is gone, and what was never ours stays', async () => {
    await mkdir(join(directory(), 'evastream-upload-x'))
    await mkdir(join(directory(), 'holidays'))
    await writeFile(join(directory(), 'holidays/photo.jpg'), 'x')
    await UploadFiles.open(directory())
    expect(await readdir(directory())).toEqual(['holidays'])
  })
})
