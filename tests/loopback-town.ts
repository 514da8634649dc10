// A town for one end-to-end test: real service and peer processes on free loopback ports, in a directory of their own.
// Not the demo's town: here every part can be left out, replaced, killed and started again where it was.
// Invariant: `close` ends every process it started and removes the directory.

import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { EvaError, toEvaError } from '@evastream/core/errors'
import type { PeerStatus, SongProgress } from '@evastream/protocol/peer-http'
import { loadConfig } from '@evastream/service-kit/config'
import { mp3Bytes } from '@evastream/testkit/audio-fixtures'
import { eventually } from '@evastream/testkit/eventually'
import { ServiceProcess } from '../apps/evastream/demo/service-process.ts'
import { PROGRAM_PATH } from '../apps/evastream/repository-path.ts'
import { preprocessorOptions } from '../apps/preprocessor/config.ts'
import { publishSong } from '../apps/preprocessor/main.ts'

const WAIT_MS = 30_000

export interface SongWish {
  readonly songId: string
  readonly sizeBytes: number
  readonly chunkSize?: number
  readonly seed?: number
}

export interface PublishedFile {
  readonly songId: string
  readonly path: string
  readonly bytes: Uint8Array
  readonly chunkSize: number
  readonly sha256: string
}

export interface CommandOutcome {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
}

/** Runs `evastream …` to its end. The environment holds no settings of whoever runs the tests. */
export function runCommand(args: readonly string[], { cwd, env }: RunOptions = {}): Promise<CommandOutcome> {
  const options = { env: cleanEnvironment(env), maxBuffer: 64 * 1024 * 1024, ...(cwd === undefined ? {} : { cwd }) }
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [PROGRAM_PATH, ...args], options, (error, stdout, stderr) => {
      if (error === null) resolve({ exitCode: 0, stdout, stderr })
      else if (typeof error.code === 'number') resolve({ exitCode: error.code, stdout, stderr })
      else reject(toEvaError(error))
    })
  })
}

export function cleanEnvironment(extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('EVASTREAM_'))
  return { ...Object.fromEntries(own), ...extra }
}

export interface LogLine {
  readonly level: string
  readonly msg: string
}

export class LoopbackTown {
  readonly directory: string
  readonly #processes = new Map<string, ServiceProcess>()
  readonly #starts = new Map<string, number>()

  private constructor(directory: string) {
    this.directory = directory
  }

  static async make(): Promise<LoopbackTown> {
    const town = new LoopbackTown(await mkdtemp(join(tmpdir(), 'evastream-town-')))
    await mkdir(town.path('logs'))
    return town
  }

  /** The three services, with heartbeats quick enough for a test to see peers expire. */
  static async open(): Promise<LoopbackTown> {
    const town = await LoopbackTown.make()
    await Promise.all([town.startMetadata(), town.startOrigin()])
    await town.startTracker()
    return town
  }

  path(name: string): string {
    return join(this.directory, name)
  }

  /** The running process of that name. @throws EvaError when there is none. */
  process(name: string): ServiceProcess {
    const process = this.#processes.get(name)
    if (process === undefined) throw new EvaError('EVA_NOT_READY', { details: { reason: `${name} was not started` } })
    return process
  }

  url(name: string): string {
    return this.process(name).url
  }

  startMetadata(port = 0): Promise<ServiceProcess> {
    return this.start('metadata', 'metadata', [`--port=${port}`, `--data=${this.path('metadata')}`])
  }

  startOrigin(port = 0, flags: readonly string[] = []): Promise<ServiceProcess> {
    return this.start('origin', 'origin', [`--port=${port}`, `--storage=${this.path('origin-storage')}`, ...flags])
  }

  startTracker(port = 0): Promise<ServiceProcess> {
    const times = ['--heartbeat.intervalMs=200', '--peer.expiresAfterMs=1000', '--sweep.intervalMs=500']
    return this.start('tracker', 'tracker', [`--port=${port}`, `--metadata=${this.url('metadata')}`, ...times])
  }

  /** Other addresses (of a fault proxy, of nothing) replace those of the town's own services. */
  startPeer(peerId: string, flags: readonly string[] = []): Promise<ServiceProcess> {
    const has = (flag: string): boolean => flags.some(text => text.startsWith(`--${flag}=`))
    const services = ['metadata', 'tracker', 'origin'].filter(name => !has(name)).map(name => `--${name}=${this.url(name)}`)
    const ports = ['peer.port', 'http.port'].filter(name => !has(name)).map(name => `--${name}=0`)
    return this.start(peerId, 'peer', [`--peer.id=${peerId}`, `--data=${this.path('peers')}`, ...services, ...ports, ...flags])
  }

  /** Ends a peer for good; what it kept stays on disk. */
  async endPeer(peerId: string): Promise<void> {
    await this.#processes.get(peerId)?.kill()
    this.#processes.delete(peerId)
  }

