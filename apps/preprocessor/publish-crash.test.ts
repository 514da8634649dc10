// Checks with real processes that a publisher killed at any moment leaves nothing half-published, and that a rerun completes it.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { pathToFileURL } from 'node:url'
import { loadConfig } from '@evastream/service-kit/config'
import { mp3Bytes, pngPicture } from '@evastream/testkit/audio-fixtures'
import { PublishingDesk } from '@evastream/testkit/publishing-desk'
import { describe, expect, it, type TestContext } from 'vitest'
import { preprocessorOptions } from './config.ts'
import { publishSong } from './main.ts'

const TOKEN = 'operator-token-of-this-test'
const CHUNK_SIZE = 16_384
const bytes = mp3Bytes({ seed: 5, sizeBytes: 20 * CHUNK_SIZE + 1, tags: { title: 'Survivor', cover: pngPicture(1, 64) } })

/** Publishes like main.ts, with a listener that kills its own process at the moment named in KILL_AT. */
const CHILD_SCRIPT = `
import { MetadataClient } from '@evastream/clients/metadata-client'
const { openInputFile } = await import(process.env.HERE + '/input-file.ts')
const { Publisher } = await import(process.env.HERE + '/publisher.ts')
const { INPUT, STORAGE, METADATA, KILL_AT, SONG_ID } = process.env
const die = moment => { if (moment === KILL_AT) process.kill(process.pid, 'SIGKILL') }
let chunkCount = 0
const listener = { reached: die, progressed: () => die('chunk ' + ++chunkCount), noted: () => {} }
const metadata = new MetadataClient({ baseUrl: METADATA, token: '${TOKEN}' })
const input = await openInputFile(INPUT)
const deps = { input, metadata, listener, owner: { hostname: 'this-test', pid: process.pid }, nowMs: () => Date.now() }
const wish = { inputPath: INPUT, songId: SONG_ID || undefined, chunkSize: ${CHUNK_SIZE}, storageDir: STORAGE, overrides: {} }
const publication = await new Publisher(deps, wish).publish()
process.stdout.write(publication.result)
await metadata.close()
`

interface Stage {
  readonly storage: string
  readonly input: string
  readonly desk: PublishingDesk
  start(killAt: string, songId?: string): ChildProcess
}

async function setStage(onTestFinished: TestContext['onTestFinished']): Promise<Stage> {
  const root = await mkdtemp(join(tmpdir(), 'evastream-crash-'))
  const storage = join(root, 'origin-storage')
  const input = join(root, 'song.mp3')
  await mkdir(storage)
  await writeFile(input, bytes)
  const desk = await new PublishingDesk({ token: TOKEN }).start()
  const children: ChildProcess[] = []
  onTestFinished(async () => {
    for (const child of children) child.kill('SIGKILL')
    await desk.stop()
    await rm(root, { recursive: true })
  })
  const start = (killAt: string, songId = 'song-1') => {
    const HERE = pathToFileURL(import.meta.dirname).href
    const env = { ...process.env, HERE, INPUT: input, STORAGE: storage, METADATA: desk.url, KILL_AT: killAt, SONG_ID: songId }
    const argv = ['--conditions=evastream-source', '--import=tsx', '--input-type=module', '--eval', CHILD_SCRIPT]
    const child = spawn(process.execPath, argv, { env, cwd: import.meta.dirname, stdio: ['ignore', 'pipe', 'inherit'] })
    children.push(child)
    return child
  }
  return { storage, input, desk, start }
}

/** Every song that can be seen in the storage is whole, and every registered song can be seen. */
async function expectNothingHalfPublished({ storage, desk }: Stage): Promise<void> {
  const visible = (await readdir(storage)).filter(name => !name.startsWith('.'))
  for (const songId of visible) expect((await storedBytes(storage, songId)).equals(bytes)).toBe(true)
  for (const songId of desk.published.keys()) expect(visible).toContain(songId)
}

