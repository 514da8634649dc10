// Checks the origin server as a whole, on a real directory: it needs nothing else, and ends cleanly.

import { mkdir, mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig } from '@evastream/service-kit/config'
import { createLogger } from '@evastream/service-kit/logger'
import { seededBytes } from '@evastream/testkit/audio-fixtures'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { originServerOptions } from './config.ts'
import { startOriginServer } from './main.ts'

const logger = createLogger({ name: 'origin', level: 'silent' })

let root: string

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'evastream-origin-main-'))
  onTestFinished(() => rm(root, { recursive: true }))
})

const configOf = (...argv: string[]) => loadConfig(originServerOptions, { argv, env: {} }).values

async function start(storage: string): Promise<string> {
  const running = await startOriginServer(configOf('--port=0', `--storage=${storage}`), logger)
  onTestFinished(() => running.close())
  expect(running.service).toBe('origin')
  return running.url
}

describe('the origin server', () => {
  it('origin server: without its directory and without any other service: makes it, and is ready while empty', async () => {
    const storage = join(root, 'new', 'origin-storage')
    const url = await start(storage)
    expect((await stat(storage)).isDirectory()).toBe(true)
    expect((await fetch(`${url}/readyz`)).status).toBe(200)
    expect((await fetch(`${url}/chunk?songId=song-1&chunkId=0`)).status).toBe(404)
    expect((await fetch(`${url}/openapi.json`)).status).toBe(200)
  })

  it('origin server: a song that appears while it runs: is served at once', async () => {
    const url = await start(root)
    const chunk = seededBytes(1, 50_000)
    await mkdir(join(root, '.staging-1'))
    await writeFile(join(root, '.staging-1', 'chunk-0.bin'), chunk)
    expect((await fetch(`${url}/chunk?songId=.staging-1&chunkId=0`)).status).toBe(400)
    await rename(join(root, '.staging-1'), join(root, 'song-1'))
    const reply = await fetch(`${url}/chunk?songId=song-1&chunkId=0`)
    expect(Buffer.from(await reply.arrayBuffer()).equals(chunk)).toBe(true)
  })

  it('origin server: its directory taken away: is not ready', async () => {
    const storage = join(root, 'origin-storage')
    const url = await start(storage)
    await rm(storage, { recursive: true })
    expect((await fetch(`${url}/readyz`)).status).toBe(503)
  })

  it('origin server: a file in place of its directory: does not start', async () => {
    await writeFile(join(root, 'file'), 'x')
    await expect(start(join(root, 'file'))).rejects.toMatchObject({ code: 'EVA_DIRECTORY_UNREADABLE' })
  })

  it('origin server: limits that are no numbers: are refused with their bounds', () => {
    expect(() => configOf('--maxConcurrent=0')).toThrow(/maxConcurrent.*from 1 to 65536/)
    expect(() => configOf('--maxBytesPerSecond=-1')).toThrow(/maxBytesPerSecond.*from 0/)
  })
})