  async start(name: string, verb: string, args: readonly string[]): Promise<ServiceProcess> {
    const count = (this.#starts.get(name) ?? 0) + 1
    this.#starts.set(name, count)
    const process = await ServiceProcess.start({
      name: `${name}-${count}`,
      verb,
      args,
      logDirectory: this.path('logs'),
      env: cleanEnvironment(),
    })
    this.#processes.set(name, process)
    return process
  }

  /** Makes a song of silence and publishes it. */
  async publish({ songId, sizeBytes, chunkSize = 64 * 1024, seed = 1 }: SongWish): Promise<PublishedFile> {
    const path = this.path(`${songId}.mp3`)
    await writeFile(path, mp3Bytes({ seed, sizeBytes }))
    return this.publishFile({ songId, path, chunkSize })
  }

  /** Publishes as the preprocessor does, in this process. */
  async publishFile({ songId, path, chunkSize }: Pick<PublishedFile, 'songId' | 'path' | 'chunkSize'>): Promise<PublishedFile> {
    const flags = [
      `--input=${path}`,
      `--songId=${songId}`,
      `--chunkSize=${chunkSize}`,
      `--storage=${this.path('origin-storage')}`,
      '--quiet',
    ]
    const services = [`--metadata=${this.url('metadata')}`, `--data=${this.path('metadata')}`]
    const { values } = loadConfig(preprocessorOptions, { argv: [...flags, ...services], env: {} })
    await publishSong(values, { stdout: nowhere(), stderr: nowhere(), isTerminal: false, env: {} })
    // A plain array, whose slices are copies: whoever spoils one spoils nobody else's.
    const bytes = new Uint8Array(await readFile(path))
    return { songId, path, bytes, chunkSize, sha256: sha256Of(bytes) }
  }

  async download(peerId: string, songId: string): Promise<void> {
    const reply = await fetch(`${this.url(peerId)}/api/songs/${songId}/download`, { method: 'POST' })
    if (reply.status !== 202) throw new EvaError('EVA_INTERNAL', { details: { reason: await reply.text() } })
  }

  async status(peerId: string): Promise<PeerStatus> {
    return (await (await fetch(`${this.url(peerId)}/api/status`)).json()) as PeerStatus
  }

  async progress(peerId: string, songId: string): Promise<SongProgress> {
    const progress = (await this.status(peerId)).songs.find(song => song.songId === songId)
    return progress ?? { songId, chunkCount: 0, chunksHeld: 0, complete: false }
  }

  async whenComplete(peerId: string, songId: string, deadlineMs = WAIT_MS): Promise<PeerStatus> {
    await eventually(`${peerId} has ${songId}`, async () => (await this.progress(peerId, songId)).complete, { deadlineMs })
    return this.status(peerId)
  }

  /** What the peer's player would hear. */
  async sha256At(peerId: string, songId: string): Promise<string> {
    const reply = await fetch(`${this.url(peerId)}/stream/${songId}`)
    return sha256Of(new Uint8Array(await reply.arrayBuffer()))
  }

  async holders(songId: string): Promise<ReadonlyMap<string, readonly number[]>> {
    const reply = await fetch(`${this.url('tracker')}/peers?songId=${songId}&limit=100`)
    const { peers } = (await reply.json()) as { peers: { peerId: string; chunks: number[] }[] }
    return new Map(peers.map(({ peerId, chunks }) => [peerId, chunks]))
  }

  originSentBytes(): Promise<number> {
    return this.metric('origin', 'evastream_origin_sent_bytes_total')
  }

  /** What a process tells Prometheus: one series (`labels` as `name="value"`), 0 if it was not counted yet. */
  async metric(name: string, series: string, labels = ''): Promise<number> {
    const text = await (await fetch(`${this.url(name)}/metrics`)).text()
    const line = text.split('\n').find(each => (each.startsWith(`${series}{`) ? each.includes(labels) : each.startsWith(`${series} `)))
    return Number(line?.split(' ').at(-1) ?? 0)
  }

  /** Where a peer keeps a song's audio. */
  songFile(peerId: string, songId: string): string {
    return this.path(`peers/${peerId}/songs/${songId}/audio`)
  }

  /** What the last process of that name has logged so far. */
  log(name: string): readonly LogLine[] {
    const text = readFileSync(this.path(`logs/${name}-${this.#starts.get(name) ?? 0}.log`), 'utf8')
    return text
      .split('\n')
      .filter(line => line.startsWith('{"level"'))
      .map(line => JSON.parse(line) as LogLine)
  }

  async close(): Promise<void> {
    await Promise.all([...this.#processes.values()].map(process => process.kill()))
    await rm(this.directory, { recursive: true, force: true })
  }
}

function nowhere(): Writable {
  return new Writable({ write: (_chunk, _encoding, done) => done() })
}

export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** The port in a service's address, for starting it again where it was. */
export function portOf(url: string): number {
  return Number(new URL(url).port)
}