async function storedBytes(storage: string, songId: string): Promise<Buffer> {
  const names = (await readdir(join(storage, songId))).filter(name => name.startsWith('chunk-'))
  return Buffer.concat(await Promise.all(names.map((_name, chunkId) => readFile(join(storage, songId, `chunk-${chunkId}.bin`)))))
}

async function publishHere(stage: Stage, songId?: string): Promise<string> {
  const id = songId === undefined ? [] : [`--songId=${songId}`]
  const argv = [`--input=${stage.input}`, `--chunkSize=${CHUNK_SIZE}`, `--storage=${stage.storage}`, `--metadata=${stage.desk.url}`, ...id]
  const env = { EVASTREAM_ADMIN_TOKEN: TOKEN }
  const { values } = loadConfig(preprocessorOptions, { argv, env })
  return (await publishSong(values, { stdout: new PassThrough(), stderr: new PassThrough(), isTerminal: false, env })).result
}

async function expectRerunCompletes(stage: Stage, songId?: string): Promise<void> {
  await publishHere(stage, songId)
  await expectNothingHalfPublished(stage)
  expect(stage.desk.published.size).toBe(1)
  expect(await publishHere(stage, songId)).toBe('unchanged')
}

// Side by side: most of a child's time goes into starting it.
describe.concurrent('a publisher that is killed', () => {
  it.for(['staged', 'chunk 11', 'chunk 21', 'placed', 'registered'])(
    'killed publisher: at "%s": leaves nothing half-published, and a rerun completes it',
    async (moment, { onTestFinished }) => {
      const stage = await setStage(onTestFinished)
      expect(await once(stage.start(moment), 'exit')).toEqual([null, 'SIGKILL'])
      await expectNothingHalfPublished(stage)
      expect(stage.desk.published.size).toBe(moment === 'registered' ? 1 : 0)
      await expectRerunCompletes(stage, 'song-1')
    },
  )

  it.for(['hang-before-storing', 'hang-after-storing'] as const)(
    'killed publisher: while the service is about to answer (%s): leaves nothing half-published, and a rerun completes it',
    async (fault, { onTestFinished }) => {
      const stage = await setStage(onTestFinished)
      const child = stage.start('never')
      stage.desk.fail(fault, () => child.kill('SIGKILL'))
      expect(await once(child, 'exit')).toEqual([null, 'SIGKILL'])
      stage.desk.fail('none')
      await expectNothingHalfPublished(stage)
      expect(stage.desk.published.size).toBe(fault === 'hang-after-storing' ? 1 : 0)
      await expectRerunCompletes(stage, 'song-1')
    },
  )

  it('killed publisher: of a song without an id: leaves what the next publisher of its machine sweeps away', async ({ onTestFinished }) => {
    const stage = await setStage(onTestFinished)
    await once(stage.start('chunk 11', ''), 'exit')
    expect((await readdir(stage.storage)).map(name => name.slice(0, 9))).toEqual(['.staging-'])
    expect(await once(stage.start('never', ''), 'exit')).toEqual([0, null])
    const [songId] = stage.desk.published.keys()
    expect(await readdir(stage.storage)).toEqual([songId])
    await expectRerunCompletes(stage)
  })

  it('two publishers: of the same song at once: both succeed', async ({ onTestFinished }) => {
    const stage = await setStage(onTestFinished)
    const outputs = [stage.start('never'), stage.start('never')].map(async child => {
      const parts: Buffer[] = []
      child.stdout?.on('data', part => parts.push(part))
      expect(await once(child, 'close')).toEqual([0, null])
      return Buffer.concat(parts).toString()
    })
    expect((await Promise.all(outputs)).sort()).toEqual(['created', 'unchanged'])
    await expectNothingHalfPublished(stage)
    expect(await readdir(stage.storage)).toEqual(['song-1'])
  })
})
